//! Moves JSON values into and out of plain functions where their types are the
//! same, so that neither a text nor a tree is copied. Bytes become a text at once.

use std::any::Any;

use serde_json::Value;

use crate::Bytes;

/// Returns `value` as a `U` if that is its type, and unchanged otherwise.
fn same<T: 'static, U: 'static>(value: T) -> Result<U, T> {
    let mut slot = Some(value);
    let any: &mut dyn Any = &mut slot;
    match any.downcast_mut::<Option<U>>().and_then(Option::take) {
        Some(value) => Ok(value),
        None => Err(slot.expect("only a value of the same type was taken")),
    }
}

/// Converts a `Value`, a `String` or `Bytes` to a `Value`. Returns any other type
/// unchanged.
pub(super) fn into_value<T: 'static>(value: T) -> Result<Value, T> {
    same(value)
        .or_else(|value| same(value).map(Value::String))
        .or_else(|value| same(value).map(|bytes: Bytes| Value::String(bytes.to_text())))
}

/// Converts a value to an argument of the type `Value`, or a text to one of the
/// type `String`. Returns the value unchanged if the argument is anything else.
pub(super) fn from_value<A: 'static>(value: Value) -> Result<A, Value> {
    same(value).or_else(|value| match value {
        Value::String(text) => same(text).map_err(Value::String),
        other => Err(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_values_and_texts_are_moved() {
        assert_eq!(from_value(json!([1])), Ok::<Value, _>(json!([1])));
        assert_eq!(from_value(json!("x")), Ok::<String, _>("x".to_owned()));
        assert_eq!(from_value::<String>(json!(1)), Err(json!(1)));
        assert_eq!(from_value::<f64>(json!(1.5)), Err(json!(1.5)));

        assert_eq!(into_value(json!(1)), Ok(json!(1)));
        assert_eq!(into_value("x".to_owned()), Ok(json!("x")));
        assert_eq!(into_value(Bytes::from(&b"x"[..])), Ok(json!("eA==")));
        assert_eq!(into_value(1.5), Err(1.5));
    }

    #[test]
    fn a_text_keeps_its_memory() {
        let text = "a long text".to_owned();
        let place = text.as_ptr();

        let argument: String = from_value(Value::String(text)).unwrap();
        let Ok(Value::String(result)) = into_value(argument) else {
            panic!("a text is moved");
        };

        assert_eq!(result.as_ptr(), place);
    }
}
