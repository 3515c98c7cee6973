//! Bytes from a plugin, shortened for a message.

/// Shortens bytes from a plugin for a message: at most 80 characters, with
/// control characters escaped and invalid UTF-8 replaced.
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
    fn an_excerpt_is_short_and_has_no_control_characters() {
        assert_eq!(excerpt(br#"{"a":1}"#), r#"{"a":1}"#);
        assert_eq!(excerpt(b"a\x1b[2J\"b"), r#"a\u{1b}[2J"b"#);
        assert_eq!(excerpt(&[b'x'; 81]), format!("{}…", "x".repeat(80)));
        assert_eq!(excerpt(&[b'x'; 80]), "x".repeat(80));
        assert_eq!(excerpt(b"caf\xe9"), "caf\u{fffd}");
    }
}
