//! How deep JSON is nested.

/// The levels that Go reads, and so does eKuiper.
pub(crate) const GO: usize = 10_000;

/// The levels that serde_json makes a value of. A value of more could exhaust the stack
/// of a thread: it is compared, written and dropped level by level.
pub(crate) const VALUE: usize = 127;

/// Returns whether valid JSON is nested more than `limit` levels deep.
pub(crate) fn is_deeper(json: &str, limit: usize) -> bool {
    let mut rest = json.as_bytes();
    let mut depth = 0_usize;
    // Each further level takes a byte.
    while rest.len() + depth > limit {
        let Some((&byte, next)) = rest.split_first() else {
            break;
        };
        rest = match byte {
            b'"' => after_string(next),
            _ => next,
        };
        match byte {
            b'{' | b'[' if depth == limit => return true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Skips the rest of a string and its quote.
fn after_string(mut text: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', text) {
        if text[at] == b'"' {
            return &text[at + 1..];
        }
        text = text.get(at + 2..).unwrap_or_default();
    }
    &[]
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn the_levels_of_objects_and_arrays_count_and_brackets_in_strings_do_not() {
        for (json, levels) in [
            ("1", 0),
            ("[]", 1),
            (r#"{"a":[{"b":1}],"c":{}}"#, 3),
            (r#"["[[{{","\"[[","\\",["\\\"["]]"#, 2),
            ("[[1],[2],[3],[4]]", 2),
        ] {
            assert!(!is_deeper(json, levels), "{json}");
            assert!(levels == 0 || is_deeper(json, levels - 1), "{json}");
        }
        assert!(!is_deeper(&nested(GO), GO));
        assert!(is_deeper(&nested(GO + 1), GO));
        assert!(is_deeper(&"[".repeat(GO + 1), GO));
    }

    #[test]
    fn serde_json_makes_values_of_so_many_levels() {
        assert!(serde_json::from_str::<Value>(&nested(VALUE)).is_ok());
        assert!(serde_json::from_str::<Value>(&nested(VALUE + 1)).is_err());
    }
}
