//! From the events of the parser to a tree.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use serde_json::Value;

use super::scalar::{self, Scalar};
use super::{Document, Key, KeyKind, Node};

/// How deep lists and mappings may be nested.
const DEPTH: usize = 500;

/// How many values a document may have, with those that aliases repeat.
const NODES: usize = 200_000;

const CORE: &str = "tag:yaml.org,2002:";

/// Parses the first document of a YAML file.
///
/// # Errors
///
/// The text of the first error after which nothing can be read.
pub(in super::super) fn parse(text: &str) -> Result<Document, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tree = Tree::default();
    let mut events = Parser::new_from_str(text);
    for event in &mut events {
        let (event, span) = event.map_err(|error| error.to_string())?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        tree.take(event, span.start.line())?;
    }
    // What follows the first document is not read, not even its mistakes.
    let next = events.next_event();
    let has_more = !matches!(next, None | Some(Ok((Event::StreamEnd, _))));
    Ok(Document {
        root: tree.root.unwrap_or(Node::Null),
        errors: tree.errors,
        has_more,
    })
}

#[derive(Default)]
struct Tree {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    errors: Vec<String>,
    nodes: usize,
    /// How many values were copied for aliases to repeat: a value below several
    /// anchors is copied for each of them.
    anchored: usize,
}

/// A value that an alias can repeat.
#[derive(Clone)]
struct Anchored {
    node: Node,
    key: Key,
    size: usize,
}

/// A list or a mapping whose end was not yet reached.
struct Open {
    anchor: usize,
    /// The number of values before it.
    before: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        merged: Vec<Node>,
        key: Option<MapKey>,
        seen: BTreeSet<String>,
        duplicate: bool,
    },
}

enum MapKey {
    Own(Key),
    Merge,
}

impl Tree {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = resolve(&text, style, tag.as_deref())
                    .map_err(|error| format!("{error} at line {line}"))?;
                let is_merge = scalar == Scalar::Merge;
                let (node, kind) = match scalar {
                    Scalar::Null => (Node::Null, KeyKind::Null),
                    Scalar::Bool(so) => (Node::Bool(so), KeyKind::Other),
                    Scalar::Number(number) if is_odd(&text) => {
                        (rewritten(&text, number.into()), KeyKind::Other)
                    }
                    Scalar::Number(number) => (Node::Number(number), KeyKind::Other),
                    Scalar::NotFinite => (Node::NotFinite(text.to_string()), KeyKind::Other),
                    Scalar::Date(date) => (rewritten(&text, date.into()), KeyKind::Other),
                    Scalar::Binary(bytes) => (Node::Text(bytes), KeyKind::Other),
                    Scalar::Tagged => (Node::Text(text.to_string()), KeyKind::Other),
                    Scalar::Text | Scalar::Merge => (Node::Text(text.to_string()), KeyKind::Text),
                };
                let text = text.into_owned();
                let key = Key { text, kind };
                self.add(node, Some(key), is_merge, anchor, 1, line)
            }
            Event::DocumentStart(_, Some(version)) if (version.major, version.minor) != (1, 1) => {
                Err("`yaml.v3` reads YAML 1.1 alone; remove the directive `%YAML`".to_owned())
            }
            Event::SequenceStart(_, anchor, _) => self.begin(anchor, OpenKind::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.begin(
                anchor,
                OpenKind::Map {
                    entries: Vec::new(),
                    merged: Vec::new(),
                    key: None,
                    seen: BTreeSet::new(),
                    duplicate: false,
                },
            ),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                let node = match open.kind {
                    OpenKind::List(items) => Node::List(items),
                    OpenKind::Map {
                        duplicate: true, ..
                    } => Node::Unread,
                    OpenKind::Map {
                        entries, merged, ..
                    } => Node::Map(merge(entries, merged)?),
                };
                let size = self.nodes - open.before + 1;
                self.add(node, None, false, open.anchor, size, line)
            }
            Event::Alias(anchor) => {
                let Some(anchored) = self.anchors.get(&anchor).cloned() else {
                    return Err(format!("an alias at line {line} is part of its own anchor"));
                };
                let is_text = !matches!(anchored.node, Node::List(_) | Node::Map(_));
                let key = is_text.then_some(anchored.key);
                self.nodes += anchored.size - 1;
                self.add(anchored.node, key, false, 0, anchored.size, line)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, kind: OpenKind) -> Result<(), String> {
        if self.open.len() == DEPTH {
            return Err(format!(
                "lists and mappings are nested more than {DEPTH} deep"
            ));
        }
        let before = self.nodes;
        self.open.push(Open {
            anchor,
            before,
            kind,
        });
        Ok(())
    }

    /// Adds a value, or a key if one is due. Only scalars are keys.
    fn add(
        &mut self,
        node: Node,
        as_key: Option<Key>,
        is_merge: bool,
        anchor: usize,
        size: usize,
        line: usize,
    ) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(format!("has more than {NODES} values"));
        }
        if anchor > 0 {
            self.anchored += size;
            if self.anchored > NODES {
                return Err(format!("has more than {NODES} values below its anchors"));
            }
            let key = as_key.clone().unwrap_or_else(|| Key {
                text: String::new(),
                kind: KeyKind::Other,
            });
            let anchored = Anchored {
                node: node.clone(),
                key,
                size,
            };
            self.anchors.insert(anchor, anchored);
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let (entries, merged, key, seen, duplicate) = match &mut open.kind {
            OpenKind::List(items) => {
                items.push(node);
                return Ok(());
            }
            OpenKind::Map {
                entries,
                merged,
                key,
                seen,
                duplicate,
            } => (entries, merged, key, seen, duplicate),
        };
        match key.take() {
            None if is_merge => *key = Some(MapKey::Merge),
            None => {
                let own =
                    as_key.ok_or_else(|| format!("a list or a mapping is a key at line {line}"))?;
                if !seen.insert(own.text.clone()) {
                    *duplicate = true;
                    let text = &own.text;
                    self.errors
                        .push(format!("the key `{text}` occurs again at line {line}"));
                }
                *key = Some(MapKey::Own(own));
            }
            Some(MapKey::Own(own)) => entries.push((own, node)),
            Some(MapKey::Merge) => match node {
                Node::List(items) => merged.extend(items),
                node => merged.push(node),
            },
        }
        Ok(())
    }
}

