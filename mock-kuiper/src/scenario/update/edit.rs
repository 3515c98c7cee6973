//! Finds the smallest parts of an expectation that do not match what was seen.

use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value};

use crate::foreign;
use crate::scenario::node::{Key, Node, Tree};
use crate::scenario::pattern::{Pattern, Variables, escape_key, has_matchers};
use crate::scenario::words::{Style, Words};

/// What a file expects, and what was seen.
pub(super) struct Comparison<'a> {
    pub(super) file: &'a str,
    /// The directory of the file.
    pub(super) directory: &'a Path,
    pub(super) variables: &'a Variables,
}

/// Where a value stands, which decides how it can be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    /// Whether it is within `[]` or `{}`.
    pub(super) is_in_flow: bool,
    /// The key whose value it is.
    pub(super) key: Option<&'a Key>,
}

/// A change of the file.
#[derive(Debug)]
pub(super) enum Edit<'a> {
    /// Another value.
    Replace(Replacement<'a>),
    /// More elements of a list without brackets.
    Lengthen { list: &'a Node, words: Vec<Words> },
    /// Fewer elements of a list without brackets: none after `last`.
    Shorten { list: &'a Node, last: &'a Node },
}

/// A value in the place of another.
#[derive(Debug)]
pub(super) struct Replacement<'a> {
    pub(super) node: &'a Node,
    pub(super) site: Site<'a>,
    pub(super) words: Words,
}

impl<'a> Site<'a> {
    /// The place of a document's root.
    pub(super) const ROOT: Self = Self {
        is_in_flow: false,
        key: None,
    };

    /// Returns the place of an element or a field of `parent`, which is here.
    pub(super) fn within(self, parent: &Node, key: Option<&'a Key>, file: &str) -> Self {
        Self {
            is_in_flow: self.is_in_flow || is_flow(file, &parent.span),
            key,
        }
    }
}

/// Returns whether a value is written with brackets, or is an alias.
pub(super) fn is_flow(file: &str, span: &Range<usize>) -> bool {
    let mut text = file.get(span.clone()).unwrap_or_default();
    if text.starts_with('!') {
        text = text
            .split_once(char::is_whitespace)
            .map_or("", |(_, rest)| rest.trim_start());
    }
    text.starts_with(['[', '{', '*'])
}

/// The only matcher of a mapping.
fn only_matcher(entries: &[(Key, Node)]) -> Option<(&Key, &Node)> {
    match entries {
        [(key, value)] if has_matchers(entries) => Some((key, value)),
        _ => None,
    }
}

/// The fields of a mapping without matchers.
fn fields(node: &Node) -> Option<&[(Key, Node)]> {
    match &node.tree {
        Tree::Map(entries) if !has_matchers(entries) => Some(entries),
        _ => None,
    }
}

/// Returns what was seen under a key of a file.
fn seen_under<'v>(seen: &'v Map<String, Value>, key: &Key) -> Option<&'v Value> {
    let found = seen.iter().find(|(name, _)| escape_key(name) == key.text);
    found.map(|(_, value)| value)
}

