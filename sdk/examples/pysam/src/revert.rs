//! The function `revert`: reverses a string.

use ekuiper::{Args, Expr, Function, FunctionContext, Value};

pub struct Revert;

impl Function for Revert {
    fn validate(&mut self, _args: &[Expr]) -> ekuiper::Result {
        Ok(())
    }

    fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
        let text: &str = args.parse(0)?;
        Ok(text.chars().rev().collect::<String>().into())
    }

    fn is_aggregate(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::serde_json::json;
    use ekuiper::testing;

    #[test]
    fn a_string_is_reversed() {
        let mut revert = testing::function(Revert);

        assert_eq!(revert.exec([json!("pyjson")]).unwrap(), json!("nosjyp"));
    }

    #[test]
    fn an_argument_that_is_not_a_string_is_an_error() {
        let mut revert = testing::function(Revert);

        let error = revert.exec([json!(1)]).unwrap_err();

        assert_eq!(
            error.to_string(),
            "exec: argument 1: expected a string, found integer `1`"
        );
    }
}