fn rewritten(text: &str, value: Value) -> Node {
    let written = text.to_owned();
    Node::Rewritten { written, value }
}

/// Returns whether a number can be mistaken for something else: `017`, `1_000`.
fn is_odd(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    matches!(digits, [b'0', b'0'..=b'9', ..]) || text.contains('_')
}

/// Adds the entries of merged mappings. The mapping's own entries win, then those of
/// the earlier mapping.
fn merge(mut entries: Vec<(Key, Node)>, merged: Vec<Node>) -> Result<Vec<(Key, Node)>, String> {
    if merged.is_empty() {
        return Ok(entries);
    }
    let mut known: HashSet<_> = entries.iter().map(|(key, _)| key.clone()).collect();
    for node in merged {
        let Node::Map(more) = node else {
            return Err("`<<` merges something other than mappings".to_owned());
        };
        for (key, node) in more {
            if known.insert(key.clone()) {
                entries.push((key, node));
            }
        }
    }
    Ok(entries)
}

fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, String> {
    let is_plain = style == ScalarStyle::Plain;
    let Some(tag) = tag else {
        return Ok(if is_plain {
            scalar::resolve(text)
        } else {
            Scalar::Text
        });
    };
    let found = scalar::resolve(text);
    match (tag.handle(), tag.suffix()) {
        // The tag `!` alone changes nothing.
        ("", "!") | ("!", "") if is_plain => return Ok(found),
        (CORE, _) => {}
        _ => return Ok(Scalar::Tagged),
    }
    match (tag.suffix(), found) {
        ("null", Scalar::Null) => Ok(Scalar::Null),
        ("bool", Scalar::Bool(so)) => Ok(Scalar::Bool(so)),
        ("int", Scalar::Number(number)) if !number.is_f64() => Ok(Scalar::Number(number)),
        ("float", Scalar::Number(number)) => Ok(scalar::float(number.as_f64().unwrap_or(0.0))),
        ("float", Scalar::NotFinite) => Ok(Scalar::NotFinite),
        ("timestamp", Scalar::Date(date)) => Ok(Scalar::Date(date)),
        ("merge", _) => Ok(Scalar::Merge),
        ("str", _) => Ok(Scalar::Text),
        ("binary", _) => scalar::base64(text)
            .map(Scalar::Binary)
            .ok_or_else(|| "`!!binary` is not base64".to_owned()),
        ("null" | "bool" | "int" | "float" | "timestamp", _) => {
            Err(format!("cannot decode `{text}` as `!!{}`", tag.suffix()))
        }
        _ => Ok(Scalar::Tagged),
    }
}
