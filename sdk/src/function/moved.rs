//! Moves JSON values into and out of plain functions where their types are the
//! same, so that neither a text nor a tree is copied. Bytes become a text at once.

use std::any::{Any, TypeId};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Bytes;
use crate::given::{Given, Text};

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

/// Converts an argument of a request to one of the type `A`, if that can be done without
/// a copy of it: a text to a type that is read from a text, and a value as
/// [`from_value`] does. Returns its value otherwise.
pub(super) fn from_given<A: DeserializeOwned + 'static>(given: Given<'_>) -> Result<A, Value> {
    match given {
        Given::Text(text) if has_type::<A, Value>() || has_type::<A, String>() => {
            from_value(Value::from(text))
        }
        Given::Text(text) => A::deserialize(Text(text)).map_err(|_| Value::from(text)),
        Given::Value(value) => from_value(value),
    }
}

fn has_type<A: 'static, B: 'static>() -> bool {
    TypeId::of::<A>() == TypeId::of::<B>()
}

/// Converts a value to an argument of the type `Value`, or a text to one of the
/// type `String`. Returns the value unchanged if the argument is anything else.
fn from_value<A: 'static>(value: Value) -> Result<A, Value> {
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
    fn a_text_is_read_as_a_value_is() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Name(String);
        #[derive(Debug, PartialEq, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Side {
            Left,
        }

        assert_eq!(from_given(Given::Text("x")), Ok("x".to_owned()));
        assert_eq!(from_given(Given::Text("x")), Ok(json!("x")));
        assert_eq!(from_given(Given::Text("x")), Ok(Some("x".to_owned())));
        assert_eq!(from_given(Given::Text("x")), Ok(Name("x".to_owned())));
        assert_eq!(from_given(Given::Text("x")), Ok('x'));
        assert_eq!(from_given(Given::Text("left")), Ok(Some(Side::Left)));
        assert_eq!(
            from_given(Given::Text("eA==")),
            Ok(Some(Bytes::from(&b"x"[..])))
        );
        assert_eq!(from_given::<Bytes>(Given::Text("*")), Err(json!("*")));
        assert_eq!(from_given::<f64>(Given::Text("1")), Err(json!("1")));
        assert_eq!(from_given::<Vec<u8>>(Given::Text("1")), Err(json!("1")));
        assert_eq!(from_given::<()>(Given::Text("")), Err(json!("")));
        assert_eq!(from_given(Given::Value(json!("x"))), Ok("x".to_owned()));
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
