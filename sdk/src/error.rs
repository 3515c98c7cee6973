//! What an author's code returns, and what the SDK returns to it.

use std::error::Error;
use std::fmt;

/// Any error of an author's code. `?` turns every error type into it, and
/// `"text".into()` a text.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What the methods of [`Source`](crate::Source), [`Sink`](crate::Sink) and
/// [`Function`](crate::Function) return.
///
/// ```
/// fn port(text: &str) -> ekuiper::Result<u16> {
///     let port: u16 = text.parse()?;
///     if port == 0 {
///         return Err("port 0 is not a port".into());
///     }
///     Ok(port)
/// }
/// assert!(port("x").is_err());
/// ```
pub type Result<T = (), E = BoxError> = std::result::Result<T, E>;

/// Why [`SourceContext::emit`](crate::SourceContext::emit) sent no row.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// The instance was stopped: return from `open`. The runtime takes no
    /// error that `open` returns after a stop for a failure.
    Stopped,
    /// The part of the row named `part` (`"message"` or `"meta"`) is JSON but
    /// no object. A host would log such a row and skip it.
    NotAnObject {
        /// `"message"` or `"meta"`.
        part: &'static str,
    },
    /// The part of the row named `part` cannot be written as JSON, such as a
    /// map whose keys are no strings.
    Encode {
        /// `"message"` or `"meta"`.
        part: &'static str,
        /// What serde_json said.
        source: serde_json::Error,
    },
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EmitError::Stopped => f.write_str("instance was stopped"),
            EmitError::NotAnObject { part: "meta" } => {
                f.write_str("meta is neither a JSON object nor null: emit a struct, a map or ()")
            }
            EmitError::NotAnObject { part } => {
                write!(f, "{part} is no JSON object: emit a struct or a map")
            }
            EmitError::Encode { part, .. } => write!(f, "{part} cannot be written as JSON"),
        }
    }
}

impl Error for EmitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            EmitError::Encode { source, .. } => Some(source),
            EmitError::Stopped | EmitError::NotAnObject { .. } => None,
        }
    }
}

/// Writes an error and the errors behind it as one line: `a: b: c`.
///
/// A cause whose text the error already ends with is not said twice.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_says_every_cause_once() {
        let source = serde_json::from_str::<u8>("x").unwrap_err();
        let text = source.to_string();
        let error = EmitError::Encode {
            part: "meta",
            source,
        };

        let line = chain(&error);

        assert_eq!(line, format!("meta cannot be written as JSON: {text}"));
    }
}
