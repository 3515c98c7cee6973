//! JSON that keeps what its author wrote: the order of fields, and the text of
//! numbers and strings.
//!
//! It is for files that are changed in one place. [`serde_json::Value`] sorts fields.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The characters of a line, up to which a list is written in one.
const WIDTH: usize = 100;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    /// Anything except a list or an object, as it is written.
    Scalar(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses a text. Fields that occur twice are kept.
    ///
    /// # Errors
    ///
    /// If the text is not JSON, or nested deeper than `serde_json` allows: 127 lists
    /// and objects.
    pub(super) fn parse(text: &str) -> serde_json::Result<Self> {
        // Raw values have no limit of their own.
        serde_json::from_str::<Value>(text)?;
        Self::parse_valid(text)
    }

    /// Parses a text that was found to be JSON.
    fn parse_valid(text: &str) -> serde_json::Result<Self> {
        let text = text.trim();
        match text.as_bytes().first() {
            Some(b'{') => {
                let mut reader = serde_json::Deserializer::from_str(text);
                let fields = reader.deserialize_map(Fields)?.into_iter();
                let fields = fields.map(|(name, raw)| Ok((name, Self::parse_valid(raw.get())?)));
                Ok(Self::Object(fields.collect::<serde_json::Result<_>>()?))
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                let items = items.into_iter().map(|raw| Self::parse_valid(raw.get()));
                Ok(Self::List(items.collect::<serde_json::Result<_>>()?))
            }
            _ => Ok(Self::Scalar(text.to_owned())),
        }
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Scalar(Value::from(text).to_string())
    }

    pub(super) fn flag(flag: bool) -> Self {
        Self::Scalar(flag.to_string())
    }

    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::text(text)).collect())
    }

    pub(super) fn object<const N: usize>(fields: [(&str, Json); N]) -> Self {
        let fields = fields.into_iter();
        Self::Object(
            fields
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// Returns a field, which Go finds in any case. `null` counts as missing. If a name
    /// occurs twice, the last field counts.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        let (_, value) = &self.fields()[self.position(name)?];
        (!value.is_null()).then_some(value)
    }

    /// Sets a field, in its place if it exists.
    pub(super) fn set(&mut self, name: &str, value: Json) {
        let place = self.position(name);
        if let Self::Object(fields) = self {
            match place {
                Some(place) => fields[place].1 = value,
                None => fields.push((name.to_owned(), value)),
            }
        }
    }

    /// Returns the place of the field that counts: the last of this very name, or
    /// otherwise the last of this name in any case.
    fn position(&self, name: &str) -> Option<usize> {
        let fields = self.fields();
        let exact = fields.iter().rposition(|(key, _)| key == name);
        let any = |(key, _): &(String, Json)| key.eq_ignore_ascii_case(name);
        exact.or_else(|| fields.iter().rposition(any))
    }

    /// Returns the fields of an object; anything else has none.
    pub(super) fn fields(&self) -> &[(String, Json)] {
        match self {
            Self::Object(fields) => fields,
            _ => &[],
        }
    }

    /// Returns the items of a list; anything else has none.
    pub(super) fn items(&self) -> &[Json] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn as_text(&self) -> Option<String> {
        match self {
            Self::Scalar(text) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(text) if text == "null")
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// Returns whether both mean the same, however they are written.
    pub(super) fn means(&self, other: &Json) -> bool {
        let value = |json: &Json| serde_json::from_str::<Value>(&json.to_string());
        matches!((value(self), value(other)), (Ok(a), Ok(b)) if a == b)
    }

    /// Writes the value with an indentation of two spaces, for a file.
    pub(super) fn to_file(&self) -> String {
        let mut text = String::new();
        self.write(0, &mut text);
        text.push('\n');
        text
    }

    fn write(&self, depth: usize, out: &mut String) {
        let inner = "  ".repeat(depth + 1);
        let outer = "  ".repeat(depth);
        match self {
            Self::List(items) if !self.fits(depth) => {
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "[\n" } else { ",\n" });
                    out.push_str(&inner);
                    item.write(depth + 1, out);
                }
                *out += &format!("\n{outer}]");
            }
            Self::Object(fields) if !fields.is_empty() => {
                for (index, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if index == 0 { "{\n" } else { ",\n" });
                    *out += &format!("{inner}{}: ", Value::from(name.as_str()));
                    value.write(depth + 1, out);
                }
                *out += &format!("\n{outer}}}");
            }
            short => *out += &short.to_string(),
        }
    }

    /// Returns whether a list is written in one line.
    fn fits(&self, depth: usize) -> bool {
        let plain = self.items().iter().all(|item| match item {
            Self::Scalar(_) => true,
            Self::List(items) => items.is_empty(),
            Self::Object(fields) => fields.is_empty(),
        });
        plain && self.to_string().len() + 2 * depth <= WIDTH
    }
}

