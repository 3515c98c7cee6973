//! Hides secrets of configurations in every report.

mod properties;

pub(crate) use self::properties::Properties;

use serde_json::{Map, Value};

/// The text that replaces a secret.
pub(crate) const HIDDEN: &str = "[redacted]";

/// The length of the shortest part of a secret that is hidden where a text was
/// cut.
const BEGINNING: usize = 3;

/// Values that no report shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Adds the values under these keys, at any depth of a configuration. The case of
    /// a key does not count: eKuiper 2.x changes that of the keys of a yaml.
    pub fn add(&mut self, keys: &[String], config: &Map<String, Value>) {
        for (key, value) in config {
            if keys.iter().any(|secret| same_key(secret, key)) {
                self.add_value(value);
            } else {
                self.search(keys, value);
            }
        }
    }

    /// Adds a text.
    pub fn add_text(&mut self, secret: &str) {
        // The text itself, as JSON, and as JSON inside a string; with the escapes of
        // each encoder.
        let mut spellings = vec![secret.to_owned()];
        for _ in 0..3 {
            self.0
                .extend(spellings.iter().filter(|text| !text.is_empty()).cloned());
            spellings = spellings.iter().flat_map(|text| encoded(text)).collect();
        }
        // A secret that contains another one is hidden first, as a whole.
        self.0.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        self.0.dedup();
    }

    fn search(&mut self, keys: &[String], value: &Value) {
        match value {
            Value::Object(object) => self.add(keys, object),
            Value::Array(values) => values.iter().for_each(|value| self.search(keys, value)),
            _ => {}
        }
    }

    /// Adds a value, and all values in it.
    pub(crate) fn add_value(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.add_text(&number.to_string()),
            Value::String(text) => self.add_text(text),
            Value::Array(values) => values.iter().for_each(|value| self.add_value(value)),
            Value::Object(object) => object.values().for_each(|value| self.add_value(value)),
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces the secrets in a text, and the part of a secret beside a `…` that
    /// marks where the text was cut.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for secret in &self.0 {
            shown = shown.replace(secret.as_str(), HIDDEN);
            if !shown.contains('…') {
                continue;
            }
            let beginnings = (BEGINNING..secret.len()).rev();
            for end in beginnings.filter(|end| secret.is_char_boundary(*end)) {
                shown = shown.replace(&format!("{}…", &secret[..end]), &format!("{HIDDEN}…"));
            }
            let ends = 1..secret.len().saturating_sub(BEGINNING - 1);
            for begin in ends.filter(|begin| secret.is_char_boundary(*begin)) {
                shown = shown.replace(&format!("…{}", &secret[begin..]), &format!("…{HIDDEN}"));
            }
        }
        shown
    }

    /// Replaces the secrets in bytes that are not UTF-8.
    pub(crate) fn hide_in_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut shown = bytes.to_vec();
        for secret in &self.0 {
            shown = replace_bytes(&shown, secret.as_bytes());
        }
        shown
    }
}

/// Replaces a secret, which is not empty, in bytes.
fn replace_bytes(bytes: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        if let Some(after) = rest.strip_prefix(secret) {
            shown.extend_from_slice(HIDDEN.as_bytes());
            rest = after;
        } else {
            shown.push(first);
            rest = &rest[1..];
        }
    }
    shown
}

fn same_key(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Returns a text as the content of a JSON string: without escapes that are not
/// needed, with those of Go's encoder, and with those of Python's.
fn encoded(text: &str) -> [String; 3] {
    let quoted = Value::from(text).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let go = plain
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    let mut python = String::with_capacity(plain.len());
    for character in plain.chars() {
        if character.is_ascii() {
            python.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                python.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    [plain, go, python]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets(config: &Value) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add(&["password".to_owned()], config.as_object().unwrap());
        secrets
    }

    #[test]
    fn values_are_hidden_at_any_depth_and_in_any_encoding() {
        let secrets = secrets(&json!({"server": [{"password": "a\"b<c"}], "user": "me"}));
        let argument = json!({"config": {"password": "a\"b<c"}}).to_string();
        let order = json!({"cmd": "start", "arg": argument.replace('<', "\\u003c")}).to_string();

        for text in ["a\"b<c by me", &argument, &order] {
            let shown = secrets.hide(text);
            assert!(shown.contains(HIDDEN), "{shown}");
            assert!(
                !shown.contains("b<c") && !shown.contains("u003cc"),
                "{shown}"
            );
        }
        assert!(secrets.hide("a\"b<c by me").ends_with(" by me"));
    }

    #[test]
    fn the_beginning_of_a_secret_is_hidden_where_a_text_is_cut() {
        let secrets = secrets(&json!({"password": "correct horse"}));

        assert_eq!(
            secrets.hide("it is correct h… (900 bytes)"),
            "it is [redacted]… (900 bytes)"
        );
        assert_eq!(
            secrets.hide("it is… (900 bytes) …rect horse"),
            "it is… (900 bytes) …[redacted]"
        );
    }

    #[test]
    fn the_case_of_a_key_does_not_count() {
        let secrets = secrets(&json!({"a": {"passWord": "hunter2"}}));

        assert_eq!(secrets.hide("hunter2"), HIDDEN);
    }

    #[test]
    fn values_are_hidden_with_the_escapes_of_python() {
        let secrets = secrets(&json!({"password": "pä\"ss😀<"}));
        let row = r#"{"p": "p\u00e4\"ss\ud83d\ude00<"}"#;

        assert_eq!(secrets.hide(row), r#"{"p": "[redacted]"}"#);
        let nested = Value::from(row).to_string();
        assert_eq!(secrets.hide(&nested), r#""{\"p\": \"[redacted]\"}""#);
    }

    #[test]
    fn values_under_other_keys_are_shown() {
        let secrets = secrets(&json!({"user": "me", "password": true}));

        assert_eq!(secrets.hide("me, true"), "me, true");
    }
}
