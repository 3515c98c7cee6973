//! The configuration of an instance, and how it is parsed.
//!
//! [`Config::parse`] uses serde like `serde_json::from_value`, but its errors
//! name the path of the value, such as `config.pattern.count`.

use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// The configuration of one source or sink: any JSON object.
///
/// A source gets the options of the stream (`datasource`, `format`, `key` …),
/// merged with the section of `sources/NAME.yaml` that the stream's `CONF_KEY`
/// names. A sink gets all properties of the rule's action, including those that
/// are meant for the host (`sendSingle`, `requireAck` …). So the type to parse
/// into must ignore unknown fields, as serde does by default.
///
/// Source: docs/protocol.md, section 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config(Value);

impl Config {
    /// Parses the configuration into a type of the plugin.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], with the path of the value that cannot be read and what
    /// was expected there.
    ///
    /// ```
    /// use ekuiper::{Config, serde_json::json};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Settings { pattern: Pattern }
    /// #[derive(Debug, serde::Deserialize)]
    /// struct Pattern { count: u32 }
    ///
    /// let config = Config::from_json(json!({"pattern": {"count": "many"}}))?;
    /// let error = config.parse::<Settings>().err().unwrap();
    /// assert_eq!(error.to_string(), "config.pattern.count: expected u32, found string \"many\"");
    /// # Ok::<(), ekuiper::ConfigError>(())
    /// ```
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ConfigError> {
        parse(&self.0, "config")
    }

    /// Creates a configuration from a JSON object. `null` gives an empty
    /// configuration. For tests that call `configure` themselves.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the value is neither an object nor `null`.
    pub fn from_json(value: Value) -> Result<Self, ConfigError> {
        match value {
            Value::Object(_) => Ok(Config(value)),
            Value::Null => Ok(Config::from(Map::new())),
            other => Err(ConfigError::invalid_type(unexpected(&other), &"an object").at("config")),
        }
    }

    /// Returns the value of one property.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Returns whether there are no properties. Hosts leave out an empty
    /// configuration.
    pub fn is_empty(&self) -> bool {
        self.0.as_object().is_none_or(Map::is_empty)
    }
}

impl From<Map<String, Value>> for Config {
    fn from(map: Map<String, Value>) -> Self {
        Config(Value::Object(map))
    }
}

/// Writes the configuration as JSON.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error of a value that cannot be read, such as `config.port: expected u16,
/// found string "x"`.
#[derive(Debug)]
pub struct ConfigError {
    /// The segments of the path, from the innermost to the root.
    path: Vec<String>,
    message: String,
}

impl ConfigError {
    /// Returns the path of the value, such as `config.pattern.count` or
    /// `config.topics[2]`.
    pub fn path(&self) -> String {
        self.path.iter().rev().map(String::as_str).collect()
    }

    /// Creates the error for a missing value at `path`.
    pub(crate) fn missing(path: &str) -> Self {
        Self::custom(MISSING).at(path)
    }

    fn at(mut self, segment: impl Into<String>) -> Self {
        self.path.push(segment.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path(), self.message)
    }
}

impl std::error::Error for ConfigError {}

impl serde::de::Error for ConfigError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ConfigError {
            path: Vec::new(),
            message: message.to_string(),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        // Serde expects "a borrowed string" for a `&str`. JSON has no such term.
        let expected = expected.to_string().replace("a borrowed ", "a ");
        Self::custom(format_args!("expected {expected}, found {}", Found(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(MISSING).at(format!(".{field}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("unknown field, expected {}", OneOf(expected)))
            .at(format!(".{field}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!(
            "expected {}, found \"{variant}\"",
            OneOf(expected)
        ))
    }
}

const MISSING: &str = "required, but missing";

/// Writes what was found in terms of JSON: `null` instead of serde's "unit
/// value".
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Unit => f.write_str("null"),
            Unexpected::Map => f.write_str("an object"),
            Unexpected::Seq => f.write_str("an array"),
            other => other.fmt(f),
        }
    }
}

struct OneOf(&'static [&'static str]);

