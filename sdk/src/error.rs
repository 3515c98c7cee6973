//! The errors that a plugin's code returns, and the errors that the SDK returns
//! to it.

use std::error::Error;
use std::fmt;

/// Any error of a plugin's code.
///
/// The `?` operator converts every error type to it, and `"text".into()` makes
/// one from a text.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The result of the methods of [`Source`](crate::Source),
/// [`Sink`](crate::Sink) and [`Function`](crate::Function).
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

/// Why [`SourceContext::emit`](crate::SourceContext::emit) or
/// [`try_emit`](crate::SourceContext::try_emit) sent no row.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// The instance was stopped.
    ///
    /// Return from `open`. An error that `open` returns after a stop does not
    /// count as a failure.
    Stopped,
    /// The channel has no room: the host reads more slowly than rows are emitted,
    /// or is away. Only from [`try_emit`](crate::SourceContext::try_emit).
    ///
    /// Emit the row again later, or drop it.
    Full,
    /// A part of the row is not a JSON object. A host would log such a row and
    /// skip it.
    NotAnObject {
        /// The part: `"message"` or `"meta"`.
        part: &'static str,
    },
    /// A part of the row cannot be written as JSON, for example a map whose keys
    /// are not strings.
    Encode {
        /// The part: `"message"` or `"meta"`.
        part: &'static str,
        /// The error of serde_json.
        source: serde_json::Error,
    },
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EmitError::Stopped => f.write_str("the instance was stopped"),
            EmitError::Full => f.write_str(
                "the channel is full: emit the row again later, or wait for room with `emit`",
            ),
            EmitError::NotAnObject { part: "meta" } => {
                f.write_str("meta is neither a JSON object nor null: emit a struct, a map or ()")
            }
            EmitError::NotAnObject { part } => {
                write!(f, "{part} is not a JSON object: emit a struct or a map")
            }
            EmitError::Encode { part, .. } => write!(f, "{part} cannot be written as JSON"),
        }
    }
}

impl Error for EmitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            EmitError::Encode { source, .. } => Some(source),
            EmitError::Stopped | EmitError::Full | EmitError::NotAnObject { .. } => None,
        }
    }
}

/// Formats an error and its causes as one line: `error: cause: cause`.
///
/// Leaves out a cause with whose text the line already ends, or the error before it,
/// also in parentheses.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut before = text.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        let ends = |text: &str| text.ends_with(&more) || text.ends_with(&format!("({more})"));
        if !ends(&text) && !ends(&before) {
            text.push_str(": ");
            text.push_str(&more);
        }
        before = more;
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_every_cause_once() {
        let source = serde_json::from_str::<u8>("x").unwrap_err();
        let text = source.to_string();
        let error = EmitError::Encode {
            part: "meta",
            source,
        };

        let line = chain(&error);

        assert_eq!(line, format!("meta cannot be written as JSON: {text}"));
    }

    #[test]
    fn a_cause_that_the_error_has_in_parentheses_is_not_repeated() {
        let refused = ekuiper_sp::Error::Io {
            doing: "connect to",
            path: "/tmp/a.ipc".into(),
            source: std::io::Error::from_raw_os_error(111),
        };
        let error = ekuiper_sp::Error::Unreachable {
            path: "/tmp/a.ipc".into(),
            cause: Some(Box::new(refused)),
        };

        assert_eq!(
            chain(&error),
            "cannot reach a peer at /tmp/a.ipc (cannot connect to /tmp/a.ipc: \
             Connection refused (os error 111))"
        );
    }
}
