//! Writes what was seen into the expectations of a test file.
//!
//! Only what does not match is replaced. Comments, layout and matchers that match
//! stay. What is written was read again before: the new expectation matches what
//! was seen, and the rest of the file means what it meant.

mod edit;
mod layout;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use self::edit::{Comparison, Site};
use self::layout::Forms;
use super::node::{Node, Place, Tree, read};
use super::result::Update;
use crate::foreign;

/// A file after an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// The text.
    pub(crate) text: String,
    /// How many expectations were replaced.
    pub(crate) written: usize,
    /// Which were not, and why.
    pub(crate) left_out: Vec<(Place, String)>,
}

/// Rewrites the expectations of a test file in place.
///
/// # Errors
///
/// The file cannot be read or written.
pub(crate) fn update(path: &Path, updates: &[Update]) -> io::Result<Rewritten> {
    // A symbolic link stays one.
    let path = path.canonicalize()?;
    let text = fs::read_to_string(&path)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let rewritten = rewrite(&text, directory, updates);
    if rewritten.text != text {
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(rewritten.text.as_bytes())?;
        file.as_file()
            .set_permissions(fs::metadata(&path)?.permissions())?;
        file.persist(&path)?;
    }
    Ok(rewritten)
}

/// Rewrites the expectations in the text of a test file. `$file` and `$base64` are
/// read relative to `directory`.
pub(crate) fn rewrite(text: &str, directory: &Path, updates: &[Update]) -> Rewritten {
    let mut rewritten = Rewritten {
        text: text.to_owned(),
        written: 0,
        left_out: Vec::new(),
    };
    let Some(root) = parse(text) else {
        let text = "the file is no longer without mistakes; run the test again".to_owned();
        rewritten
            .left_out
            .push((Place { line: 1, column: 1 }, text));
        return rewritten;
    };
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for update in updates {
        let Range { start, end } = update.span;
        groups.entry((start, end)).or_default().push(update);
    }
    for ((start, end), group) in &groups {
        let Some((path, node)) = find(&root, &(*start..*end)) else {
            let text = "the file has changed since the test; run it again".to_owned();
            rewritten
                .left_out
                .push((place_at(&rewritten.text, *start), text));
            continue;
        };
        let others = groups.keys().filter(|other| *other != &(*start, *end));
        let overlaps = others
            .clone()
            .any(|other| other.0 < *end && *start < other.1);
        let written = match overlaps {
            true => Err(
                "another expectation that failed overlaps with it; update it by hand".to_owned(),
            ),
            false => write_group(&rewritten.text, directory, &path, group),
        };
        match written {
            Ok(text) => {
                rewritten.written += usize::from(text != rewritten.text);
                rewritten.text = text;
            }
            Err(reason) => rewritten.left_out.push((node.place, reason)),
        }
    }
    rewritten
}

/// Replaces one expectation by what every release has seen.
fn write_group(
    text: &str,
    directory: &Path,
    path: &[usize],
    group: &[&Update],
) -> Result<String, String> {
    let mut written = text.to_owned();
    for update in group {
        if !matches(&written, directory, path, update) {
            if written != text {
                return Err(conflict(group));
            }
            written = write(text, directory, path, update)?;
        }
    }
    match group
        .iter()
        .all(|update| matches(&written, directory, path, update))
    {
        true => Ok(written),
        false => Err(conflict(group)),
    }
}

fn write(text: &str, directory: &Path, path: &[usize], update: &Update) -> Result<String, String> {
    let rest = parse(text).map(|root| rest_of(root, path));
    for forms in [Forms::All, Forms::Quoted] {
        let Some(root) = parse(text) else { continue };
        let Some((node, site)) = locate(&root, path, text) else {
            continue;
        };
        let mut edits = Vec::new();
        comparison(text, directory, update).edit(node, site, &update.seen, &mut edits);
        let written = layout::apply(text, &edits, forms);
        let is_rest_kept = parse(&written).map(|root| rest_of(root, path)) == rest;
        if is_rest_kept && matches(&written, directory, path, update) {
            return Ok(written);
        }
    }
    Err("cannot be written here without a change to something else; update it by hand".to_owned())
}

fn conflict(group: &[&Update]) -> String {
    let mut seen: Vec<String> = Vec::new();
    for update in group {
        let value = foreign::in_sentence(&update.seen.to_string());
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    format!(
        "releases saw different values; write an expectation that matches all of them: {}",
        seen.join(", ")
    )
}

fn comparison<'a>(file: &'a str, directory: &'a Path, update: &'a Update) -> Comparison<'a> {
    Comparison {
        file,
        directory,
        variables: &update.variables,
    }
}

fn matches(text: &str, directory: &Path, path: &[usize], update: &Update) -> bool {
    let root = parse(text);
    let found = root.as_ref().and_then(|root| locate(root, path, text));
    found.is_some_and(|(node, _)| {
        comparison(text, directory, update).matches(node, Some(&update.seen))
    })
}

fn parse(text: &str) -> Option<Node> {
    let mut mistakes = Vec::new();
    read(text, &mut mistakes).filter(|_| mistakes.is_empty())
}

/// Returns the node that takes these bytes, and the way to it: the number of the
/// element or the field at each level.
fn find<'a>(node: &'a Node, span: &Range<usize>) -> Option<(Vec<usize>, &'a Node)> {
    if node.span == *span {
        return Some((Vec::new(), node));
    }
    let entries = node.entries().iter().map(|(_, field)| field);
    let parts = node.items().iter().chain(entries);
    let mut found = parts.enumerate().filter_map(|(index, part)| {
        let (mut path, node) = find(part, span)?;
        path.insert(0, index);
        Some((path, node))
    });
    found.next()
}

fn locate<'a>(root: &'a Node, path: &[usize], file: &str) -> Option<(&'a Node, Site<'a>)> {
    let mut node = root;
    let mut site = Site::ROOT;
    for index in path {
        let entry = node.entries().get(*index);
        site = site.within(node, entry.map(|(key, _)| key), file);
        node = entry
            .map(|(_, field)| field)
            .or_else(|| node.items().get(*index))?;
    }
    Some((node, site))
}

/// Returns the document without the value at the end of a path.
fn rest_of(mut root: Node, path: &[usize]) -> Value {
    let mut node = &mut root;
    for index in path {
        let part = match &mut node.tree {
            Tree::List(items) => items.get_mut(*index),
            Tree::Map(entries) => entries.get_mut(*index).map(|(_, field)| field),
            _ => None,
        };
        match part {
            Some(part) => node = part,
            None => return Value::Null,
        }
    }
    node.tree = Tree::Null;
    root.to_json()
}

fn place_at(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Place {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    }
}
