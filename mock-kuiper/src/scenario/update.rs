//! Writes what was seen into the expectations of a test file.
//!
//! Only what does not match is replaced. Comments, layout and matchers that match
//! stay. What is written was read again before: the new expectation matches what
//! was seen, and the rest of the file means what it meant.

mod edit;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;
mod layout;
mod rows;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::edit::{Comparison, Site};
use self::layout::Forms;
use super::node::{Node, Place, Tree, read};
use super::result::{CaseResult, Results, Update, Verdict};
use crate::foreign;

/// The most bytes of JSON that are written for an expectation.
const LARGEST: usize = 256 * 1024;

/// A file after an update.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rewritten {
    /// The text.
    text: String,
    /// How many expectations were replaced.
    written: usize,
    /// Which were not, and why.
    left_out: Vec<(Place, String)>,
}

/// What an update has written into a test file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpdatedFile {
    /// The test file.
    pub file: PathBuf,
    /// How many expectations were replaced.
    pub written: usize,
    /// Which were not, and why.
    pub left_out: Vec<(Place, String)>,
}

impl CaseResult {
    /// Whether what was seen can replace all that was not as expected.
    #[must_use]
    pub fn is_replaceable(&self) -> bool {
        self.verdict == Verdict::Failed && self.failures.len() == self.updates.len()
    }
}

impl Results {
    /// Writes what was seen into the test files, where it was not as expected.
    /// Comments and layout stay.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written, with the reason.
    pub fn update(&self) -> Result<Vec<UpdatedFile>, (PathBuf, io::Error)> {
        let mut files = Vec::new();
        for cases in self.by_file() {
            let updates = cases.iter().flat_map(|case| case.updates.iter().cloned());
            let updates: Vec<_> = updates.collect();
            if updates.is_empty() {
                continue;
            }
            let file = cases[0].file.clone();
            let rewritten = update(&file, &updates).map_err(|error| (file.clone(), error))?;
            files.push(UpdatedFile {
                file,
                written: rewritten.written,
                left_out: rewritten.left_out,
            });
        }
        Ok(files)
    }
}

/// Rewrites the expectations of a test file in place.
///
/// # Errors
///
/// The file cannot be read or written.
fn update(path: &Path, updates: &[Update]) -> io::Result<Rewritten> {
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
fn rewrite(text: &str, directory: &Path, updates: &[Update]) -> Rewritten {
    let mut rewritten = Rewritten {
        text: text.to_owned(),
        written: 0,
        left_out: Vec::new(),
    };
    let Some(mut document) = Document::parse(text.to_owned()) else {
        let text = "the file has mistakes since the test; correct them, and run it again";
        let place = Place { line: 1, column: 1 };
        rewritten.left_out.push((place, text.to_owned()));
        return rewritten;
    };
    let original = document.root.clone();
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for update in updates {
        let Range { start, end } = update.span;
        groups.entry((start, end)).or_default().push(update);
    }
    for (span, group) in &groups {
        let (start, end) = *span;
        let Some((path, node)) = find(&original, &(start..end)) else {
            let reason = "the file has changed since the test; run it again".to_owned();
            rewritten.left_out.push((place_at(text, start), reason));
            continue;
        };
        let mut others = groups.keys().filter(|other| *other != span);
        let written = match others.any(|other| other.0 < end && start < other.1) {
            true => Err(
                "another expectation that failed is a part of it, or it of that one; update it by \
                 hand"
                    .to_owned(),
            ),
            false => write_group(&document, directory, &path, group),
        };
        match written {
            Ok(Some(after)) => {
                rewritten.written += 1;
                document = after;
            }
            Ok(None) => {}
            Err(reason) => rewritten.left_out.push((node.place, reason)),
        }
    }
    rewritten.text = document.text;
    rewritten
}

/// A text with its tree.
struct Document {
    text: String,
    root: Node,
}

impl Document {
    /// Reads a text; `None` if it has a mistake.
    fn parse(text: String) -> Option<Self> {
        let mut mistakes = Vec::new();
        let root = read(&text, &mut mistakes)?;
        mistakes.is_empty().then_some(Self { text, root })
    }

    fn locate(&self, path: &[usize]) -> Option<(&Node, Site<'_>)> {
        let mut node = &self.root;
        let mut site = Site::ROOT;
        for index in path {
            let entry = node.entries().get(*index);
            site = site.within(node, entry.map(|(key, _)| key), &self.text);
            node = part(node, *index)?;
        }
        Some((node, site))
    }

    fn comparison<'a>(&'a self, directory: &'a Path, update: &'a Update) -> Comparison<'a> {
        Comparison {
            file: &self.text,
            directory,
            variables: &update.variables,
        }
    }

    fn matches(&self, directory: &Path, path: &[usize], update: &Update) -> bool {
        let comparison = self.comparison(directory, update);
        self.locate(path)
            .is_some_and(|(node, _)| comparison.matches(node, Some(&seen_at(node, update))))
    }
}

