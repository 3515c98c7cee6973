//! Reads JSON as serde_json does, but long texts faster.
//!
//! serde_json takes 8 bytes of a text at a time, here it is 64, or 16 KiB. Only texts without
//! escapes, arrays and objects are read here. Any other value is cut out and left to
//! serde_json. Whatever is not expected is refused: serde_json then reads the whole
//! message once more, and its result or its error counts. So this must only never
//! accept what serde_json reads differently.

use std::fmt::{self, Display};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, Visitor};
use serde::forward_to_deserialize_any;

use super::{BLOCK, PIECE, has_escaped, is_escaped, is_plain};

/// The least number of bytes of a message that is read here.
const LONG: usize = 4096;
/// How deep arrays and objects may be nested. serde_json allows 127.
const DEEPEST: usize = 60;

/// Reads a value like `serde_json::from_slice`.
///
/// # Errors
///
/// Those of `serde_json::from_slice`.
pub(crate) fn read<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    match (bytes.len() >= LONG).then(|| read_fast(bytes)) {
        Some(Ok(value)) => Ok(value),
        _ => serde_json::from_slice(bytes),
    }
}

/// The error of JSON that is left to serde_json, or that is wrong.
#[derive(Debug)]
pub(super) struct Refused;

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left to serde_json")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: Display>(_text: T) -> Self {
        Refused
    }
}

type Result<T> = std::result::Result<T, Refused>;

/// Reads a value, if nothing in it has to be refused.
pub(super) fn read_fast<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T> {
    let mut reader = Reader {
        bytes,
        at: 0,
        depth: 0,
        refused: false,
    };
    let value = T::deserialize(&mut reader)?;
    // The code of a type may have ignored the error.
    match reader.next() {
        None if !reader.refused => Ok(value),
        _ => Err(Refused),
    }
}

struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
    depth: usize,
    /// Whether anything was refused.
    refused: bool,
}

impl<'de> Reader<'de> {
    fn refuse<T>(&mut self) -> Result<T> {
        self.refused = true;
        Err(Refused)
    }

    /// Skips white space and returns the next byte without taking it.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at)? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    /// Takes the next byte, which must be this one.
    fn take(&mut self, byte: u8) -> Result<()> {
        match self.next() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            _ => self.refuse(),
        }
    }

    /// Takes a text with its quotation marks. Returns it, and whether it has escapes.
    fn take_text(&mut self) -> Result<(&'de [u8], bool)> {
        self.take(b'"')?;
        let start = self.at - 1;
        let mut escapes = false;
        loop {
            self.at += plain_length(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((&self.bytes[start..self.at], escapes));
                }
                Some(b'\\') => {
                    escapes = true;
                    self.at += 2;
                    if self.at > self.bytes.len() {
                        return self.refuse();
                    }
                }
                _ => return self.refuse(),
            }
        }
    }

    /// Takes a value of any kind, without checking it.
    fn take_value(&mut self) -> Result<&'de [u8]> {
        let first = self.next();
        let start = self.at;
        match first {
            Some(b'"') => return Ok(self.take_text()?.0),
            Some(b'{' | b'[') => {}
            _ => {
                let rest = &self.bytes[start..];
                let is_end =
                    |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\t' | b'\r');
                self.at += rest.iter().position(is_end).unwrap_or(rest.len());
                return Ok(&self.bytes[start..self.at]);
            }
        }
        let mut depth = 0;
        loop {
            match self.next() {
                Some(b'"') => {
                    self.take_text()?;
                    continue;
                }
                Some(b'{' | b'[') if depth == DEEPEST => return self.refuse(),
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
                None => return self.refuse(),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(&self.bytes[start..self.at]);
            }
        }
    }

    /// Lets serde_json read a value that was taken.
    fn leave<T>(
        &mut self,
        value: &'de [u8],
        read: impl FnOnce(&mut Inner<'de>) -> serde_json::Result<T>,
    ) -> Result<T> {
        let mut inner = serde_json::Deserializer::from_slice(value);
        match read(&mut inner).and_then(|value| inner.end().map(|()| value)) {
            Ok(value) => Ok(value),
            Err(_) => self.refuse(),
        }
    }

    fn text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let (text, escapes) = self.take_text()?;
        if escapes {
            return self.leave(text, |inner| inner.deserialize_str(visitor));
        }
        match simdutf8::basic::from_utf8(&text[1..text.len() - 1]) {
            Ok(text) => visitor.visit_borrowed_str(text),
            Err(_) => self.refuse(),
        }
    }

    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.take(b'[')?;
        let value = self.nested(|reader| visitor.visit_seq(Items(reader, true)))?;
        self.take(b']')?;
        Ok(value)
    }

    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.take(b'{')?;
        let value = self.nested(|reader| visitor.visit_map(Items(reader, true)))?;
        self.take(b'}')?;
        Ok(value)
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEEPEST {
            return self.refuse();
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }
}

