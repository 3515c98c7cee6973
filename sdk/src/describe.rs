//! What a plugin tells a tool about itself: its name and its symbols, as JSON.
//!
//! The format has a version, `describe`, which is 1. A reader ignores fields that it
//! does not know, and the lists are sorted by name, so that the same plugin always
//! gives the same text. docs/configuration.md describes the fields.

use std::io::{self, Write};

use serde::Serialize;

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
}

/// A function.
#[derive(Debug, Serialize)]
pub(crate) struct DescribedFunction {
    pub(crate) name: String,
    /// Whether it is an aggregate; `None` if that could not be found out.
    pub(crate) aggregate: Option<bool>,
    /// Why it could not be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
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
