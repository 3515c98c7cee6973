//! What a plain function returns: a value, or the `Result` of one.

use std::error::Error;
use std::fmt::Display;
use std::ops::Deref;

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::Value;
use serde_json::value::Serializer as ToValue;

use crate::function::moved;
use crate::{BoxError, Result};

/// What a plain function returns:
///
/// - a value that implements [`Serialize`];
/// - a [`Result`](std::result::Result) of one whose error is a `String` or
///   another type that implements [`Serialize`];
/// - a `Result` of one whose error implements [`Error`];
/// - a `Result` of one whose error is a [`BoxError`], as [`ekuiper::Result`] has
///   it, or an error like `anyhow::Error`.
///
/// The type parameter says which; it is inferred. An error type that implements
/// both [`Error`] and [`Serialize`] leaves it open: convert the error to a
/// [`BoxError`].
///
/// A number that is not finite, such as `f64::NAN`, becomes null, as JSON has no such
/// number. Only the outermost `Result` can fail a call: `Some(Err("x"))` becomes the
/// value `{"Err": "x"}`, so return a `Result` of an `Option` instead.
///
/// [`ekuiper::Result`]: crate::Result
#[diagnostic::on_unimplemented(
    message = "a function cannot return `{Self}`",
    note = "return a value that implements `Serialize`, or a `Result` of one whose error is a `String`, implements `std::error::Error`, or is a `BoxError`"
)]
pub trait Returned<M> {
    /// Converts it to the result of [`Function::exec`](crate::Function::exec).
    fn returned(self) -> Result<Value>;
}

/// Marks a result that serializes.
#[derive(Debug)]
pub enum Serialized {}

/// Marks a result whose error implements [`Error`].
#[derive(Debug)]
pub enum WithError {}

/// Marks a result whose error is a [`BoxError`], or a type like it.
#[derive(Debug)]
pub enum WithBoxError {}

impl<R: Serialize + 'static> Returned<Serialized> for R {
    fn returned(self) -> Result<Value> {
        // Most are not a `Result`, and a value or a text need not be copied.
        match moved::into_value(self) {
            Ok(value) => Ok(value),
            Err(other) => {
                let mut failure = None;
                let value = other.serialize(Outermost {
                    failure: &mut failure,
                })?;
                match failure {
                    None => Ok(value),
                    Some(text) => Err(text.into()),
                }
            }
        }
    }
}

impl<T, E> Returned<WithError> for Result<T, E>
where
    T: Serialize + 'static,
    E: Error + Send + Sync + 'static,
{
    fn returned(self) -> Result<Value> {
        to_value(self?)
    }
}

impl<T, E> Returned<WithBoxError> for Result<T, E>
where
    T: Serialize + 'static,
    E: Into<BoxError> + Deref<Target = dyn Error + Send + Sync>,
{
    fn returned(self) -> Result<Value> {
        to_value(self.map_err(E::into)?)
    }
}

fn to_value<T: Serialize + 'static>(value: T) -> Result<Value> {
    match moved::into_value(value) {
        Ok(value) => Ok(value),
        Err(other) => Ok(serde_json::to_value(other)?),
    }
}

/// Serializes what a function returned. The error of a `Result` becomes a failure.
///
/// Serde serializes `Err(e)` as it would a variant `Err` of an enum `Result`.
struct Outermost<'a> {
    failure: &'a mut Option<String>,
}

macro_rules! as_they_are {
    ($($method:ident($type:ty),)*) => {
        $(fn $method(self, value: $type) -> Encoded {
            ToValue.$method(value)
        })*
    };
}

type Encoded<T = Value> = std::result::Result<T, serde_json::Error>;

impl Serializer for Outermost<'_> {
    type Ok = Value;
    type Error = serde_json::Error;
    type SerializeSeq = <ToValue as Serializer>::SerializeSeq;
    type SerializeTuple = <ToValue as Serializer>::SerializeTuple;
    type SerializeTupleStruct = <ToValue as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant = <ToValue as Serializer>::SerializeTupleVariant;
    type SerializeMap = <ToValue as Serializer>::SerializeMap;
    type SerializeStruct = <ToValue as Serializer>::SerializeStruct;
    type SerializeStructVariant = <ToValue as Serializer>::SerializeStructVariant;

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Encoded {
        match (name, variant) {
            ("Result", "Ok") => value.serialize(ToValue),
            ("Result", "Err") => {
                *self.failure = Some(match value.serialize(ToValue)? {
                    Value::String(text) => text,
                    other => other.to_string(),
                });
                Ok(Value::Null)
            }
            _ => ToValue.serialize_newtype_variant(name, index, variant, value),
        }
    }

    as_they_are! {
        serialize_bool(bool), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]),
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_i128(i128), serialize_u8(u8), serialize_u16(u16), serialize_u32(u32),
        serialize_u64(u64), serialize_u128(u128), serialize_f32(f32), serialize_f64(f64),
        serialize_unit_struct(&'static str),
    }

    fn serialize_none(self) -> Encoded {
        ToValue.serialize_none()
    }

    fn serialize_unit(self) -> Encoded {
        ToValue.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Encoded {
        value.serialize(ToValue)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Encoded {
        value.serialize(ToValue)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Encoded {
        ToValue.serialize_unit_variant(name, index, variant)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Encoded {
        ToValue.collect_str(value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Encoded<Self::SerializeSeq> {
        ToValue.serialize_seq(len)
    }

    fn serialize_tuple(self, len: usize) -> Encoded<Self::SerializeTuple> {
        ToValue.serialize_tuple(len)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Encoded<Self::SerializeTupleStruct> {
        ToValue.serialize_tuple_struct(name, len)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Encoded<Self::SerializeTupleVariant> {
        ToValue.serialize_tuple_variant(name, index, variant, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Encoded<Self::SerializeMap> {
        ToValue.serialize_map(len)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Encoded<Self::SerializeStruct> {
        ToValue.serialize_struct(name, len)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Encoded<Self::SerializeStructVariant> {
        ToValue.serialize_struct_variant(name, index, variant, len)
    }
}
