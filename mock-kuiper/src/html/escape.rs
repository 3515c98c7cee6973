//! Foreign text within HTML.

use crate::foreign;

/// Escapes a text of one line for HTML, in an element or in a quoted attribute,
/// and shortens it to 600 characters.
pub(super) fn short(text: &str) -> String {
    html(&foreign::in_sentence(text))
}

/// Escapes a sentence like [`short`]; what is in backquotes becomes code.
pub(super) fn prose(text: &str) -> String {
    let escaped = short(text);
    let parts: Vec<_> = escaped.split('`').collect();
    if parts.len() % 2 == 0 {
        // One backquote has no partner.
        return escaped;
    }
    let shown = parts
        .iter()
        .enumerate()
        .map(|(index, part)| match index % 2 {
            0 => (*part).to_owned(),
            _ => format!("<code>{part}</code>"),
        });
    shown.collect()
}

/// Escapes a text for HTML. It must not have control characters.
pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            short("<a href='x' title=\"y\">&\x1b\u{202e}\n"),
            "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;\\u{1b}\\u{202e}\\n"
        );
    }

    #[test]
    fn what_is_in_backquotes_becomes_code() {
        assert_eq!(
            prose("set `a<b` in `c`"),
            "set <code>a&lt;b</code> in <code>c</code>"
        );
        assert_eq!(prose("it`s"), "it`s");
    }

    #[test]
    fn a_long_text_is_cut_before_it_is_escaped() {
        assert_eq!(
            short(&"<".repeat(601)),
            format!("{}… (601 bytes)", "&lt;".repeat(600))
        );
    }
}
