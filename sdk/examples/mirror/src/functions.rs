//! The function `echo` and the aggregate `mean`.

use ekuiper::{Args, Expr, Function, FunctionContext, Value};

/// Returns its argument.
pub struct Echo;

impl Function for Echo {
    fn validate(&mut self, args: &[Expr]) -> ekuiper::Result {
        one_argument("echo", args)
    }

    fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
        Ok(args.into_iter().next().unwrap_or_default())
    }
}

/// Computes the mean of a column of numbers. The mean of no numbers is null.
pub struct Mean;

impl Function for Mean {
    fn validate(&mut self, args: &[Expr]) -> ekuiper::Result {
        one_argument("mean", args)
    }

    fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
        // A row that lacks the column has null here.
        let column: Vec<Option<f64>> = args.parse(0)?;
        let numbers: Vec<f64> = column.into_iter().flatten().collect();
        if numbers.is_empty() {
            return Ok(Value::Null);
        }
        Ok((numbers.iter().sum::<f64>() / numbers.len() as f64).into())
    }

    fn is_aggregate(&self) -> bool {
        true
    }
}

fn one_argument(name: &str, args: &[Expr]) -> ekuiper::Result {
    match args {
        [_] => Ok(()),
        _ => Err(format!("{name}: expected one argument, found {}", args.len()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::serde_json::json;
    use ekuiper::testing;

    #[test]
    fn echo_returns_any_value_unchanged() {
        let mut echo = testing::function(Echo);

        for value in [json!(null), json!(1.5), json!({"k": [1, "x"]})] {
            assert_eq!(echo.exec([value.clone()]).unwrap(), value);
        }
    }

    #[test]
    fn a_call_without_an_argument_is_refused() {
        let mut echo = testing::function(Echo);

        assert!(echo.validate([Expr::column("n")]).is_ok());
        assert_eq!(
            echo.validate([]).unwrap_err().to_string(),
            "validate: echo: expected one argument, found 0"
        );
    }

    #[test]
    fn mean_is_computed_over_the_numbers_of_a_window() {
        let mut mean = testing::function(Mean);

        assert!(mean.is_aggregate());
        assert_eq!(mean.exec([json!([1, 2, null, 6])]).unwrap(), json!(3.0));
    }

    #[test]
    fn the_mean_of_an_empty_window_is_null() {
        let mut mean = testing::function(Mean);

        assert_eq!(mean.exec([Value::Null]).unwrap(), Value::Null);
    }
}
