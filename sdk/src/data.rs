//! The bytes a sink receives.

use std::fmt;

use serde::de::DeserializeOwned;

/// One message to a sink: a row, a batch of rows, or any bytes.
///
/// By default a host sends the JSON of an array of objects, and one object
/// where the rule's action says `sendSingle: true`. With another `format` or a
/// `dataTemplate` it may be any bytes, which [`as_bytes`](Data::as_bytes) gives
/// unchanged. A rule with `sendError` (the default of 1.x) sends its errors as
/// rows, too: `[{"error":"…"}]`.
///
/// Source: docs/protocol.md, section 6.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Data<'a>(&'a [u8]);

impl<'a> Data<'a> {
    /// Wraps the bytes of a message, for a test that calls `collect` itself.
    pub fn new(bytes: &'a [u8]) -> Self {
        Data(bytes)
    }

    /// Returns the message as it came.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Parses one row or a batch: an array is its rows, anything else is one.
    ///
    /// # Errors
    ///
    /// What serde_json says where the message is no JSON or a row no `T`.
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
    pub fn rows<T: DeserializeOwned>(self) -> Result<Vec<T>, serde_json::Error> {
        if self.0.trim_ascii_start().first() == Some(&b'[') {
            serde_json::from_slice(self.0)
        } else {
            Ok(vec![serde_json::from_slice(self.0)?])
        }
    }
}

impl AsRef<[u8]> for Data<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

/// Shows the text; bytes that are no UTF-8 become the replacement character.
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
    fn any_bytes_are_given_unchanged() {
        let data = Data::new(b"\xffc=1");

        assert_eq!(data.as_bytes(), b"\xffc=1");
        assert_eq!(data.to_string(), "\u{fffd}c=1");
        assert!(data.rows::<Value>().is_err());
    }

    #[test]
    fn space_before_a_batch_is_no_row() {
        let rows = Data::new(b" \n[{\"n\":1},{\"n\":2}]")
            .rows::<Value>()
            .unwrap();

        assert_eq!(rows, [json!({"n": 1}), json!({"n": 2})]);
    }
}
