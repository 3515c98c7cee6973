//! Hides the values of properties in messages.

use std::borrow::Cow;

use memchr::{memchr2, memchr2_iter, memmem};
use serde_json::Value;

use super::{HIDDEN, same_key};

/// The letters of English texts, the frequent ones first.
const FREQUENT: &[u8] = b"etaoinsrhldcumfpgwybvkxjqz";

/// Properties whose values no recorded message shows.
#[derive(Debug)]
pub(crate) struct Properties {
    keys: Vec<String>,
    /// Finds messages that may have one of the keys. `None` if only reading shows it.
    words: Option<Vec<Word>>,
}

impl Properties {
    pub(crate) fn new(keys: &[String]) -> Self {
        Self {
            keys: keys.to_vec(),
            words: keys.iter().map(|key| Word::new(key)).collect(),
        }
    }

    pub(crate) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Replaces the values of these properties in a message that begins as a JSON
    /// object or array, at any depth. The message may be cut. Those of the names in
    /// `envelope` that are keys of an outermost object are the protocol's own.
    pub(crate) fn hide<'a>(&self, message: &'a [u8], envelope: &[&str]) -> Cow<'a, [u8]> {
        let is_json = matches!(message.trim_ascii_start().first(), Some(b'{' | b'['));
        match is_json && self.may_be_in(message) {
            true => self.replace(message, envelope),
            false => Cow::Borrowed(message),
        }
    }

    /// Whether a message has the letters of a key, or escapes that may stand for them.
    fn may_be_in(&self, message: &[u8]) -> bool {
        let Some(words) = &self.words else {
            return true;
        };
        words.iter().any(|word| word.is_in(message))
            || !words.is_empty() && memmem::find(message, b"\\u").is_some()
    }

    fn replace<'a>(&self, message: &'a [u8], envelope: &[&str]) -> Cow<'a, [u8]> {
        let mut shown = Vec::new();
        let (mut copied, mut at, mut depth) = (0, 0, 0_u64);
        while let Some(&byte) = message.get(at) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                b'"' => {
                    let end = string_end(message, at);
                    let Some(value) = value_after(message, end) else {
                        at = end;
                        continue;
                    };
                    let is_hidden =
                        self.names(&message[at..end], if depth == 1 { envelope } else { &[] });
                    at = value;
                    if is_hidden {
                        let end = value_end(message, value);
                        let is_null = b"null".starts_with(&message[value..end]);
                        if !is_null {
                            shown.extend_from_slice(&message[copied..value]);
                            shown.extend_from_slice(format!("\"{HIDDEN}\"").as_bytes());
                            copied = end;
                        }
                        at = end;
                    }
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        if copied == 0 {
            return Cow::Borrowed(message);
        }
        shown.extend_from_slice(&message[copied..]);
        Cow::Owned(shown)
    }

    /// Whether a key, in its quotes, is one of these properties.
    fn names(&self, quoted: &[u8], envelope: &[&str]) -> bool {
        let Ok(Value::String(key)) = serde_json::from_slice(quoted) else {
            return false;
        };
        let is_own = envelope.contains(&key.as_str());
        !is_own && self.keys.iter().any(|secret| same_key(secret, &key))
    }
}

/// A word to find in any case, by the rarest of its letters.
#[derive(Debug)]
struct Word {
    text: Vec<u8>,
    rarest: usize,
}

impl Word {
    /// Returns `None` for a key that may have other bytes in a message: of letters
    /// beside ASCII, or of signs that JSON escapes.
    fn new(key: &str) -> Option<Self> {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\"\\/".contains(byte);
        let text = key.as_bytes().to_ascii_lowercase();
        let place = |byte: u8| FREQUENT.iter().position(|letter| *letter == byte);
        let rank = |at: &usize| place(text[*at]).unwrap_or(FREQUENT.len());
        let rarest = (0..text.len()).max_by_key(rank)?;
        text.iter().all(is_plain).then_some(Self { text, rarest })
    }

    fn is_in(&self, message: &[u8]) -> bool {
        let letter = self.text[self.rarest];
        memchr2_iter(letter, letter.to_ascii_uppercase(), message).any(|at| {
            let begin = at.checked_sub(self.rarest);
            let found = begin.and_then(|begin| message.get(begin..begin + self.text.len()));
            found.is_some_and(|found| found.eq_ignore_ascii_case(&self.text))
        })
    }
}

/// Returns where a string ends that begins at a quote.
fn string_end(message: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(found) = message
        .get(at..)
        .and_then(|rest| memchr2(b'"', b'\\', rest))
    {
        at += found;
        match message[at] {
            b'"' => return at + 1,
            _ => at += 2,
        }
    }
    message.len()
}

