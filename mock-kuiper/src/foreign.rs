//! Foreign text, fit to be shown: from a package, a plugin, another process.
//!
//! It may have sequences that a terminal acts on, and it may be very long. Every
//! sentence that quotes it goes through a function of this module.

/// The characters of a foreign text that a sentence shows.
const IN_SENTENCE: usize = 600;

/// The characters of one line of a report.
const IN_LINE: usize = 4000;

/// The characters of an excerpt.
const IN_EXCERPT: usize = 80;

/// Escapes what a terminal acts on: control characters other than tabs, and the
/// characters that reorder a line. U+FFFE and U+FFFF are escaped, too, as XML forbids
/// them.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut shown, character);
    }
    shown
}

/// Escapes a text like [`printable`], and shortens it to 600 characters, after
/// which its size follows: `… (67108864 bytes)`. Of a text with several lines, the
/// end is kept, too.
#[must_use]
pub fn in_sentence(text: &str) -> String {
    printable(&cut(text, IN_SENTENCE))
}

/// Escapes a text like [`printable`], and shortens it to 4000 characters.
#[must_use]
pub fn line(text: &str) -> String {
    printable(&cut(text, IN_LINE))
}

/// Escapes and shortens each line of a text like [`line()`].
#[must_use]
pub fn lines(text: &str) -> String {
    let shown: Vec<_> = text.split('\n').map(line).collect();
    shown.join("\n")
}

/// Shortens a text to 600 characters, after which its size follows, for output
/// that has its own way to escape.
#[must_use]
pub fn shortened(text: &str) -> String {
    cut(text, IN_SENTENCE)
}

/// Shortens bytes for a sentence: at most 80 characters, escaped like
/// [`printable`], tabs too, and with invalid UTF-8 replaced.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> String {
    // A character has at most four bytes.
    let enough = &bytes[..bytes.len().min(IN_EXCERPT * 4 + 4)];
    let text = String::from_utf8_lossy(enough);
    let mut shown: String = text.chars().take(IN_EXCERPT).collect();
    if shown.len() < bytes.len() && text.chars().count() > IN_EXCERPT {
        shown.push('…');
    }
    printable(&shown).replace('\t', "\\t")
}

fn cut(text: &str, limit: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(limit) else {
        return text.to_owned();
    };
    let size = text.len();
    if !text.trim_end().contains('\n') {
        return format!("{}… ({size} bytes)", &text[..end]);
    }
    // The last line of a traceback says what failed.
    let text = text.trim_end();
    let half = limit / 2;
    let end = text
        .char_indices()
        .nth(half)
        .map_or(text.len(), |(end, _)| end);
    let begin = text
        .char_indices()
        .rev()
        .nth(half - 1)
        .map_or(0, |(begin, _)| begin);
    format!(
        "{}… ({size} bytes) …{}",
        &text[..end],
        &text[begin.max(end)..]
    )
}

fn push(shown: &mut String, character: char) {
    let reorders = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let is_no_xml = matches!(character, '\u{fffe}' | '\u{ffff}');
    if reorders || is_no_xml || character.is_control() && character != '\t' {
        shown.extend(character.escape_default());
    } else {
        shown.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_escaped() {
        let shown = printable("a\tb\x1b[2Jc\x07\u{9b}\u{202e}d\n\u{fffd}");

        assert_eq!(shown, "a\tb\\u{1b}[2Jc\\u{7}\\u{9b}\\u{202e}d\\n\u{fffd}");
    }

    #[test]
    fn what_xml_forbids_is_escaped() {
        let forbidden = ('\0'..=char::MAX).filter(|c| match c {
            '\t' | '\n' | '\r' => false,
            _ => matches!(c, ..' ' | '\u{fffe}' | '\u{ffff}'),
        });

        for character in forbidden {
            assert_eq!(
                printable(&character.to_string()),
                character.escape_unicode().to_string()
            );
        }
        assert_eq!(printable("\u{fffd}\u{10000}"), "\u{fffd}\u{10000}");
    }

    #[test]
    fn a_long_text_is_cut_and_followed_by_its_size() {
        let text = format!("é{}", "x".repeat(64 << 20));

        let shown = in_sentence(&text);

        assert_eq!(shown, format!("é{}… (67108866 bytes)", "x".repeat(599)));
    }

    #[test]
    fn a_long_text_of_several_lines_keeps_its_end() {
        let text = format!("Traceback:\n{}\nValueError: é\n", "x".repeat(1000));

        let shown = in_sentence(&text);

        let head = format!("Traceback:\\n{}", "x".repeat(289));
        let tail = format!("{}\\nValueError: é", "x".repeat(286));
        assert_eq!(shown, format!("{head}… (1027 bytes) …{tail}"));
    }

    #[test]
    fn lines_are_escaped_and_cut_one_by_one() {
        let shown = lines(&format!("a\x1b\n{}\nc", "x".repeat(5000)));

        assert_eq!(
            shown,
            format!("a\\u{{1b}}\n{}… (5000 bytes)\nc", "x".repeat(4000))
        );
    }

    #[test]
    fn an_excerpt_is_short_and_has_no_control_characters() {
        assert_eq!(excerpt(br#"{"a":1}"#), r#"{"a":1}"#);
        assert_eq!(excerpt(b"a\x1b[2J\t\"b"), r#"a\u{1b}[2J\t"b"#);
        assert_eq!(excerpt(&[b'x'; 81]), format!("{}…", "x".repeat(80)));
        assert_eq!(excerpt(&[b'x'; 80]), "x".repeat(80));
        assert_eq!(excerpt(b"caf\xe9"), "caf\u{fffd}");
    }
}
