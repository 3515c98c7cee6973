//! The arguments of a request as they were read: texts are not copied.

use std::fmt;

use serde::de::value::{Error, MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

/// An argument of a request to a function.
///
/// A text is that of the request unless it has escapes. An image as base64 is so long
/// that its copy would cost as much as reading it.
#[derive(Clone, Debug, PartialEq)]
pub enum Given<'a> {
    /// A text in the request.
    Text(&'a str),
    /// Any other value.
    Value(Value),
}

impl<'a> Given<'a> {
    /// Returns the text, if it is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Given::Text(text) => Some(text),
            Given::Value(value) => value.as_str(),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Given::Value(Value::Null))
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Given::Text(text) => Value::from(text),
            Given::Value(value) => value,
        }
    }
}

impl Default for Given<'_> {
    fn default() -> Self {
        Given::Value(Value::Null)
    }
}

impl<'de> Deserialize<'de> for Given<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// Reads what a [`Value`] reads.
struct AnyValue;

macro_rules! values {
    ($($method:ident($type:ty),)*) => {
        $(fn $method<E: serde::de::Error>(self, value: $type) -> Result<Given<'de>, E> {
            Ok(Given::Value(Value::from(value)))
        })*
    };
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Given<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    values! {
        visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64),
        visit_str(&str), visit_string(String),
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Given<'de>, E> {
        Ok(Given::Text(text))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Given<'de>, E> {
        Ok(Given::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Given<'de>, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(items)).map(Given::Value)
    }

    // With serde_json's feature `arbitrary_precision`, a number is a map here, too.
    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Given<'de>, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(fields)).map(Given::Value)
    }
}

/// Reads a type from a text.
pub(crate) struct Text<'de>(pub(crate) &'de str);

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes
        byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_is_that_of_the_request_and_others_are_values() {
        let request = r#"["abc","a\tc",1,-1,1.5,true,null,["x"],{"k":"v"}]"#;

        let given: Vec<Given<'_>> = serde_json::from_str(request).unwrap();

        let Given::Text(text) = given[0] else {
            panic!("{:?}", given[0]);
        };
        assert_eq!((text, text.as_ptr()), ("abc", request[2..].as_ptr()));
        let values: Vec<_> = given.iter().cloned().map(Given::into_value).collect();
        assert_eq!(
            Value::from(values),
            json!(["abc", "a\tc", 1, -1, 1.5, true, null, ["x"], {"k": "v"}])
        );
        assert_eq!(given[1], Given::Value(json!("a\tc")));
        assert_eq!(given[1].as_str(), Some("a\tc"));
        assert!(given[6].is_null());
    }

    proptest::proptest! {
        #[test]
        fn a_request_is_read_as_a_value_is(numbers in proptest::collection::vec(
            proptest::num::f64::ANY, 0..4,
        ), text in ".{0,20}", whole in proptest::num::i64::ANY) {
            let request = json!([numbers, text, whole, {text.as_str(): numbers}]).to_string();

            let given: Vec<Given<'_>> = serde_json::from_str(&request).unwrap();

            let values: Vec<_> = given.into_iter().map(Given::into_value).collect();
            let read: Vec<Value> = serde_json::from_str(&request).unwrap();
            proptest::prop_assert_eq!(values, read);
        }
    }
}
