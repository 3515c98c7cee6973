//! How a value with a unit is read from a configuration: as a number, or as a
//! text such as `5s`.
//!
//! [`duration`](crate::duration) and [`size`](crate::size) say which units there
//! are.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// A value with a unit.
pub trait Quantity: Sized {
    /// What is expected, for errors.
    const EXPECTED: &'static str;

    /// Converts a number, which is in the smallest unit. `None` if it is too
    /// large.
    fn from_number(number: u64) -> Option<Self>;

    /// Converts a text. `None` if it is invalid or too large.
    fn from_text(text: &str) -> Option<Self>;

    /// Writes the value such that it can be read back.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// The type of a field that holds a quantity: the quantity itself, or an
/// `Option` of it.
pub trait Field: Sized {
    /// The type of the quantity.
    type Quantity: Quantity;

    /// Reads the field.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Returns the quantity, if there is one.
    fn quantity(&self) -> Option<&Self::Quantity>;
}

impl<Q: Quantity> Field for Q {
    type Quantity = Q;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Present(PhantomData))
    }

    fn quantity(&self) -> Option<&Q> {
        Some(self)
    }
}

impl<Q: Quantity> Field for Option<Q> {
    type Quantity = Q;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(Optional(PhantomData))
    }

    fn quantity(&self) -> Option<&Q> {
        self.as_ref()
    }
}

/// Writes a field: `null` if it holds no quantity.
pub(crate) fn write<S: Serializer>(field: &impl Field, serializer: S) -> Result<S::Ok, S::Error> {
    match field.quantity() {
        Some(quantity) => quantity.write(serializer),
        None => serializer.serialize_none(),
    }
}

struct Present<Q>(PhantomData<Q>);

impl<Q: Quantity> Visitor<'_> for Present<Q> {
    type Value = Q;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Q::EXPECTED)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Q, E> {
        Q::from_number(number).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Q, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    /// A whole number that is written as `1000.0` is accepted, as by eKuiper.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Q, E> {
        // Above this, not every whole number has a value of its own.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && (0.0..=EXACT).contains(&number) {
            self.visit_u64(number as u64)
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Q, E> {
        Q::from_text(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

struct Optional<Q>(PhantomData<Q>);

impl<'de, Q: Quantity> Visitor<'de> for Optional<Q> {
    type Value = Option<Q>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Q::EXPECTED)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(Present(PhantomData)).map(Some)
    }
}

/// Reads a decimal number, such as `1.5`, `.5` or `5.`, at the beginning of a
/// text, multiplied by the `unit` that `find` returns for the letters after it.
/// Returns the product, rounded down, and the rest of the text.
pub(crate) fn read_part(
    text: &str,
    find: impl FnOnce(&str) -> Option<u64>,
) -> Option<(u128, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let end = rest
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let unit = u128::from(find(name)?);
    let mut product = match whole {
        "" => 0,
        _ => u128::from(whole.parse::<u64>().ok()?) * unit,
    };
    // 18 digits are more than any unit can show, and fit.
    let digits = &fraction[..fraction.len().min(18)];
    if !digits.is_empty() {
        let scale = 10_u128.pow(digits.len() as u32);
        product += digits.parse::<u128>().ok()? * unit / scale;
    }
    Some((product, rest))
}
