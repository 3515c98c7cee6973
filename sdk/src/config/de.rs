//! Reads a JSON value as a type of the plugin, like `serde_json::from_value`.
//!
//! An error in a part of a value gets the segment of that part on its way out, so
//! that it has a path. With [`Notes`], the value is a configuration: properties
//! find their fields in any case, and what was taken is recorded.

use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, map};

use super::error::ConfigError;
use super::notes::{Notes, Property};

/// A value that is being read.
#[derive(Clone, Copy)]
pub(super) struct Node<'a, 'n> {
    value: &'a Value,
    notes: Option<&'n Notes>,
}

impl<'a, 'n> Node<'a, 'n> {
    pub(super) fn new(value: &'a Value, notes: Option<&'n Notes>) -> Self {
        Node { value, notes }
    }

    /// Reads this value, which is a part of another and which `segment` leads to.
    fn read<T>(
        self,
        segment: fmt::Arguments<'_>,
        read: impl FnOnce(Self) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        let outcome = match self.notes {
            Some(notes) => notes.within(segment, || read(self)),
            None => read(self),
        };
        outcome.map_err(|error| error.at(segment.to_string()))
    }

    /// Returns the properties for a type that takes them under any name.
    fn any_fields(self, object: &'a Map<String, Value>) -> Fields<'a, 'n> {
        if let Some(notes) = self.notes {
            object.keys().for_each(|name| notes.known(name));
        }
        Fields {
            properties: Properties::AsWritten(object.iter()),
            value: None,
            notes: self.notes,
        }
    }

    /// Returns the properties for a type with these fields.
    fn named_fields(
        self,
        object: &'a Map<String, Value>,
        names: &'static [&'static str],
    ) -> Fields<'a, 'n> {
        Fields {
            properties: match self.notes {
                Some(notes) => Properties::Matched(notes.match_fields(object, names).into_iter()),
                None => Properties::AsWritten(object.iter()),
            },
            value: None,
            notes: self.notes,
        }
    }
}

impl<'de> Deserializer<'de> for Node<'de, '_> {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self.value {
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
            Value::Array(items) => {
                let mut reader = Items {
                    items: items.iter(),
                    index: 0,
                    notes: self.notes,
                };
                let value = visitor.visit_seq(&mut reader)?;
                reader.end()?;
                Ok(value)
            }
            Value::Object(object) => visitor.visit_map(self.any_fields(object)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        match self.value {
            Value::Object(object) => visitor.visit_map(self.named_fields(object, fields)),
            _ => self.deserialize_any(visitor),
        }
    }

    /// Skips the value, so that nothing in it counts as taken.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self.value {
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
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        match self.value {
            Value::String(name) => visitor.visit_enum(Variant {
                name,
                variant: name,
                content: None,
            }),
            Value::Object(fields) if fields.len() == 1 => {
                let (name, content) = fields.iter().next().expect("one field");
                let variant = self
                    .notes
                    .and_then(|notes| notes.match_variant(name, variants));
                visitor.visit_enum(Variant {
                    name,
                    variant: variant.unwrap_or(name),
                    content: Some(Node::new(content, self.notes)),
                })
            }
            other => Err(ConfigError::unexpected(
                other,
                &"a string or an object with one field",
            )),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
    }
}

struct Items<'a, 'n> {
    items: std::slice::Iter<'a, Value>,
    index: usize,
    notes: Option<&'n Notes>,
}

impl Items<'_, '_> {
    /// Checks that the type has taken all elements, as serde_json does.
    fn end(&self) -> Result<(), ConfigError> {
        let taken = self.index;
        match self.items.len() {
            0 => Ok(()),
            left => Err(Error::invalid_value(
                Unexpected::Other(&format!("one of length {}", taken + left)),
                &&*format!("a list of length {taken}"),
            )),
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'de, '_> {
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
        Node::new(item, self.notes)
            .read(format_args!("[{index}]"), |node| seed.deserialize(node))
            .map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The properties of an object, to be read one by one.
struct Fields<'a, 'n> {
    properties: Properties<'a>,
    value: Option<(&'a str, &'a Value)>,
    notes: Option<&'n Notes>,
}

enum Properties<'a> {
    AsWritten(map::Iter<'a>),
    Matched(std::vec::IntoIter<Property<'a>>),
}

impl<'a> Iterator for Properties<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        match self {
            Properties::AsWritten(properties) => {
                let (name, value) = properties.next()?;
                Some(Property {
                    name,
                    field: name,
                    value,
                })
            }
            Properties::Matched(properties) => properties.next(),
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'de, '_> {
    type Error = ConfigError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ConfigError> {
        let Some(Property { name, field, value }) = self.properties.next() else {
            return Ok(None);
        };
        self.value = Some((name, value));
        seed.deserialize(Key(field)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, ConfigError> {
        let (name, value) = self.value.take().expect("a key was read before its value");
        Node::new(value, self.notes).read(format_args!(".{name}"), |node| seed.deserialize(node))
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
            variant: self.0,
            content: None,
        })
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'a, 'n> {
    /// The name in the configuration.
    name: &'a str,
    /// The name of the variant.
    variant: &'a str,
    content: Option<Node<'a, 'n>>,
}

impl<'de> EnumAccess<'de> for Variant<'de, '_> {
    type Error = ConfigError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), ConfigError> {
        Ok((seed.deserialize(Key(self.variant))?, self))
    }
}

impl<'a, 'n> Variant<'a, 'n> {
    /// Reads the content of the variant.
    fn content<T>(
        self,
        read: impl FnOnce(Node<'a, 'n>) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        match self.content {
            Some(content) => content.read(format_args!(".{}", self.name), read),
            None => Err(ConfigError::text(format_args!(
                "`{0}` needs a value, as in {{\"{0}\": …}}",
                self.name
            ))),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'de, '_> {
    type Error = ConfigError;

    fn unit_variant(self) -> Result<(), ConfigError> {
        match self.content {
            None => Ok(()),
            Some(_) => self.content(<()>::deserialize),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, ConfigError> {
        self.content(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.content(|content| content.deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.content(|content| content.deserialize_struct("", fields, visitor))
    }
}
