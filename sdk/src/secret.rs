//! Secrets: values that no log line, error or `Debug` form shows.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde_json::{Map, Value};

/// The text that replaces a secret. `mock-kuiper` writes the same.
pub(crate) const HIDDEN: &str = "[redacted]";

/// A secret text in a plugin's own configuration, such as a password.
///
/// `Debug` and `Display` show `[redacted]`, and so does the error for a value
/// that is not a string. It is not `Serialize`, so that it cannot get into a row
/// by mistake.
///
/// [`Config`](crate::Config) hides a value by its name as well; this type also
/// hides it in the `Debug` form of the plugin's own types.
///
/// ```
/// use ekuiper::{Config, Secret, serde_json::json};
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Login { user: String, password: Secret }
///
/// let login: Login = Config::from_json(json!({"user": "me", "password": "x7"}))?.parse()?;
/// assert_eq!(login.password.expose(), "x7");
/// assert_eq!(format!("{login:?}"), r#"Login { user: "me", password: [redacted] }"#);
/// # Ok::<(), ekuiper::ConfigError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Creates a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// Returns the text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(Text)
    }
}

/// Reads a string. Its errors name the type of another value, and not the value.
struct Text;

impl Visitor<'_> for Text {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Secret, E> {
        Ok(Secret(text))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
        Err(E::invalid_type(Unexpected::Other("a boolean"), &self))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
        Err(number(&self))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
        Err(number(&self))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
        Err(number(&self))
    }
}

fn number<E: Error>(expected: &Text) -> E {
    E::invalid_type(Unexpected::Other("a number: write it in quotes"), expected)
}

/// Parts of names that say that a value is a secret, in lower case and without
/// separators.
const PARTS: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
    "cookie",
    "signature",
];

/// Names that say so only as a whole.
const NAMES: [&str; 2] = ["pass", "auth"];

/// Returns whether the name of a property says that its value is a secret, in
/// any case and with any separators. eKuiper hides `password` alone.
pub(crate) fn is_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    NAMES.contains(&name.as_str()) || PARTS.iter().any(|part| name.contains(part))
}

/// Returns a copy in which the secrets are replaced by `[redacted]`.
pub(crate) fn masked(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let shown = if is_secret(name) {
                    hidden(value)
                } else {
                    masked(value)
                };
                (name.clone(), shown)
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(masked).collect(),
        other => other.clone(),
    }
}

/// Returns what is shown for a secret. Whether it is set remains visible.
fn hidden(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::String(text) if text.is_empty() => value.clone(),
        _ => HIDDEN.into(),
    }
}

/// Returns the strings and numbers in the secrets of a value.
pub(crate) fn secrets(value: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    collect(value, false, &mut found);
    found
}

fn collect<'a>(value: &'a Value, secret: bool, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(value, secret || is_secret(name), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, secret, found)),
        Value::String(text) if secret && !text.is_empty() => found.push(value),
        Value::Number(_) if secret => found.push(value),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_say_that_a_value_is_a_secret_in_any_spelling() {
        for name in [
            "password",
            "PASSWORD",
            "saslPassword",
            "sasl_password",
            "db-passwd",
            "pwd",
            "pass",
            "accessToken",
            "accesstoken",
            "client_secret",
            "apiKey",
            "API-KEY",
            "X-Api-Key",
            "private key",
            "Authorization",
            "Proxy-Authorization",
            "credentials",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "user", "key", "url", "passive", "compass", "format", "author",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn secrets_are_masked_at_any_depth_and_other_values_are_shown() {
        let value = json!({
            "url": "mqtt://x", "password": "p1", "token": 5, "pwd": "", "secret": null,
            "headers": {"Authorization": "Bearer x", "Accept": "*/*"},
            "servers": [{"api_key": {"id": 1, "value": "v"}}]
        });

        assert_eq!(
            masked(&value),
            json!({
                "url": "mqtt://x", "password": "[redacted]", "token": "[redacted]", "pwd": "",
                "secret": null,
                "headers": {"Authorization": "[redacted]", "Accept": "*/*"},
                "servers": [{"api_key": "[redacted]"}]
            })
        );
    }

    #[test]
    fn a_secret_shows_its_text_only_when_asked() {
        let secret = Secret::new("x7");

        assert_eq!(secret.expose(), "x7");
        assert_eq!(format!("{secret} {secret:?}"), "[redacted] [redacted]");
    }
}
