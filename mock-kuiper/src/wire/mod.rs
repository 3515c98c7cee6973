//! The bytes of the protocol, from the host's side: what it writes, exactly as
//! an eKuiper release writes it, and what it reads, as strictly as eKuiper does,
//! whose decoder is Go's encoding/json.
//!
//! No socket is opened here.
//!
//! Rules: protocol.md sections 4 to 7. The recorded frames in `tests/vectors`
//! are met by `tests/vectors_orders.rs` and `tests/vectors_requests.rs`.

mod answer;
pub(crate) mod go;
mod order;
mod request;
mod row;
mod scan;

pub use answer::{Ack, FunctionAnswer, InvalidAnswer, OrderAnswer, parse_ack};
pub use order::{Command, Order, StreamOptions, source_config};
pub use request::{Context, Expr, exec, is_aggregate, validate};
pub use row::{InvalidRow, SourceRow, write_sink_row, write_sink_value};

/// Shortens bytes from a plugin for a message: at most 80 characters, control
/// characters escaped.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> String {
    const LIMIT: usize = 80;
    // A character has at most four bytes.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LIMIT * 4 + 4)]);
    let mut shown: String = text.chars().take(LIMIT).collect();
    if shown.len() < bytes.len() && text.chars().count() > LIMIT {
        shown.push('…');
    }
    if shown.chars().any(char::is_control) {
        shown = shown.escape_debug().to_string().replace("\\\"", "\"");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn an_excerpt_is_short_and_keeps_the_terminal_clean() {
        assert_eq!(excerpt(br#"{"a":1}"#), r#"{"a":1}"#);
        assert_eq!(excerpt(b"a\x1b[2J\"b"), r#"a\u{1b}[2J"b"#);
        assert_eq!(excerpt(&[b'x'; 81]), format!("{}…", "x".repeat(80)));
        assert_eq!(excerpt(&[b'x'; 80]), "x".repeat(80));
        assert_eq!(excerpt(b"caf\xe9"), "caf\u{fffd}");
    }
}
