//! Finds out which types of arguments are optional: `Option`, and what is read like
//! one.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// Returns whether a value of the type can be left out, by the rule that serde has for
/// the fields of a struct.
pub(super) fn is_optional<A: DeserializeOwned>() -> bool {
    A::deserialize(Missing).is_ok()
}

/// Reads a type from nothing.
struct Missing;

impl<'de> Deserializer<'de> for Missing {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("the argument is missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes
        byte_buf unit unit_struct newtype_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing;
    use crate::{Expr, FunctionContext};

    #[test]
    fn only_an_option_and_what_is_read_like_one_is_optional() {
        #[derive(serde::Deserialize)]
        #[serde(transparent)]
        struct Maybe {
            _number: Option<f64>,
        }
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Settings {
            _number: Option<f64>,
        }

        assert!(is_optional::<Option<f64>>());
        assert!(is_optional::<Option<Value>>());
        assert!(is_optional::<Maybe>());
        assert!(!is_optional::<f64>());
        assert!(!is_optional::<String>());
        assert!(!is_optional::<Value>());
        assert!(!is_optional::<()>());
        assert!(!is_optional::<Vec<Option<f64>>>());
        assert!(!is_optional::<Settings>());
    }

    fn clamp(value: f64, low: Option<f64>, high: Option<f64>) -> f64 {
        let value = low.map_or(value, |low| value.max(low));
        high.map_or(value, |high| value.min(high))
    }

    #[test]
    fn options_at_the_end_may_be_left_out() {
        let mut clamp = testing::function(clamp);

        assert_eq!(clamp.exec([json!(7)]).unwrap(), 7.0);
        assert_eq!(clamp.exec([json!(1), json!(2)]).unwrap(), 2.0);
        assert_eq!(clamp.exec([json!(7), json!(2), json!(5)]).unwrap(), 5.0);
        assert_eq!(clamp.exec([json!(7), json!(null), json!(5)]).unwrap(), 5.0);
        let literal = |value| Expr::Literal(json!(value));
        assert!(clamp.validate([Expr::column("n")]).is_ok());
        assert!(clamp.validate([Expr::column("n"), literal(2)]).is_ok());
    }

    #[test]
    fn an_option_before_a_required_argument_may_not_be_left_out() {
        let mut scale =
            testing::function(|factor: Option<f64>, value: f64| factor.unwrap_or(1.0) * value);

        let error = scale.exec([json!(1)]).unwrap_err().to_string();

        assert!(error.ends_with("expected 2 arguments, found 1"), "{error}");
    }

    #[test]
    fn the_error_of_a_wrong_number_of_arguments_has_all_right_numbers() {
        let mut clamp = testing::function(clamp);
        let mut round = testing::function(|value: f64, digits: Option<i32>| {
            let factor = 10_f64.powi(digits.unwrap_or(0));
            (value * factor).round() / factor
        });

        for (error, end) in [
            (clamp.exec([]), "expected 1 to 3 arguments, found 0"),
            (round.exec([]), "expected 1 or 2 arguments, found 0"),
        ] {
            let error = error.unwrap_err().to_string();
            assert!(error.ends_with(end), "{error}");
        }
        let four = [0; 4].map(|_| Expr::column("n"));
        let error = clamp.validate(four).unwrap_err().to_string();
        assert!(
            error.ends_with("expected 1 to 3 arguments, found 4"),
            "{error}"
        );
    }

    #[test]
    fn a_context_comes_after_the_options() {
        let mut symbol = testing::function(|x: Option<f64>, ctx: &FunctionContext| {
            format!("{x:?} {}", ctx.function_id())
        });

        assert_eq!(symbol.exec([]).unwrap(), "None 0");
    }

    #[test]
    fn no_column_of_an_aggregate_may_be_left_out() {
        let mut count = testing::aggregate(|column: Vec<Option<f64>>| column.len());

        let error = count.exec([]).unwrap_err().to_string();

        assert!(error.ends_with("expected 1 argument, found 0"), "{error}");
    }
}