/// Returns where the value of a key begins, if a string that ends here is a key.
fn value_after(message: &[u8], end: usize) -> Option<usize> {
    let colon = skip_space(message, end);
    (message.get(colon) == Some(&b':')).then(|| skip_space(message, colon + 1))
}

fn skip_space(message: &[u8], at: usize) -> usize {
    let rest = &message[at..];
    at + (rest.len() - rest.trim_ascii_start().len())
}

/// Returns where a value ends, or the message.
fn value_end(message: &[u8], begin: usize) -> usize {
    let (mut at, mut depth) = (begin, 0_u64);
    while let Some(&byte) = message.get(at) {
        match byte {
            b'"' => {
                at = string_end(message, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return at + usize::from(depth == 1),
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    message.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(keys: &[&str], message: &str) -> String {
        let keys: Vec<_> = keys.iter().map(|&key| key.to_owned()).collect();
        let shown = Properties::new(&keys);
        let shown = shown.hide(message.as_bytes(), &["message", "meta"]);
        String::from_utf8(shown.into_owned()).unwrap()
    }

    #[test]
    fn every_value_of_a_property_is_hidden_and_nothing_else_changes() {
        for (message, shown) in [
            (r#"{"n":1,"s":"xxxxx"}"#, r#"{"n":1,"s":"[redacted]"}"#),
            (
                r#"[ {"S" : 1.5e3 , "t":"s"},{"s":[1,{"a":"]"}],"u":{"s":true}} ]"#,
                r#"[ {"S" : "[redacted]" , "t":"s"},{"s":"[redacted]","u":{"s":"[redacted]"}} ]"#,
            ),
            (
                r#"{"a":"\"s\":1","s":"a\\","b":"\\\"","\u0053":false}"#,
                r#"{"a":"\"s\":1","s":"[redacted]","b":"\\\"","\u0053":"[redacted]"}"#,
            ),
            // What is no value of the property.
            (r#"{"s":null,"ss":"s"}"#, r#"{"s":null,"ss":"s"}"#),
            (r#""s":1"#, r#""s":1"#),
            ("s: 1", "s: 1"),
            // A message that was cut, or is broken.
            (r#"{"s":"xx"#, r#"{"s":"[redacted]""#),
            (r#"{"s":[{"a":"x\"#, r#"{"s":"[redacted]""#),
            (r#"{"a":1,"s"#, r#"{"a":1,"s"#),
            (r#"{"s":"#, r#"{"s":"#),
            (r#"{"s":12}}]"#, r#"{"s":"[redacted]"}}]"#),
        ] {
            assert_eq!(hidden(&["s"], message), shown);
        }
    }

    #[test]
    fn keys_of_any_letters_are_found_in_any_case_and_spelling() {
        assert_eq!(
            hidden(
                &["Größe", "a.b"],
                r#"{"GRÖSSE":1,"gRÖßE":2,"gr\u00f6\u00dfe":3,"A.B":4,"axb":5}"#
            ),
            r#"{"GRÖSSE":1,"gRÖßE":"[redacted]","gr\u00f6\u00dfe":"[redacted]","A.B":"[redacted]","axb":5}"#
        );
    }

    #[test]
    fn a_key_with_signs_that_json_escapes_is_found() {
        assert_eq!(
            hidden(&["a\"/b"], r#"{"a\"\/b":1,"a\"/B":2}"#),
            r#"{"a\"\/b":"[redacted]","a\"/B":"[redacted]"}"#
        );
    }

    #[test]
    fn the_keys_of_the_protocol_stay_and_what_is_in_them_is_hidden() {
        assert_eq!(
            hidden(
                &["message", "meta"],
                r#"{"message":{"message":"x"},"meta":{"a":{"meta":1}}}"#
            ),
            r#"{"message":{"message":"[redacted]"},"meta":{"a":{"meta":"[redacted]"}}}"#
        );
    }

    #[test]
    fn without_keys_nothing_is_hidden() {
        assert_eq!(hidden(&[], r#"{"":1}"#), r#"{"":1}"#);
        assert_eq!(hidden(&[""], r#"{"":1}"#), r#"{"":"[redacted]"}"#);
    }

    #[test]
    fn a_message_without_the_letters_of_a_key_is_not_read() {
        let properties = Properties::new(&["password".to_owned(), "s_1".to_owned()]);
        for (message, may) in [
            (r#"{"a":1}"#, false),
            (r#"{"a":"passwor","b":"assword"}"#, false),
            (r#"{"a":"1 s_2 _1"}"#, false),
            (r#"{"a":"passWORD"}"#, true),
            (r#"{"S_1":1}"#, true),
            (r#"{"\u0053_1":1}"#, true),
        ] {
            assert_eq!(properties.may_be_in(message.as_bytes()), may, "{message}");
        }
    }
}
