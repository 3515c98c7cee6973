//! Recognizing valid JSON without building values.
//!
//! A source may send millions of rows a second, and building values would be the
//! slowest part of checking them. Each function takes the rest of a text and
//! returns what is left after the thing it is named after, or `None`. `None` does
//! not mean that the JSON is invalid: serde_json decides about texts that are not
//! recognized here, and words the errors. What is recognized here, serde_json
//! accepts with the same result (tests of `wire::row`).

use wide::u8x16;

use super::chunk::{any, controls, each, equal};

/// How deep values may be nested. Deeper ones are left to serde_json.
const DEPTH: u8 = 32;

/// Skips white space.
#[inline]
pub(crate) fn space(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = text {
        text = rest;
    }
    text
}

/// Skips exactly these bytes.
#[inline]
pub(crate) fn literal<'a, const N: usize>(text: &'a [u8], literal: &[u8; N]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_first_chunk()?;
    (start == literal).then_some(rest)
}

/// Skips a name, given in its quotes, and the colon. What is left begins with the
/// value.
#[inline]
pub(crate) fn name<'a, const N: usize>(text: &'a [u8], name: &[u8; N]) -> Option<&'a [u8]> {
    let rest = literal(space(text), name)?;
    Some(space(literal(space(rest), b":")?))
}

/// Skips any value in which others are nested at most `depth` levels deep.
fn value(text: &[u8], depth: u8) -> Option<&[u8]> {
    match text.first()? {
        b'"' => string(text),
        b'{' => object_within(text, depth.checked_sub(1)?),
        b'[' => array_within(text, depth.checked_sub(1)?),
        b't' => literal(text, b"true"),
        b'f' => literal(text, b"false"),
        b'n' => literal(text, b"null"),
        _ => number(text),
    }
}

/// Skips an object.
pub(crate) fn object(text: &[u8]) -> Option<&[u8]> {
    object_within(text, DEPTH)
}

/// Skips an object in which values are nested at most `depth` levels deep.
fn object_within(text: &[u8], depth: u8) -> Option<&[u8]> {
    let mut rest = space(literal(text, b"{")?);
    if let [b'}', rest @ ..] = rest {
        return Some(rest);
    }
    loop {
        rest = literal(space(string(rest)?), b":")?;
        rest = space(value(space(rest), depth)?);
        match rest {
            [b',', next @ ..] => rest = space(next),
            [b'}', next @ ..] => return Some(next),
            _ => return None,
        }
    }
}

/// Skips an array in which values are nested at most `depth` levels deep.
fn array_within(text: &[u8], depth: u8) -> Option<&[u8]> {
    let mut rest = space(literal(text, b"[")?);
    if let [b']', rest @ ..] = rest {
        return Some(rest);
    }
    loop {
        rest = space(value(rest, depth)?);
        match rest {
            [b',', next @ ..] => rest = space(next),
            [b']', next @ ..] => return Some(next),
            _ => return None,
        }
    }
}

/// Skips a string.
fn string(text: &[u8]) -> Option<&[u8]> {
    let mut rest = literal(text, b"\"")?;
    loop {
        rest = plain(rest);
        rest = match rest {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', rest @ ..] => escape(rest)?,
            _ => return None,
        }
    }
}

/// Skips what follows a backslash.
fn escape(text: &[u8]) -> Option<&[u8]> {
    match text {
        [
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            rest @ ..,
        ] => Some(rest),
        [b'u', rest @ ..] => {
            let (digits, rest) = rest.split_first_chunk::<4>()?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(rest)
        }
        _ => None,
    }
}

/// Skips a number.
fn number(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match text {
        [b'0', rest @ ..] => rest,
        _ => digits(text)?,
    };
    if let [b'.', fraction @ ..] = rest {
        rest = digits(fraction)?;
    }
    match rest {
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            digits(exponent)
        }
        _ => Some(rest),
    }
}

/// Skips one digit or more.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    while let [b'0'..=b'9', next @ ..] = rest {
        rest = next;
    }
    (rest.len() < text.len()).then_some(rest)
}

/// Skips everything before the first quote, backslash or control character.
#[inline]
fn plain(text: &[u8]) -> &[u8] {
    // Most strings are short.
    let (start, more) = text.split_at(text.len().min(SHORT));
    let rest = words(start);
    match rest.is_empty() {
        true => long(more),
        false => &text[start.len() - rest.len()..],
    }
}

/// How many bytes of a string are not looked at in chunks.
const SHORT: usize = 32;

/// Does what [`plain`] does, for the rest of a string that is likely to be long.
#[inline(never)]
fn long(mut text: &[u8]) -> &[u8] {
    const QUOTE: u8x16 = each(b'"');
    const BACKSLASH: u8x16 = each(b'\\');
    let specials = |vector| controls(vector) | equal(vector, QUOTE) | equal(vector, BACKSLASH);
    while let Some((chunk, rest)) = text.split_first_chunk()
        && !any(chunk, specials)
    {
        text = rest;
    }
    words(text)
}

/// Does what [`plain`] does, word by word.
#[inline]
fn words(mut text: &[u8]) -> &[u8] {
    while let Some((word, rest)) = text.split_first_chunk() {
        match special(u64::from_le_bytes(*word)) {
            0 => text = rest,
            special => return &text[special.trailing_zeros() as usize / 8..],
        }
    }
    while let [b' '..=b'!' | b'#'..=b'[' | b']'.., rest @ ..] = text {
        text = rest;
    }
    text
}

/// Finds special bytes among eight at once: the lowest bit that is set in the
/// result lies in the first byte that is a quote, a backslash or a control
/// character.
///
/// Subtracting n sets the high bit of a byte that is below n and had it clear. A
/// borrow changes only bytes above, so it leaves the lowest bit right.
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, b' ') | is(b'"') | is(b'\\')
}

#[cfg(test)]
mod tests {
    use super::super::chunk::CHUNK;
    use super::*;

    /// Longer than a short string and two chunks.
    const LONG: usize = SHORT + 2 * CHUNK + 20;

    #[test]
    fn a_string_ends_at_the_first_special_byte_wherever_it_is() {
        for byte in 0..=u8::MAX {
            for at in 0..LONG {
                let mut text = [b'x'; LONG];
                text[at] = byte;
                let ends = matches!(byte, 0..=0x1f | b'"' | b'\\');
                let rest = if ends { LONG - at } else { 0 };

                assert_eq!(plain(&text).len(), rest, "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn the_first_of_two_special_bytes_ends_a_string() {
        for first in 0..LONG {
            for second in first + 1..LONG {
                let mut text = [0xe4; LONG];
                text[first] = b'\\';
                text[second] = b'"';

                assert_eq!(plain(&text).len(), LONG - first, "{first}, {second}");
            }
        }
    }

    #[test]
    fn a_text_of_any_length_may_have_no_special_byte() {
        for length in 0..LONG {
            assert_eq!(plain(&vec![0xff; length]), b"", "{length}");
        }
    }
}
