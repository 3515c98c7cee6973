//! Orders on the control channel: start and stop of a symbol.
//!
//! Rules: protocol.md section 5.

use serde_json::{Map, Value};

use crate::go_json::{Numbers, write_map, write_string};
use crate::release::{Datasource, FunctionMeta, Release, StreamOptionSet};
use crate::symbol::{Kind, Meta};

/// What an order tells the plugin to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Start a symbol.
    Start,
    /// Stop an instance of a symbol.
    Stop,
}

impl Command {
    /// Returns the `cmd` of an order: `start` or `stop`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Command::Start => "start",
            Command::Stop => "stop",
        }
    }
}

/// The argument of a start order. The stop order of the same instance repeats it.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The symbol's name.
    pub symbol: String,
    /// Whether it is a source, a sink or a function.
    pub kind: Kind,
    /// Where the instance runs. A function has the default, which is empty.
    pub meta: Meta,
    /// The stream's DATASOURCE. It is written only for releases that send it
    /// beside `config` ([`Datasource::Beside`]), and left out when empty.
    pub datasource: String,
    /// The configuration. It is left out when empty.
    ///
    /// Integers are written with all their digits ([`Numbers::Exact`]). They come
    /// from YAML, or are far below 2^53, where both kinds of numbers look alike.
    pub config: Map<String, Value>,
}

impl Order {
    /// Makes the order for a source. `config` comes from [`source_config`].
    pub fn source(
        symbol: impl Into<String>,
        meta: Meta,
        datasource: impl Into<String>,
        config: Map<String, Value>,
    ) -> Self {
        Order {
            symbol: symbol.into(),
            kind: Kind::Source,
            meta,
            datasource: datasource.into(),
            config,
        }
    }

    /// Makes the order for a sink. `config` is the properties of the action.
    pub fn sink(symbol: impl Into<String>, meta: Meta, config: Map<String, Value>) -> Self {
        Order {
            symbol: symbol.into(),
            kind: Kind::Sink,
            meta,
            datasource: String::new(),
            config,
        }
    }

    /// Makes the order for a function.
    pub fn function(symbol: impl Into<String>) -> Self {
        Order {
            symbol: symbol.into(),
            kind: Kind::Function,
            meta: Meta::default(),
            datasource: String::new(),
            config: Map::new(),
        }
    }

    /// Returns the bytes of the order.
    #[must_use]
    pub fn encode(&self, command: Command, profile: &Release) -> Vec<u8> {
        let argument =
            String::from_utf8(self.argument(profile)).expect("JSON made of strings is UTF-8");
        let mut out = Vec::with_capacity(argument.len() + argument.len() / 4 + 40);
        out.extend_from_slice(b"{\"cmd\":");
        write_string(&mut out, command.name());
        out.extend_from_slice(b",\"arg\":");
        write_string(&mut out, &argument);
        out.push(b'}');
        out
    }

    fn argument(&self, profile: &Release) -> Vec<u8> {
        let mut out = b"{\"symbolName\":".to_vec();
        write_string(&mut out, &self.symbol);
        if self.kind != Kind::Function || profile.function_meta == FunctionMeta::Zeros {
            out.extend_from_slice(b",\"meta\":{");
            write_meta(&mut out, &self.meta);
            out.push(b'}');
        }
        out.extend_from_slice(b",\"pluginType\":");
        write_string(&mut out, self.kind.plugin_type());
        if profile.datasource == Datasource::Beside && !self.datasource.is_empty() {
            out.extend_from_slice(b",\"dataSource\":");
            write_string(&mut out, &self.datasource);
        }
        if !self.config.is_empty() {
            out.extend_from_slice(b",\"config\":");
            write_map(&mut out, &self.config, Numbers::Exact);
        }
        out.push(b'}');
        out
    }
}

/// Appends the fields of a meta to `out`, without braces.
pub(super) fn write_meta(out: &mut Vec<u8>, meta: &Meta) {
    out.extend_from_slice(b"\"ruleId\":");
    write_string(out, &meta.rule_id);
    out.extend_from_slice(b",\"opId\":");
    write_string(out, &meta.op_id);
    out.extend_from_slice(b",\"instanceId\":");
    out.extend_from_slice(meta.instance_id.to_string().as_bytes());
}

/// The options of a stream, as given in `WITH (…)`. The default has none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamOptions {
    /// The DATASOURCE.
    pub datasource: String,
    /// Other options, under the name they have in a source's config, for example
    /// `format` or `strictValidation`.
    ///
    /// All of them are passed on, even those that the release leaves out.
    pub others: Map<String, Value>,
}

/// Makes the `config` of a source's start order: the properties of the CONF_KEY,
/// overlaid by the stream's options.
///
/// As in eKuiper, an option wins over a property of the same name, and an option
/// that `stream` lacks is sent with its default.
#[must_use]
pub fn source_config(
    profile: &Release,
    stream: &StreamOptions,
    properties: Map<String, Value>,
) -> Map<String, Value> {
    let mut config = properties;
    let mut set = |name: &str, value: Value| config.insert(name.to_owned(), value);
    set("delimiter", "".into());
    set("format", "json".into());
    set("key", "".into());
    if profile.stream_options == StreamOptionSet::Nine {
        set("retainSize", 0.into());
        set("schemaId", "".into());
        set("strictValidation", false.into());
        set("timestamp", "".into());
        set("timestampFormat", "".into());
    }
    for (name, value) in &stream.others {
        set(name, value.clone());
    }
    if profile.datasource == Datasource::InConfig {
        set("datasource", stream.datasource.as_str().into());
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_no_meta_before_1_8() {
        let old = Release::find("1.7").unwrap();

        let start = Order::function("echo").encode(Command::Start, old);

        assert_eq!(
            String::from_utf8(start).unwrap(),
            r#"{"cmd":"start","arg":"{\"symbolName\":\"echo\",\"pluginType\":\"func\"}"}"#
        );
    }

    #[test]
    fn a_stream_option_wins_over_a_property_of_the_same_name() {
        let profile = Release::find("2.4").unwrap();
        let mut stream = StreamOptions::default();
        stream.others.insert("key".into(), "id".into());
        let properties = Map::from_iter([
            ("format".to_owned(), Value::from("binary")),
            ("interval".to_owned(), Value::from(10)),
        ]);

        let config = source_config(profile, &stream, properties);

        assert_eq!(config["format"], "json");
        assert_eq!(config["key"], "id");
        assert_eq!(config["interval"], 10);
    }
}
