//! Foreign names and texts in log lines and answers: they may be of any length.

use std::fmt;

/// The characters that are shown.
const SHOWN: usize = 1024;

/// Displays at most the first 1024 characters of a text, and then its size.
pub(crate) struct Short<'a>(pub(crate) &'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        match text.char_indices().nth(SHOWN) {
            None => f.write_str(text),
            Some((end, _)) => write!(f, "{}… ({} bytes)", &text[..end], text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "é".repeat(1025);

        assert_eq!(Short("rule1").to_string(), "rule1");
        assert_eq!(
            Short(&long).to_string(),
            format!("{}… (2050 bytes)", "é".repeat(1024))
        );
    }
}
