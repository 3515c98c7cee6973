//! What a plugin tells a tool about itself: its name and its symbols, as JSON.
//!
//! The format has a version, `describe`, which is 1. A reader ignores fields that it
//! does not know, and the lists are sorted by name, so that the same plugin always
//! gives the same text. docs/configuration.md describes the fields.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

/// The version of the format.
const VERSION: u32 = 1;

/// The launch argument that asks for the description.
pub(crate) const ARGUMENT: &str = "--describe";

/// The description of a plugin.
#[derive(Debug, Serialize)]
pub(crate) struct Description {
    describe: u32,
    name: String,
    sdk: &'static str,
    sources: Vec<DescribedSymbol>,
    sinks: Vec<DescribedSymbol>,
    functions: Vec<DescribedFunction>,
}

/// A source or a sink.
#[derive(Debug, Serialize)]
pub(crate) struct DescribedSymbol {
    pub(crate) name: String,
    /// Why it could not be described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(flatten)]
    pub(crate) about: About,
}

/// A function.
#[derive(Debug, Serialize)]
pub(crate) struct DescribedFunction {
    pub(crate) name: String,
    /// Whether it is an aggregate; `None` if that could not be found out.
    pub(crate) aggregate: Option<bool>,
    /// Why that could not be found out, or why the function could not be described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(flatten)]
    pub(crate) about: About,
}

/// Makes the description of a symbol.
pub(crate) type Describe = Box<dyn FnOnce() -> About + Send>;

/// What a user interface shows of a symbol, as far as it is known.
#[derive(Debug, Default, Serialize)]
pub(crate) struct About {
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(crate) label: Texts,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(crate) description: Texts,
    /// The arguments of a function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) args: Option<Vec<Argument>>,
    /// The properties of a source or sink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) properties: Option<Vec<Property>>,
    /// The default of each property that has one. Unlike those of the user interface,
    /// they are as a configuration has them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) defaults: Map<String, Value>,
    /// The sections of a source's yaml that a stream can select, besides `default`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) sections: Map<String, Value>,
    /// Whether there may be other properties.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) open: bool,
}

/// A property of a source or sink, as the user interface has it.
#[derive(Debug, Serialize)]
pub(crate) struct Property {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<Shown>,
    pub(crate) optional: bool,
    pub(crate) control: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) values: Option<Value>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(crate) hint: Texts,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(crate) label: Texts,
}

/// A default, as the user interface has it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[cfg_attr(
    not(feature = "metadata"),
    expect(dead_code, reason = "only this feature describes properties")
)]
pub(crate) enum Shown {
    Value(Value),
    /// The elements of a struct or a map.
    Elements(Vec<Property>),
}

/// An argument of a function, as the user interface has it.
#[derive(Debug, Serialize)]
pub(crate) struct Argument {
    name: String,
    pub(crate) optional: bool,
    control: &'static str,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    hint: Texts,
}

/// A text in English and in Chinese.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Texts {
    #[serde(rename = "en_US", skip_serializing_if = "Option::is_none")]
    pub(crate) en_us: Option<String>,
    #[serde(rename = "zh_CN", skip_serializing_if = "Option::is_none")]
    pub(crate) zh_cn: Option<String>,
}

impl About {
    /// Describes a function by the number of its arguments: those that are required, and
    /// all of them.
    pub(crate) fn of_arguments(required: usize, count: usize) -> Self {
        let arguments = (1..=count).map(|number| Argument {
            optional: number > required,
            ..Argument::new(format!("arg{number}"), "any".to_owned(), None)
        });
        About {
            args: Some(arguments.collect()),
            ..About::default()
        }
    }
}

impl Argument {
    pub(crate) fn new(name: String, kind: String, hint: Option<String>) -> Self {
        Argument {
            name,
            optional: false,
            control: "field",
            kind,
            hint: Texts {
                en_us: hint,
                zh_cn: None,
            },
        }
    }
}

impl Texts {
    pub(crate) fn is_empty(&self) -> bool {
        self.en_us.is_none() && self.zh_cn.is_none()
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Description {
    pub(crate) fn new(
        name: &str,
        mut sources: Vec<DescribedSymbol>,
        mut sinks: Vec<DescribedSymbol>,
        mut functions: Vec<DescribedFunction>,
    ) -> Self {
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        sinks.sort_by(|a, b| a.name.cmp(&b.name));
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        Description {
            describe: VERSION,
            name: name.to_owned(),
            sdk: env!("CARGO_PKG_VERSION"),
            sources,
            sinks,
            functions,
        }
    }

    /// Writes the description to stdout.
    pub(crate) fn print(&self) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}
