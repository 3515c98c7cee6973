//! What every part of a file needs: templates, patterns, times, and a place for
//! mistakes.
//!
//! A value of another shape has a mistake already; here it counts as not given.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::format::duration;
use super::super::model::{Capture, Expected};
use super::super::node::{Node, Place, Tree};
use super::super::pattern::{Pattern, Template};
use super::scope::Scope;
use super::shape::count;

/// Reads the values of a file, or of a case.
pub(super) struct Reader<'a> {
    pub(super) directory: &'a Path,
    pub(super) scope: Scope,
    pub(super) mistakes: &'a mut Vec<(Place, String)>,
}

impl Reader<'_> {
    pub(super) fn mistake(&mut self, place: Place, text: impl Into<String>) {
        self.mistakes.push((place, text.into()));
    }

    /// Reads a value in which texts may have variables.
    pub(super) fn template(&mut self, node: &Node) -> Template {
        let template = Template::parse(node, self.directory, self.mistakes);
        self.check_variables(node.place, &template.variables());
        template
    }

    /// Reads the values of a list.
    pub(super) fn templates(&mut self, list: Option<&Node>) -> Vec<Template> {
        let items = list.map(Node::items).unwrap_or_default();
        items.iter().map(|item| self.template(item)).collect()
    }

    pub(super) fn pattern(&mut self, node: &Node) -> Pattern {
        let pattern = Pattern::parse(node, self.directory, self.mistakes);
        self.check_variables(node.place, &pattern.variables());
        pattern
    }

    pub(super) fn expected(&mut self, node: &Node) -> Expected {
        Expected {
            pattern: self.pattern(node),
            span: node.span.clone(),
        }
    }

    fn check_variables(&mut self, place: Place, names: &[String]) {
        let mistakes = names
            .iter()
            .filter_map(|name| self.scope.use_variable(name));
        self.mistakes.extend(mistakes.map(|text| (place, text)));
    }

    /// Reads `capture`, and makes the variables known.
    pub(super) fn captures(&mut self, node: &Node) -> Vec<Capture> {
        let entries = node.get("capture").map(Node::entries).unwrap_or_default();
        let mut captures = Vec::new();
        for (key, pointer) in entries {
            if let Some(text) = self.scope.capture(&key.text) {
                self.mistake(key.place, text);
            }
            captures.push(Capture {
                name: key.text.clone(),
                pointer: pointer.text().unwrap_or_default().to_owned(),
            });
        }
        captures
    }

    /// Reads a path relative to the file.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.directory.join(text)
    }
}

/// Reads the text of a key.
pub(super) fn text_of(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.text().map(str::to_owned)
}

/// Reads a time.
pub(super) fn duration_of(node: &Node, key: &str) -> Option<Duration> {
    duration(node.get(key)?.text()?)
}

/// Reads `within`.
pub(super) fn within(node: &Node) -> Option<Duration> {
    duration_of(node, "within")
}

/// Reads a boolean, false without it.
pub(super) fn bool_of(node: &Node, key: &str) -> bool {
    matches!(
        node.get(key),
        Some(Node {
            tree: Tree::Bool(true),
            ..
        })
    )
}

/// Reads an integer.
pub(super) fn count_of(node: &Node, key: &str) -> Option<u32> {
    match &node.get(key)?.tree {
        Tree::Number(number) => count(number),
        _ => None,
    }
}
