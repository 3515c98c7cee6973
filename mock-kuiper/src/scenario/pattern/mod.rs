//! Values with variables, and what is expected of a value.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::node::{Node, Place};
use super::result::Difference;

/// The values of variables: captures, `tmp` and `port`.
pub(crate) type Variables = BTreeMap<String, Value>;

/// A value in which texts may have variables: `${name}`. A text that is nothing
/// but a variable becomes its value, whatever its type; `$${` stands for `${`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(Value);

/// What is expected of a value: the value itself, or matchers.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Value);

impl Template {
    /// Makes a template. `$file` and `$base64` are read relative to `directory`.
    pub(crate) fn parse(
        _node: &Node,
        _directory: &Path,
        _mistakes: &mut Vec<(Place, String)>,
    ) -> Self {
        Self(Value::Null)
    }

    /// Makes a template of a value without a place in a file.
    pub(crate) fn of(value: Value) -> Self {
        Self(value)
    }

    /// Returns the names of its variables.
    pub(crate) fn variables(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the value.
    pub(crate) fn resolve(&self, _variables: &Variables) -> Result<Value, String> {
        Ok(self.0.clone())
    }
}

impl Pattern {
    /// Reads a pattern. `$file` and `$base64` are read relative to `directory`.
    pub(crate) fn parse(
        _node: &Node,
        _directory: &Path,
        _mistakes: &mut Vec<(Place, String)>,
    ) -> Self {
        Self(Value::Null)
    }

    /// Returns the names of its variables.
    pub(crate) fn variables(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the pattern with the values of its variables.
    pub(crate) fn resolve(&self, _variables: &Variables) -> Result<Self, String> {
        Ok(self.clone())
    }

    /// Returns the pattern in the words of the file, on one line.
    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }

    /// Compares a value with the pattern: what differs, nothing if it matches.
    pub(crate) fn compare(&self, _seen: &Value) -> Vec<Difference> {
        Vec::new()
    }
}
