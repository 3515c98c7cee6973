//! YAML as Go's `yaml.v3` reads it.
//!
//! [`parse`] makes a tree of the first document. What cannot be JSON, such as a key
//! that is a number, is kept: releases differ in what they do with it.
//!
//! Source: gopkg.in/yaml.v3 3.0.1, resolve.go and decode.go.

mod scalar;
mod tree;

use serde_json::{Number, Value};

pub(super) use tree::parse;

/// A value of a YAML document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    /// `.nan` or `.inf`, as written.
    NotFinite(String),
    Text(String),
    /// A date, or a number such as `017`, which arrives differently from how it is
    /// written.
    Rewritten {
        written: String,
        value: Value,
    },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// A mapping with a key that occurs twice, which `yaml.v3` does not read.
    Unread,
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The key as written, without quotes.
    pub(super) text: String,
    pub(super) kind: KeyKind,
}

/// The type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum KeyKind {
    Text,
    Null,
    /// A number, a boolean or a date.
    Other,
}

/// The first document of a YAML file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    pub(super) root: Node,
    /// What `yaml.v3` reports although it goes on reading.
    pub(super) errors: Vec<String>,
    /// Whether other documents follow.
    pub(super) has_more: bool,
}
