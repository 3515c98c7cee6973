//! The bytes that a sink receives.

use std::fmt;

use serde::Deserialize;

use crate::json;

/// One message to a sink: a row, a batch of rows, or any bytes.
///
/// By default a host sends a JSON array of objects, or a single object if the
/// rule's action has `sendSingle: true`. With another `format` or a
/// `dataTemplate` the message can be any bytes; [`as_bytes`](Data::as_bytes)
/// returns them unchanged. A rule with `sendError`, which is the default in 1.x,
/// also sends its errors as rows: `[{"error":"…"}]`.
///
/// Source: [the protocol](crate::reference::protocol), section 6.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Data<'a>(&'a [u8]);

impl<'a> Data<'a> {
    /// Wraps the bytes of a message. For tests that call `collect` themselves.
    pub fn new(bytes: &'a [u8]) -> Self {
        Data(bytes)
    }

    /// Returns the bytes of the message, unchanged.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Parses the message as rows: a JSON array is a batch, any other JSON value
    /// is one row. `T` may borrow from the message: a `Cow<'a, str>` with
    /// `#[serde(borrow)]` saves the copy of a long text.
    ///
    /// # Errors
    ///
    /// The error of serde_json if the message is not JSON, or if a row cannot be
    /// read as `T`.
    ///
    /// ```
    /// use ekuiper::Data;
    ///
    /// #[derive(Debug, PartialEq, serde::Deserialize)]
    /// struct Row { n: u64 }
    ///
    /// let one = Data::new(br#"{"n":1}"#).rows::<Row>()?;
    /// let batch = Data::new(br#"[{"n":1},{"n":2}]"#).rows::<Row>()?;
    /// assert_eq!(one, [Row { n: 1 }]);
    /// assert_eq!(batch, [Row { n: 1 }, Row { n: 2 }]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn rows<T: Deserialize<'a>>(self) -> Result<Vec<T>, serde_json::Error> {
        if self.0.trim_ascii_start().first() == Some(&b'[') {
            json::read(self.0)
        } else {
            Ok(vec![json::read(self.0)?])
        }
    }
}

impl AsRef<[u8]> for Data<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

/// Writes the message as text. Bytes that are not UTF-8 become U+FFFD.
impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.0).fmt(f)
    }
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Data")
            .field(&String::from_utf8_lossy(self.0))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn any_bytes_are_returned_unchanged() {
        let data = Data::new(b"\xffc=1");

        assert_eq!(data.as_bytes(), b"\xffc=1");
        assert_eq!(data.to_string(), "\u{fffd}c=1");
        assert!(data.rows::<Value>().is_err());
    }

    #[test]
    fn a_row_may_borrow_its_texts() {
        let message = br#"[{"text":"abc"}]"#;

        let rows = Data::new(message).rows::<std::collections::HashMap<&str, &str>>();

        assert_eq!(rows.unwrap()[0]["text"].as_ptr(), message[10..].as_ptr());
    }

    #[test]
    fn white_space_in_front_of_a_batch_is_ignored() {
        let rows = Data::new(b" \n[{\"n\":1},{\"n\":2}]")
            .rows::<Value>()
            .unwrap();

        assert_eq!(rows, [json!({"n": 1}), json!({"n": 2})]);
    }
}