type Inner<'de> = serde_json::Deserializer<serde_json::de::SliceRead<'de>>;

/// Returns the number of bytes before the first one that ends a text, begins an escape,
/// or must not be in a text.
fn plain_length(bytes: &[u8]) -> usize {
    let blocks = bytes
        .chunks_exact(BLOCK)
        .take_while(|block| is_plain(block));
    let plain = BLOCK * blocks.count();
    let pieces = bytes[plain..].chunks_exact(PIECE);
    let plain = plain + PIECE * pieces.take_while(|piece| !has_escaped(piece)).count();
    let rest = &bytes[plain..];
    plain
        + rest
            .iter()
            .position(|byte| is_escaped(*byte))
            .unwrap_or(rest.len())
}

macro_rules! left_to_serde_json {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            let value = self.take_value()?;
            self.leave(value, |inner| inner.$method(visitor))
        })*
    };
}

macro_rules! texts {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.text(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Refused;

    left_to_serde_json! {
        deserialize_bool deserialize_unit deserialize_bytes deserialize_byte_buf
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    texts!(deserialize_char deserialize_str deserialize_string deserialize_identifier);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.next() {
            Some(b'"') => self.text(visitor),
            Some(b'[') => self.array(visitor),
            Some(b'{') => self.object(visitor),
            _ => {
                let value = self.take_value()?;
                self.leave(value, |inner| inner.deserialize_any(visitor))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.next() {
            Some(b'n') => match self.take_value()? {
                b"null" => visitor.visit_none(),
                _ => self.refuse(),
            },
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        let value = self.take_value()?;
        self.leave(value, |inner| inner.deserialize_unit_struct(name, visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        // A type of serde_json that it reads in its own way, such as `RawValue`.
        if name.starts_with("$serde_json::private::") {
            let value = self.take_value()?;
            return self.leave(value, |inner| {
                inner.deserialize_newtype_struct(name, visitor)
            });
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.array(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value> {
        self.array(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.array(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.object(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.next() {
            Some(b'[') => self.array(visitor),
            _ => self.object(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let value = self.take_value()?;
        self.leave(value, |inner| {
            inner.deserialize_enum(name, variants, visitor)
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.next() {
            // Its bytes need not be UTF-8, nor are they for serde_json.
            Some(b'"') => match self.take_text()? {
                (_, false) => {}
                (text, true) => {
                    self.leave(text, |inner| inner.deserialize_ignored_any(IgnoredAny))?;
                }
            },
            _ => {
                self.deserialize_any(IgnoredAny)?;
            }
        }
        visitor.visit_unit()
    }
}

/// The items of an array, or the fields of an object; whether the next one is the
/// first.
struct Items<'a, 'de>(&'a mut Reader<'de>, bool);

impl Items<'_, '_> {
    /// Takes the comma before the next item. Returns false if there is none before
    /// `end`, which is not taken.
    fn has_next(&mut self, end: u8) -> Result<bool> {
        if self.0.next() == Some(end) {
            return Ok(false);
        }
        if !std::mem::replace(&mut self.1, false) {
            self.0.take(b',')?;
        }
        Ok(true)
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        match self.has_next(b']')? {
            true => seed.deserialize(&mut *self.0).map(Some),
            false => Ok(None),
        }
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        match self.has_next(b'}')? {
            true => seed.deserialize(Key(&mut *self.0)).map(Some),
            false => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.0.take(b':')?;
        seed.deserialize(&mut *self.0)
    }
}

macro_rules! refused {
    ($($method:ident($($name:ident: $type:ty),*),)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* _visitor: V) -> Result<V::Value> {
            self.0.refuse()
        })*
    };
}

/// A key of an object. Numbers and other values in quotation marks are refused.
struct Key<'a, 'de>(&'a mut Reader<'de>);

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.text(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        str string char identifier ignored_any
    }

    refused! {
        deserialize_bool(), deserialize_unit(), deserialize_bytes(), deserialize_byte_buf(),
        deserialize_i8(), deserialize_i16(), deserialize_i32(), deserialize_i64(),
        deserialize_i128(), deserialize_u8(), deserialize_u16(), deserialize_u32(),
        deserialize_u64(), deserialize_u128(), deserialize_f32(), deserialize_f64(),
        deserialize_seq(), deserialize_map(),
        deserialize_unit_struct(_name: &'static str),
        deserialize_tuple(_len: usize),
        deserialize_tuple_struct(_name: &'static str, _len: usize),
        deserialize_struct(_name: &'static str, _fields: &'static [&'static str]),
        deserialize_enum(_name: &'static str, _variants: &'static [&'static str]),
    }
}

#[cfg(test)]
mod tests;
