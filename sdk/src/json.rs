//! Writes JSON as serde_json does, byte for byte, but long texts faster.
//!
//! serde_json looks at one byte of a text after the other to find those that it has to
//! escape. Rows and results may have long texts, such as an image in base64. Here 64
//! bytes are looked at together, which the compiler turns into vector instructions, and
//! 16 KiB of a longer text, with the instructions that memchr finds in the processor.
//! Whatever is not a text or a container is left to serde_json: numbers, characters,
//! bytes, the keys of maps, and its own types with a private form, such as
//! [`RawValue`](serde_json::value::RawValue).

use std::fmt::{self, Display, Write as _};

mod read;

pub(crate) use read::read;

use serde::ser::{self, Error as _, Serialize, Serializer};
use serde_json::{Error, Result};

/// Appends `value` to `out` as compact JSON.
///
/// # Errors
///
/// The errors of `serde_json::to_writer`; `out` then ends with a part of the JSON.
pub(crate) fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    value.serialize(Writer { out })
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

/// How many bytes of a text are looked at together.
const PIECE: usize = 64;
/// How many bytes of a long text are: few enough to be still in the fastest cache when they
/// are copied.
const BLOCK: usize = 16 * 1024;

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn has_escaped(piece: &[u8]) -> bool {
    // Not `any`, which stops at the first one and so looks at single bytes.
    let bytes = piece.iter();
    bytes.fold(false, |found, byte| found | is_escaped(*byte))
}

/// Whether nothing in a block is escaped.
fn is_plain(block: &[u8]) -> bool {
    let least = |bytes: &[u8]| bytes.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    memchr::memchr2(b'"', b'\\', block).is_none() && least(block) >= 0x20
}

/// Appends a text without its quotation marks.
fn escape(out: &mut Vec<u8>, text: &str) {
    for block in text.as_bytes().chunks(BLOCK) {
        match block.len() == BLOCK && is_plain(block) {
            true => out.extend_from_slice(block),
            false => escape_block(out, block),
        }
    }
}

