//! The configuration of an instance, and how it is parsed.
//!
//! [`Config::parse`] uses serde like `serde_json::from_value`, but its errors
//! name the path of the value, such as `config.pattern.count`, and properties
//! find their fields in any case.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log::{Log, warn};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::secret;

mod de;
mod error;
mod host;
mod nearest;
mod notes;

pub use self::error::ConfigError;
pub(crate) use self::host::Owner;

use self::de::Node;
use self::notes::{Notes, ROOT, Taken};

/// The configuration of one source or sink: any JSON object.
///
/// A source gets the options of the stream (`datasource`, `format`, `key` …),
/// merged with the section of `sources/NAME.yaml` that the stream's `CONF_KEY`
/// names. A sink gets all properties of the rule's action, including those that
/// are meant for the host (`sendSingle`, `requireAck` …). So the type to parse
/// into must ignore unknown fields, as serde does by default.
///
/// # Spelling
///
/// A property finds the field that differs from it in case alone, because eKuiper
/// 2.x writes the keys of a yaml in lower case; one line in the log says so. A
/// property that no field takes, and that is not the host's, causes a warning
/// with the nearest known name. Both work at any depth, except in what serde
/// reads as a whole first: `#[serde(flatten)]`, and enums that are untagged or
/// have a `tag`.
///
/// # Secrets
///
/// `Display`, `Debug` and the errors of [`parse`](Self::parse) show `[redacted]`
/// for the value of a property whose name says that it is a secret: `password`,
/// `accessToken`, `api_key`, `Authorization` and the like, at any depth. See also
/// [`Secret`](crate::Secret).
///
/// Source: [the protocol](crate::reference::protocol), section 5.
#[derive(Clone)]
pub struct Config {
    value: Value,
    /// What the plugin's code has taken. Clones share it.
    taken: Arc<Mutex<Taken>>,
}

impl Config {
    /// Parses the configuration into a type of the plugin.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], with the path of the value that cannot be read and what
    /// was expected there.
    ///
    /// ```
    /// use ekuiper::{Config, serde_json::json};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Settings { pattern: Pattern }
    /// #[derive(Debug, serde::Deserialize)]
    /// struct Pattern { count: u32 }
    ///
    /// let config = Config::from_json(json!({"pattern": {"count": "many"}}))?;
    /// let error = config.parse::<Settings>().err().unwrap();
    /// assert_eq!(error.to_string(), "config.pattern.count: expected u32, found string \"many\"");
    /// # Ok::<(), ekuiper::ConfigError>(())
    /// ```
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ConfigError> {
        let notes = Notes::default();
        match T::deserialize(Node::new(&self.value, Some(&notes))) {
            Ok(parsed) => {
                self.taken().merge(notes.into_taken());
                Ok(parsed)
            }
            Err(error) => {
                let error = error.at(ROOT).hide(&secret::secrets(&self.value));
                let missing = error.missing_path();
                let misspelled = missing.and_then(|path| notes.into_taken().misspelled(&path));
                Err(error.misspelled(misspelled))
            }
        }
    }

    /// Creates a configuration from a JSON object. `null` gives an empty
    /// configuration. For tests that call `configure` themselves.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the value is neither an object nor `null`.
    pub fn from_json(value: Value) -> Result<Self, ConfigError> {
        match value {
            Value::Object(map) => Ok(Config::from(map)),
            Value::Null => Ok(Config::default()),
            other => Err(ConfigError::unexpected(&other, &"an object").at(ROOT)),
        }
    }

    /// Returns the value of one property.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let value = self.value.get(name)?;
        self.taken().value(name, value);
        Some(value)
    }

    /// Returns whether there are no properties. Hosts leave out an empty
    /// configuration.
    pub fn is_empty(&self) -> bool {
        self.value.as_object().is_none_or(Map::is_empty)
    }

    /// Logs one warning for each property that no code of the plugin has taken,
    /// and for each that was taken in another spelling.
    pub(crate) fn warn_of_oddities(&self, owner: Owner, logger: &impl Log) {
        for oddity in self.oddities(owner) {
            warn!(logger: logger, "{oddity}");
        }
    }

    fn oddities(&self, owner: Owner) -> Vec<String> {
        let taken = self.taken();
        let oddities = taken.oddities(owner).into_iter();
        oddities.map(|oddity| oddity.to_string()).collect()
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates a configuration without properties.
impl Default for Config {
    fn default() -> Self {
        Config::from(Map::new())
    }
}

/// Compares the properties.
impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl From<Map<String, Value>> for Config {
    fn from(map: Map<String, Value>) -> Self {
        Config {
            value: Value::Object(map),
            taken: Arc::default(),
        }
    }
}

/// Writes the configuration as JSON, without secrets.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        secret::masked(&self.value).fmt(f)
    }
}

/// Writes the configuration without secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Config")
            .field(&secret::masked(&self.value))
            .finish()
    }
}

/// Parses a value into a type. The paths in errors begin with `root`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(
    value: &'a Value,
    root: impl fmt::Display,
) -> Result<T, ConfigError> {
    T::deserialize(Node::new(value, None)).map_err(|error| error.at(root.to_string()))
}

#[cfg(test)]
mod tests;