impl Comparison<'_> {
    /// Returns whether a field is as expected; `None`: there is no such field.
    pub(super) fn matches(&self, node: &Node, seen: Option<&Value>) -> bool {
        let mut mistakes = Vec::new();
        let pattern = Pattern::parse_field(node, self.directory, &mut mistakes);
        let resolved = pattern.resolve(self.variables);
        mistakes.is_empty() && resolved.is_ok_and(|pattern| pattern.matches_field(seen))
    }

    /// Adds the replacements after which `seen` matches `node`. The error is why
    /// there can be none.
    pub(super) fn edit<'n>(
        &self,
        node: &'n Node,
        site: Site<'n>,
        seen: &Value,
        edits: &mut Vec<Edit<'n>>,
    ) -> Result<(), String> {
        if self.matches(node, Some(seen)) {
            return Ok(());
        }
        match (&node.tree, seen) {
            (Tree::List(items), Value::Array(values))
                if items.iter().all(|item| is_within(item, node))
                    && (items.len() == values.len() || self.has_lines(node, site, values)) =>
            {
                let site = site.within(node, None, self.file);
                let mut pairs = items.iter().zip(values);
                pairs.try_for_each(|(item, value)| self.edit(item, site, value, edits))?;
                match (items.get(values.len()), values.get(items.len()..)) {
                    (Some(_), _) => edits.push(Edit::Shorten {
                        list: node,
                        last: &items[values.len() - 1],
                    }),
                    (None, Some(more)) if !more.is_empty() => edits.push(Edit::Lengthen {
                        list: node,
                        words: more.iter().map(|value| self.literal(value)).collect(),
                    }),
                    _ => {}
                }
                return Ok(());
            }
            (Tree::Map(entries), Value::Object(values))
                if self.has_shape(node, entries, values) =>
            {
                return self.edit_fields(node, site, values, edits);
            }
            (Tree::Map(entries), _) => match (only_matcher(entries), seen) {
                (Some((key, path)), _) if matches!(&key.text[..], "$file" | "$base64") => {
                    let path = foreign::in_sentence(path.text().unwrap_or_default());
                    return Err(format!("it is in the file `{path}`; update that by hand"));
                }
                (Some((key, listed)), Value::Object(values))
                    if key.text == "$contains"
                        && is_within(listed, node)
                        && fields(listed)
                            .is_some_and(|fields| self.has_listed(listed, fields, values)) =>
                {
                    let site = site.within(node, Some(key), self.file);
                    return self.edit_fields(listed, site, values, edits);
                }
                _ => {}
            },
            _ => {}
        }
        edits.push(Edit::Replace(Replacement {
            node,
            site,
            words: self.merged(node, seen),
        }));
        Ok(())
    }

    /// Edits the fields of a mapping that were seen.
    fn edit_fields<'n>(
        &self,
        node: &'n Node,
        site: Site<'n>,
        seen: &Map<String, Value>,
        edits: &mut Vec<Edit<'n>>,
    ) -> Result<(), String> {
        node.entries().iter().try_for_each(|(key, field)| {
            let site = site.within(node, Some(key), self.file);
            match seen_under(seen, key) {
                Some(value) => self.edit(field, site, value, edits),
                None => Ok(()),
            }
        })
    }

    /// Returns whether elements of a list can be added or removed as lines.
    fn has_lines(&self, list: &Node, site: Site<'_>, seen: &[Value]) -> bool {
        let has_brackets = site.is_in_flow || is_flow(self.file, &list.span);
        !has_brackets && !seen.is_empty() && !list.items().is_empty()
    }

    /// Returns whether a mapping has the fields that were seen and no others.
    fn has_shape(&self, node: &Node, entries: &[(Key, Node)], seen: &Map<String, Value>) -> bool {
        let listed = entries
            .iter()
            .filter(|(key, _)| seen_under(seen, key).is_some());
        listed.count() == seen.len()
            && !has_matchers(entries)
            && self.has_listed(node, entries, seen)
    }

    /// Returns whether all fields of a mapping were seen, or may be absent.
    fn has_listed(&self, node: &Node, entries: &[(Key, Node)], seen: &Map<String, Value>) -> bool {
        entries.iter().all(|(key, field)| {
            let is_seen = seen_under(seen, key).is_some();
            is_within(field, node) && (is_seen || self.matches(field, None))
        })
    }

    /// Returns the words that `seen` matches, with those of the file that it
    /// already matches.
    fn merged(&self, node: &Node, seen: &Value) -> Words {
        if self.matches(node, Some(seen)) {
            return Words::of_node(node, self.file);
        }
        match (&node.tree, seen) {
            (Tree::Text(_), Value::String(seen)) => {
                Words::of_text(seen, self.variables, Style::of_node(node, self.file))
            }
            (Tree::List(items), Value::Array(values)) => {
                let words =
                    values
                        .iter()
                        .enumerate()
                        .map(|(index, value)| match items.get(index) {
                            Some(item) => self.merged(item, value),
                            None => self.literal(value),
                        });
                Words::List(words.collect())
            }
            (Tree::Map(entries), Value::Object(values)) if !has_matchers(entries) => {
                let mut words = self.merged_fields(entries, values);
                for (key, value) in values {
                    let key = escape_key(key);
                    if entries.iter().all(|(listed, _)| listed.text != key) {
                        words.push((key, self.literal(value)));
                    }
                }
                Words::Map(words)
            }
            (Tree::Map(entries), _) => match (only_matcher(entries), seen) {
                (Some((key, listed)), Value::Object(values)) if key.text == "$contains" => {
                    let words = fields(listed).map(|fields| self.merged_fields(fields, values));
                    match words.filter(|words| !words.is_empty()) {
                        Some(words) => Words::Map(vec![(key.text.clone(), Words::Map(words))]),
                        None => self.literal(seen),
                    }
                }
                (Some((key, near)), Value::Number(seen)) if key.text == "$near" => {
                    let parts = near
                        .entries()
                        .iter()
                        .map(|(key, part)| match &key.text[..] {
                            "value" => (key.text.clone(), Words::Scalar(seen.to_string())),
                            _ => (key.text.clone(), Words::of_node(part, self.file)),
                        });
                    Words::Map(vec![(key.text.clone(), Words::Map(parts.collect()))])
                }
                (Some((key, patterns)), Value::Array(values)) if key.text == "$unordered" => {
                    let words = self.merged_in_any_order(patterns.items(), values);
                    Words::Map(vec![(key.text.clone(), Words::List(words))])
                }
                _ => self.literal(seen),
            },
            _ => self.literal(seen),
        }
    }

    /// Merges the listed fields. One that was not seen is left out, unless it may be
    /// absent.
    fn merged_fields(
        &self,
        entries: &[(Key, Node)],
        seen: &Map<String, Value>,
    ) -> Vec<(String, Words)> {
        let words = entries.iter().filter_map(|(key, field)| {
            let words = match seen_under(seen, key) {
                Some(value) => self.merged(field, value),
                None if self.matches(field, None) => Words::of_node(field, self.file),
                None => return None,
            };
            Some((key.text.clone(), words))
        });
        words.collect()
    }

    /// Keeps each pattern that an element of its own matches; the other elements
    /// take the places of the other patterns.
    fn merged_in_any_order(&self, patterns: &[Node], seen: &[Value]) -> Vec<Words> {
        let mut left_over: Vec<&Value> = seen.iter().collect();
        let kept = patterns.iter().map(|pattern| {
            let found = left_over
                .iter()
                .position(|value| self.matches(pattern, Some(value)));
            found.map(|position| {
                left_over.remove(position);
                Words::of_node(pattern, self.file)
            })
        });
        let kept: Vec<_> = kept.collect();
        let mut left_over = left_over.into_iter().map(|value| self.literal(value));
        let mut words: Vec<_> = kept
            .into_iter()
            .filter_map(|kept| kept.or_else(|| left_over.next()))
            .collect();
        words.extend(left_over);
        words
    }

    fn literal(&self, seen: &Value) -> Words {
        Words::of_seen(seen, self.variables)
    }
}

/// Returns whether a value is written within another. One that an alias repeats is
/// written elsewhere.
fn is_within(node: &Node, parent: &Node) -> bool {
    parent.span.start <= node.span.start && node.span.end <= parent.span.end
}
