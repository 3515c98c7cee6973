//! A YAML document as a tree in which each node knows its place.
//!
//! [`read`] makes the tree. Types are those of YAML's core schema; a key that
//! occurs twice, a tag of another schema and a second document are mistakes.

mod read;
mod scalar;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use serde_json::{Map, Number, Value};

pub(super) use self::read::read;

/// A place in a file. Both numbers count from 1; a column is a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Something that is wrong in a test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMistake {
    /// The file.
    pub file: PathBuf,
    /// Where in the file; `None` if the file cannot be read.
    pub place: Option<Place>,
    /// What is wrong, and what to do next.
    pub text: String,
}

/// A node of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    /// The bytes of the document that hold the value, from its first character to
    /// its last: without an anchor, a comment or a line end after it. A tag belongs
    /// to them if there is no anchor. Empty for a null that is not written.
    pub(crate) span: Range<usize>,
    pub(crate) tree: Tree,
}

/// What a node is. Numbers keep all digits of 64-bit integers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping, which is a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) place: Place,
}

impl Node {
    /// Describes the node for a message: `a list`, `the text "hi"`.
    pub(crate) fn describe(&self) -> String {
        match &self.tree {
            Tree::Null => "nothing".to_owned(),
            Tree::Bool(so) => format!("`{so}`"),
            Tree::Number(number) => format!("the number {number}"),
            Tree::Text(text) => match text.char_indices().nth(40) {
                Some((end, _)) => format!("the text {:?}…", &text[..end]),
                None => format!("the text {text:?}"),
            },
            Tree::List(_) => "a list".to_owned(),
            Tree::Map(_) => "a mapping".to_owned(),
        }
    }

    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let entries = match &self.tree {
            Tree::Map(entries) => entries,
            _ => return None,
        };
        let found = entries.iter().find(|(other, _)| other.text == key);
        found.map(|(_, node)| node)
    }

    /// Returns the text of a text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the items of a list, and none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.tree {
            Tree::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the entries of a mapping, and none of anything else.
    pub(crate) fn entries(&self) -> &[(Key, Self)] {
        match &self.tree {
            Tree::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the node as JSON.
    pub(crate) fn to_json(&self) -> Value {
        match &self.tree {
            Tree::Null => Value::Null,
            Tree::Bool(so) => Value::Bool(*so),
            Tree::Number(number) => Value::Number(number.clone()),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => items.iter().map(Self::to_json).collect(),
            Tree::Map(entries) => {
                let entries = entries.iter();
                let pairs = entries.map(|(key, node)| (key.text.clone(), node.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for FileMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(place) = self.place {
            write!(f, "{place}:")?;
        }
        write!(f, " {}", self.text)
    }
}
