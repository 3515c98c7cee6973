//! The function `echo` and the aggregate `mean`.

use ekuiper::Value;

/// Returns its argument.
pub fn echo(value: Value) -> Value {
    value
}

/// Computes the mean of a column of numbers. The mean of no numbers is null.
///
/// A row that lacks the column has null in it.
pub fn mean(column: Vec<Option<f64>>) -> Option<f64> {
    let numbers: Vec<f64> = column.into_iter().flatten().collect();
    let sum: f64 = numbers.iter().sum();
    (!numbers.is_empty()).then(|| sum / numbers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::serde_json::json;
    use ekuiper::{Expr, testing};

    #[test]
    fn echo_returns_any_value_unchanged() {
        let mut echo = testing::function(echo);

        for value in [json!(null), json!(1.5), json!({"k": [1, "x"]})] {
            assert_eq!(echo.exec([value.clone()]).unwrap(), value);
        }
    }

    #[test]
    fn a_call_without_an_argument_is_refused() {
        let mut echo = testing::function(echo);

        assert!(echo.validate([Expr::column("n")]).is_ok());
        assert!(echo.validate([]).is_err());
    }

    #[test]
    fn mean_is_computed_over_the_numbers_of_a_window() {
        assert_eq!(mean(vec![Some(1.0), Some(2.0), None, Some(6.0)]), Some(3.0));
    }

    #[test]
    fn the_mean_of_an_empty_window_is_null() {
        let mut mean = testing::aggregate(mean);

        assert!(mean.is_aggregate());
        assert_eq!(mean.exec([Value::Null]).unwrap(), Value::Null);
    }
}