fn escape_block(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut written = 0;
    let mut one_by_one = |from: usize, piece: &[u8]| {
        for (at, byte) in (from..).zip(piece) {
            if is_escaped(*byte) {
                out.extend_from_slice(&bytes[written..at]);
                written = at + 1;
                match byte {
                    b'"' => out.extend_from_slice(b"\\\""),
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    0x08 => out.extend_from_slice(b"\\b"),
                    b'\t' => out.extend_from_slice(b"\\t"),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    0x0c => out.extend_from_slice(b"\\f"),
                    b'\r' => out.extend_from_slice(b"\\r"),
                    control => {
                        const DIGITS: &[u8; 16] = b"0123456789abcdef";
                        let (high, low) = (control >> 4, control & 15);
                        out.extend_from_slice(b"\\u00");
                        out.push(DIGITS[usize::from(high)]);
                        out.push(DIGITS[usize::from(low)]);
                    }
                }
            }
        }
    };
    let mut pieces = bytes.chunks_exact(PIECE);
    let mut from = 0;
    for piece in &mut pieces {
        if has_escaped(piece) {
            one_by_one(from, piece);
        }
        from += PIECE;
    }
    if has_escaped(pieces.remainder()) {
        one_by_one(from, pieces.remainder());
    }
    out.extend_from_slice(&bytes[written..]);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

macro_rules! as_serde_json_does {
    ($($method:ident($type:ty),)*) => {
        $(fn $method(self, value: $type) -> Result<()> {
            serde_json::to_writer(self.out, &value)
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Fields<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;

    as_serde_json_does! {
        serialize_bool(bool), serialize_char(char),
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_i128(i128), serialize_u8(u8), serialize_u16(u16), serialize_u32(u32),
        serialize_u64(u64), serialize_u128(u128), serialize_f32(f32), serialize_f64(f64),
    }

    fn serialize_str(self, text: &str) -> Result<()> {
        write_text(self.out, text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<()> {
        serde_json::to_writer(self.out, &Raw(bytes))
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        open_variant(self.out, variant);
        write(self.out, value)?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<List<'a>> {
        Ok(List::open(self.out, b"]"))
    }

    fn serialize_tuple(self, _len: usize) -> Result<List<'a>> {
        Ok(List::open(self.out, b"]"))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<List<'a>> {
        Ok(List::open(self.out, b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<List<'a>> {
        open_variant(self.out, variant);
        Ok(List::open(self.out, b"]}"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Fields<'a>> {
        Ok(Fields::new(self.out, b"}"))
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Fields<'a>> {
        let is_private = name.starts_with("$serde_json::private::");
        Ok(Fields {
            private: is_private.then_some(name),
            ..Fields::new(self.out, b"}")
        })
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Fields<'a>> {
        open_variant(self.out, variant);
        Ok(Fields::new(self.out, b"}}"))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<()> {
        self.out.push(b'"');
        write!(Escaped(self.out), "{value}")
            .map_err(|_| Error::custom("the text of a value could not be written"))?;
        self.out.push(b'"');
        Ok(())
    }
}

fn open_variant(out: &mut Vec<u8>, variant: &str) {
    out.push(b'{');
    write_text(out, variant);
    out.push(b':');
}

/// Escapes what is written to it.
struct Escaped<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

/// Bytes that serialize as such.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// An array that is being written.
struct List<'a> {
    out: &'a mut Vec<u8>,
    /// What comes before the next item.
    before: &'static [u8],
    end: &'static [u8],
}

impl<'a> List<'a> {
    fn open(out: &'a mut Vec<u8>, end: &'static [u8]) -> Self {
        out.push(b'[');
        List {
            out,
            before: b"",
            end,
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.out.extend_from_slice(self.before);
        self.before = b",";
        write(self.out, value)
    }

    fn close(self) -> Result<()> {
        self.out.extend_from_slice(self.end);
        Ok(())
    }
}

macro_rules! list {
    ($($trait:ident::$method:ident,)*) => {
        $(impl ser::$trait for List<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.item(value)
            }

            fn end(self) -> Result<()> {
                self.close()
            }
        })*
    };
}

list! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

/// An object that is being written. Its brace is written with its first key.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
    end: &'static [u8],
    /// The name of a struct that stands for something else in serde_json.
    private: Option<&'static str>,
}

impl<'a> Fields<'a> {
    fn new(out: &'a mut Vec<u8>, end: &'static [u8]) -> Self {
        Fields {
            out,
            is_empty: true,
            end,
            private: None,
        }
    }

    /// Returns what comes before the next key.
    fn before(&mut self) -> u8 {
        match std::mem::replace(&mut self.is_empty, false) {
            true => b'{',
            false => b',',
        }
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<()> {
        if let Some(name) = self.private {
            return serde_json::to_writer(&mut *self.out, &Private { name, key, value });
        }
        let before = self.before();
        self.out.push(before);
        write_text(self.out, key);
        self.out.push(b':');
        write(self.out, value)
    }

    fn close(self) -> Result<()> {
        if self.private.is_some() {
            return Ok(());
        }
        if self.is_empty {
            self.out.push(b'{');
        }
        self.out.extend_from_slice(self.end);
        Ok(())
    }
}

impl ser::SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        let start = self.out.len();
        serde_json::to_writer(&mut *self.out, &Key(key))?;
        self.out.truncate(self.out.len() - Key::<T>::END.len());
        self.out[start] = self.before();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.out.push(b':');
        write(self.out, value)
    }

    fn end(self) -> Result<()> {
        self.close()
    }
}

/// A key as the only one of a map, whose value is null: which types can be keys, and
/// how they look, is up to serde_json.
struct Key<'a, T: ?Sized>(&'a T);

impl<T: ?Sized> Key<'_, T> {
    /// What follows the key.
    const END: &'static [u8] = b":null}";
}

impl<T: Serialize + ?Sized> Serialize for Key<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map([(self.0, ())])
    }
}

macro_rules! fields {
    ($($trait:ident,)*) => {
        $(impl ser::$trait for Fields<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<()> {
                self.field(key, value)
            }

            fn end(self) -> Result<()> {
                self.close()
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant,);

/// A struct by which serde_json knows one of its own types.
struct Private<'a, T: ?Sized> {
    name: &'static str,
    key: &'static str,
    value: &'a T,
}

impl<T: Serialize + ?Sized> Serialize for Private<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        use ser::SerializeStruct as _;

        let mut fields = serializer.serialize_struct(self.name, 1)?;
        fields.serialize_field(self.key, self.value)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests;