/// Returns what was seen, without what the expectation leaves open.
fn seen_at<'a>(node: &Node, update: &'a Update) -> Cow<'a, Value> {
    match update.is_rows {
        true => rows::as_expected(node, &update.seen),
        false => Cow::Borrowed(&update.seen),
    }
}

/// Replaces an expectation by what all releases have seen. `None`: it matches.
fn write_group(
    document: &Document,
    directory: &Path,
    path: &[usize],
    group: &[&Update],
) -> Result<Option<Document>, String> {
    let failed = group
        .iter()
        .find(|update| !document.matches(directory, path, update));
    let Some(failed) = failed else {
        return Ok(None);
    };
    let written = write(document, directory, path, failed)?;
    let is_match = |update: &&Update| written.matches(directory, path, update);
    match group.iter().all(is_match) {
        true => Ok(Some(written)),
        false => Err(conflict(group)),
    }
}

fn write(
    document: &Document,
    directory: &Path,
    path: &[usize],
    update: &Update,
) -> Result<Document, String> {
    if let Some((node, site)) = document.locate(path) {
        let size = update.seen.to_string().len();
        if size > LARGEST {
            return Err(format!(
                "the value that was seen has {size} bytes, too many for a test file; write \
                 matchers by hand"
            ));
        }
        let mut edits = Vec::new();
        let comparison = document.comparison(directory, update);
        comparison.edit(node, site, &seen_at(node, update), &mut edits)?;
        for forms in [Forms::All, Forms::Quoted] {
            let text = layout::apply(&document.text, &edits, forms);
            let written = Document::parse(text).filter(|written| {
                is_same_beside(&document.root, &written.root, Some(path))
                    && written.matches(directory, path, update)
            });
            if let Some(written) = written {
                return Ok(written);
            }
        }
    }
    Err(
        "it cannot be written here without a change to something else; update it by hand"
            .to_owned(),
    )
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

/// Returns the node that takes these bytes, and the way to it: the number of the
/// element or the field at each level.
fn find<'a>(node: &'a Node, span: &Range<usize>) -> Option<(Vec<usize>, &'a Node)> {
    if node.span == *span {
        return Some((Vec::new(), node));
    }
    let mut parts = (0..).map_while(|index| part(node, index)).enumerate();
    parts.find_map(|(index, part)| {
        let (mut path, node) = find(part, span)?;
        path.insert(0, index);
        Some((path, node))
    })
}

fn part(node: &Node, index: usize) -> Option<&Node> {
    let field = node.entries().get(index).map(|(_, field)| field);
    field.or_else(|| node.items().get(index))
}

/// Returns whether two trees are equal, apart from what is at a path.
fn is_same_beside(a: &Node, b: &Node, path: Option<&[usize]>) -> bool {
    if path.is_some_and(<[usize]>::is_empty) {
        return true;
    }
    let below = |index: usize| match path {
        Some([first, rest @ ..]) if *first == index => Some(rest),
        _ => None,
    };
    match (&a.tree, &b.tree) {
        (Tree::List(a), Tree::List(b)) => {
            let mut pairs = a.iter().zip(b).enumerate();
            a.len() == b.len() && pairs.all(|(index, (a, b))| is_same_beside(a, b, below(index)))
        }
        (Tree::Map(a), Tree::Map(b)) => {
            let mut pairs = a.iter().zip(b).enumerate();
            a.len() == b.len()
                && pairs.all(|(index, ((a_key, a), (b_key, b)))| {
                    a_key.text == b_key.text && is_same_beside(a, b, below(index))
                })
        }
        (a, b) => a == b,
    }
}

/// Returns the place of a byte.
fn place_at(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Place {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    }
}
