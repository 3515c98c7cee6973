//! The function `c_to_f` and the aggregate `mean`.

use ekuiper::{Args, Function, FunctionContext, Value};

/// Converts degrees Celsius to degrees Fahrenheit.
pub struct CToF;

impl Function for CToF {
    fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
        let celsius: f64 = args.parse(0)?;
        Ok((celsius * 1.8 + 32.0).into())
    }
}

/// Computes the mean of a column in a window. The mean of no numbers is null.
pub struct Mean;

impl Function for Mean {
    fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::serde_json::json;
    use ekuiper::testing;

    #[test]
    fn c_to_f_converts_celsius_to_fahrenheit() {
        let mut c_to_f = testing::function(CToF);

        assert_eq!(c_to_f.exec([json!(100)]).unwrap(), json!(212.0));
    }
}