impl fmt::Display for OneOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0 {
            return write!(f, "`{only}`");
        }
        f.write_str("one of ")?;
        for (index, name) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}`")?;
        }
        Ok(())
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => {
            if let Some(value) = number.as_u64() {
                Unexpected::Unsigned(value)
            } else if let Some(value) = number.as_i64() {
                Unexpected::Signed(value)
            } else {
                Unexpected::Float(number.as_f64().unwrap_or(f64::NAN))
            }
        }
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

/// Parses a value into a type. The paths in errors begin with `root`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(
    value: &'a Value,
    root: impl fmt::Display,
) -> Result<T, ConfigError> {
    T::deserialize(Node(value)).map_err(|error| error.at(root.to_string()))
}

/// A value that is being read. An error in a part of it gets the segment of that
/// part on its way out.
struct Node<'a>(&'a Value);

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => {
                if let Some(value) = number.as_u64() {
                    visitor.visit_u64(value)
                } else if let Some(value) = number.as_i64() {
                    visitor.visit_i64(value)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items {
                items: items.iter(),
                index: 0,
            }),
            Value::Object(fields) => visitor.visit_map(Fields {
                fields: fields.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(Variant {
                name: variant,
                content: None,
            }),
            Value::Object(fields) if fields.len() == 1 => {
                let (name, content) = fields.iter().next().expect("one field");
                visitor.visit_enum(Variant {
                    name,
                    content: Some(content),
                })
            }
            other => Err(ConfigError::invalid_type(
                unexpected(other),
                &"a string or an object with one field",
            )),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = ConfigError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ConfigError> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Node(item))
            .map(Some)
            .map_err(|error| error.at(format!("[{index}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Fields<'de> {
    fields: serde_json::map::Iter<'de>,
    value: Option<(&'de str, &'de Value)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = ConfigError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ConfigError> {
        let Some((key, value)) = self.fields.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, ConfigError> {
        let (key, value) = self.value.take().expect("a key was read before its value");
        seed.deserialize(Node(value))
            .map_err(|error| error.at(format!(".{key}")))
    }
}

/// The name of a field. It is read as a number if the type has numbers as keys.
struct Key<'a>(&'a str);

macro_rules! number_keys {
    ($($method:ident => $visit:ident,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
            match self.0.parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => visitor.visit_borrowed_str(self.0),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_borrowed_str(self.0)
    }

    number_keys! {
        deserialize_i8 => visit_i64, deserialize_i16 => visit_i64,
        deserialize_i32 => visit_i64, deserialize_i64 => visit_i64,
        deserialize_u8 => visit_u64, deserialize_u16 => visit_u64,
        deserialize_u32 => visit_u64, deserialize_u64 => visit_u64,
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        visitor.visit_enum(Variant {
            name: self.0,
            content: None,
        })
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Value>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = ConfigError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), ConfigError> {
        Ok((seed.deserialize(Key(self.name))?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Result<Node<'de>, ConfigError> {
        self.content.map(Node).ok_or_else(|| {
            ConfigError::custom(format_args!(
                "`{0}` needs a value, as in {{\"{0}\": …}}",
                self.name
            ))
        })
    }

    fn inside(&self) -> impl FnOnce(ConfigError) -> ConfigError {
        let segment = format!(".{}", self.name);
        move |error| error.at(segment)
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = ConfigError;

    fn unit_variant(self) -> Result<(), ConfigError> {
        match self.content {
            None => Ok(()),
            Some(content) => <()>::deserialize(Node(content)).map_err(self.inside()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, ConfigError> {
        seed.deserialize(self.content()?).map_err(self.inside())
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.content()?
            .deserialize_any(visitor)
            .map_err(self.inside())
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.content()?
            .deserialize_any(visitor)
            .map_err(self.inside())
    }
}

#[cfg(test)]
mod tests;
