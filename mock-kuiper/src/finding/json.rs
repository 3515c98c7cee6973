//! A finding as JSON.

use serde_json::{Map, Value};

use super::advice::Advice;
use super::finding::Finding;

impl Finding {
    /// Returns the finding as the fields of a JSON object: `code`, `what` (the
    /// `Display` text), `kind`, `symbol`, `instance`, `channel`, `details` and
    /// `advice`. Fields without a value are left out.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("code", self.code().name().into());
        put("what", self.to_string().into());
        if let Some(symbol) = &self.symbol {
            put("kind", symbol.kind.to_string().into());
            put("symbol", symbol.name.as_str().into());
        }
        if let Some(instance) = &self.instance {
            put("instance", instance.to_string().into());
        }
        if let Some(channel) = &self.channel {
            put("channel", channel.name().into());
        }
        let details = self.observed.details();
        if !details.is_empty() {
            put("details", details.into());
        }
        let advice: Vec<Value> = self.advice().iter().map(Advice::to_json).collect();
        if !advice.is_empty() {
            put("advice", advice.into());
        }
        fields
    }
}