/// Writes the value in one line.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    write!(f, "{}: {value}", Value::from(name.as_str()))?;
                }
                f.write_str("}")
            }
        }
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
  "version": "v1.0.0",
  "big": 12345678901234567890123,
  "float": 1.50e3,
  "author": {
    "name": "A \u00e9",
    "more": {}
  },
  "sources": ["a", "b"],
  "nested": [
    {
      "name": "x"
    },
    []
  ],
  "executable": "b"
}
"#;

    #[test]
    fn what_is_read_is_written_in_the_same_way() {
        assert_eq!(Json::parse(FILE).unwrap().to_file(), FILE);
        assert_eq!(Json::parse(" 1.50 ").unwrap().to_file(), "1.50\n");
    }

    #[test]
    fn a_field_is_set_in_its_place_and_a_new_one_at_the_end() {
        let mut json = Json::parse(r#"{"Sources":["a"],"x":null}"#).unwrap();

        json.set("sources", Json::texts(&["b".to_owned()]));
        json.set("sinks", Json::flag(true));

        assert_eq!(
            json.to_string(),
            r#"{"Sources": ["b"], "x": null, "sinks": true}"#
        );
        assert_eq!(json.get("X"), None);
    }

    #[test]
    fn of_fields_with_the_same_name_the_last_counts() {
        let mut json = Json::parse(r#"{"a":1,"A":2,"a":3,"b":4,"B":5}"#).unwrap();

        assert_eq!(json.get("a").unwrap().to_string(), "3");
        assert_eq!(json.get("b").unwrap().to_string(), "4");

        json.set("a", Json::flag(true));

        assert_eq!(
            json.to_string(),
            r#"{"a": 1, "A": 2, "a": true, "b": 4, "B": 5}"#
        );
    }

    #[test]
    fn a_long_list_is_written_line_by_line() {
        let names: Vec<String> = (100..125).map(|number| format!("n{number}")).collect();

        let file = Json::texts(&names).to_file();

        assert!(file.starts_with("[\n  \"n100\",\n  \"n101\",\n"), "{file}");
    }

    #[test]
    fn values_mean_the_same_however_they_are_written() {
        let json = |text| Json::parse(text).unwrap();

        assert!(json(r#"{"a":"é","b":1}"#).means(&json(r#"{"b": 1, "a": "\u00e9"}"#)));
        assert!(!json("1").means(&json("2")));
    }

    #[test]
    fn a_text_that_is_not_json_is_an_error() {
        for text in ["", "{", "[1,]", "{\"a\" 1}", "nul", "{} {}"] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_nested_too_deep_is_an_error() {
        for depth in [128, 5_000, 100_000] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));

                let error = Json::parse(&text).unwrap_err().to_string();

                assert!(error.starts_with("recursion limit exceeded"), "{error}");
            }
        }
        let text = format!("{}{}", "[".repeat(127), "]".repeat(127));
        let json = Json::parse(&text).unwrap();
        assert_eq!(json.to_string(), text);
        assert!(json.means(&json));
    }
}
