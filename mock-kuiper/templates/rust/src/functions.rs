//! The function `c_to_f` and the aggregate `mean`.

/// Converts degrees Celsius to degrees Fahrenheit.
pub fn c_to_f(celsius: f64) -> f64 {
    celsius * 1.8 + 32.0
}

/// Computes the mean of a column in a window. A row that lacks the column has null
/// there, and the mean of no numbers is null.
pub fn mean(column: Vec<Option<f64>>) -> Option<f64> {
    let numbers: Vec<f64> = column.into_iter().flatten().collect();
    let sum: f64 = numbers.iter().sum();
    (!numbers.is_empty()).then(|| sum / numbers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::serde_json::json;
    use ekuiper::testing;

    #[test]
    fn c_to_f_converts_celsius_to_fahrenheit() {
        assert_eq!(c_to_f(100.0), 212.0);
    }

    #[test]
    fn c_to_f_takes_numbers() {
        let mut c_to_f = testing::function(c_to_f);

        assert_eq!(c_to_f.exec([json!(0)]).unwrap(), json!(32.0));
        assert!(c_to_f.exec([json!("hot")]).is_err());
    }

    #[test]
    fn mean_is_computed_over_the_numbers_of_a_window() {
        assert_eq!(mean(vec![Some(1.0), Some(2.0), None, Some(6.0)]), Some(3.0));
        assert_eq!(mean(vec![]), None);
    }
}
