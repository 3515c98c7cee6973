//! From the events of the YAML parser to a tree of nodes with places.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::ops::Range;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StructureStyle, Tag};

use super::scalar;
use super::{Key, Node, Place, Tree};
use crate::foreign::in_sentence;

/// How deep lists and mappings may be nested.
const DEPTH: usize = 100;

/// How many values a document may have, with those that aliases repeat.
const NODES: usize = 200_000;

const CORE: &str = "tag:yaml.org,2002:";

/// Reads the only document of a YAML text. Spans count from the beginning of
/// `text`, with its byte order mark.
///
/// After a mistake in the syntax nothing more is read, and there is no tree.
pub(in super::super) fn read(text: &str, mistakes: &mut Vec<(Place, String)>) -> Option<Node> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        text: body,
        shift: text.len() - body.len(),
        root: None,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        anchored: 0,
        last: Position {
            line: 1,
            ..Position::default()
        },
        mistakes,
    };
    let mut documents = 0;
    for event in Parser::new_from_str(body) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let text = format!("{}; correct the YAML", error.info());
                reader.mistakes.push((place(*error.marker()), text));
                return None;
            }
        };
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
        }
        if documents > 1 {
            let text = "a second document begins here; put each into a file of its own";
            reader.mistakes.push((place(span.start), text.to_owned()));
            return None;
        }
        if let Err(mistake) = reader.take(event, span) {
            reader.mistakes.push(mistake);
            return None;
        }
    }
    let nothing = Node {
        place: Place { line: 1, column: 1 },
        span: text.len()..text.len(),
        tree: Tree::Null,
    };
    Some(reader.root.unwrap_or(nothing))
}

struct Reader<'a> {
    text: &'a str,
    /// The length of the byte order mark.
    shift: usize,
    root: Option<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    /// How many values were copied for aliases to repeat.
    anchored: usize,
    /// The end of the last event.
    last: Position,
    mistakes: &'a mut Vec<(Place, String)>,
}

#[derive(Clone)]
struct Anchored {
    node: Node,
    size: usize,
}

/// A list or a mapping whose end was not yet reached.
struct Open {
    anchor: usize,
    /// The number of values before it.
    before: usize,
    is_flow: bool,
    place: Place,
    start: usize,
    /// The end of the last value or key within.
    end: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        /// The key whose value comes next.
        key: Option<Key>,
        /// Whether that key has occurred before, so that its value does not count.
        is_again: bool,
        seen: HashSet<String>,
    },
}

type Mistake = (Place, String);

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Mistake> {
        let end = Position::of(span.end);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let at = self.scalar_start(style, span);
                let range = at.offset..self.trimmed_end(at.offset, end.offset, style);
                let range = self.with_tag(range, anchor, span);
                let is_implied = span.start.index() == span.end.index();
                let is_plain = style == ScalarStyle::Plain;
                let resolved = match (tag.as_deref(), is_plain) {
                    (None, true) if is_implied => Ok(Tree::Null),
                    (None, true) => scalar::resolve(&text),
                    (None, false) => Ok(Tree::Text(text.to_string())),
                    (Some(tag), _) => tagged(&text, is_plain, tag),
                };
                let tree = resolved.unwrap_or_else(|mistake| {
                    self.mistakes.push((at.place(), mistake));
                    Tree::Text(text.to_string())
                });
                // A key is the text that the file has, whatever its type would be.
                let key = (!(is_plain && is_implied)).then(|| text.into_owned());
                self.add(tree, key, at.place(), range, anchor, 1)?;
            }
            Event::SequenceStart(style, anchor, tag) => {
                let at = self.list_start(span.start);
                self.begin(style, at, anchor, tag.as_deref(), "seq", {
                    OpenKind::List(Vec::new())
                })?;
            }
            Event::MappingStart(style, anchor, tag) => {
                let kind = OpenKind::Map {
                    entries: Vec::new(),
                    key: None,
                    is_again: false,
                    seen: HashSet::new(),
                };
                let at = Position::of(span.start);
                self.begin(style, at, anchor, tag.as_deref(), "map", kind)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let tree = match open.kind {
                        OpenKind::List(items) => Tree::List(items),
                        OpenKind::Map { entries, .. } => Tree::Map(entries),
                    };
                    let close = if open.is_flow { end.offset } else { open.start };
                    let range = open.start..close.max(open.end);
                    let size = self.nodes - open.before + 1;
                    self.add(tree, None, open.place, range, open.anchor, size)?;
                }
            }
            Event::Alias(anchor) => {
                let at = Position::of(span.start);
                let Some(anchored) = self.anchors.get(&anchor) else {
                    let text = "the alias is part of its own anchor; write the value out";
                    return Err((at.place(), text.to_owned()));
                };
                self.nodes += anchored.size - 1;
                // Before the copy, which may be as large as the document.
                if self.nodes > NODES {
                    return Err((at.place(), too_many()));
                }
                let Anchored { node, size } = anchored.clone();
                let key = match &node.tree {
                    Tree::Text(text) => Some(text.clone()),
                    _ => None,
                };
                self.add(node.tree, key, at.place(), at.offset..end.offset, 0, size)?;
            }
            _ => return Ok(()),
        }
        self.last = end;
        Ok(())
    }

    fn begin(
        &mut self,
        style: StructureStyle,
        at: Position,
        anchor: usize,
        tag: Option<&Tag>,
        expected: &str,
        kind: OpenKind,
    ) -> Result<(), Mistake> {
        if self.open.len() == DEPTH {
            let text = format!(
                "lists and mappings are nested more than {DEPTH} deep; make the value simpler"
            );
            return Err((at.place(), text));
        }
        if let Some(tag) = tag
            && !is_core(tag, expected)
        {
            self.mistakes.push((at.place(), unknown_tag(tag)));
        }
        self.open.push(Open {
            anchor,
            before: self.nodes,
            is_flow: style == StructureStyle::Flow,
            place: at.place(),
            start: at.offset,
            end: at.offset,
            kind,
        });
        Ok(())
    }

    /// Adds a value, or a key if one is due. Only scalars are keys.
    fn add(
        &mut self,
        tree: Tree,
        as_key: Option<String>,
        place: Place,
        range: Range<usize>,
        anchor: usize,
        size: usize,
    ) -> Result<(), Mistake> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err((place, too_many()));
        }
        let end = range.end;
        let span = range.start + self.shift..range.end + self.shift;
        let node = Node { place, span, tree };
        if anchor > 0 {
            self.anchored += size;
            if self.anchored > NODES {
                let text = format!("more than {NODES} values have anchors; write a smaller file");
                return Err((place, text));
            }
            let node = node.clone();
            self.anchors.insert(anchor, Anchored { node, size });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.end = open.end.max(end);
        let (entries, key, is_again, seen) = match &mut open.kind {
            OpenKind::List(items) => {
                items.push(node);
                return Ok(());
            }
            OpenKind::Map {
                entries,
                key,
                is_again,
                seen,
            } => (entries, key, is_again, seen),
        };
        let Some(due) = key.take() else {
            let text = as_key.ok_or_else(|| {
                let text = "a key must be a text; put quotation marks around it";
                (place, text.to_owned())
            })?;
            *is_again = !seen.insert(text.clone());
            if *is_again {
                let text = format!("the key `{}` occurs twice; remove one", in_sentence(&text));
                self.mistakes.push((place, text));
            }
            *key = Some(Key { text, place });
            return Ok(());
        };
        if !*is_again {
            entries.push((due, node));
        }
        Ok(())
    }

    /// Returns where a scalar begins. The span of a block scalar begins after its
    /// header, `|` or `>`.
    fn scalar_start(&self, style: ScalarStyle, span: Span) -> Position {
        let start = Position::of(span.start);
        if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return start;
        }
        let header = self.find(start.offset, |c, _| matches!(c, '|' | '>'));
        header.unwrap_or(start)
    }

    /// Returns where a list begins. The span of one that is not indented below its
    /// key begins after the first dash.
    fn list_start(&self, marker: Marker) -> Position {
        let start = Position::of(marker);
        let is_value = self.open.last().is_some_and(
            |open| matches!(&open.kind, OpenKind::Map { key: Some(_), .. } if !open.is_flow),
        );
        if !is_value {
            return start;
        }
        let is_dash = |c, next: Option<char>| c == '-' && next.is_none_or(char::is_whitespace);
        self.find(start.offset, is_dash).unwrap_or(start)
    }

    /// Finds an indicator between the last event and `end`, where there are only
    /// indicators, anchors, tags and comments.
    fn find(&self, end: usize, is_wanted: impl Fn(char, Option<char>) -> bool) -> Option<Position> {
        let mut at = self.last;
        let mut chars = self.text.get(at.offset..end)?.chars().peekable();
        let mut before = ' ';
        let mut is_word = false;
        let mut is_comment = false;
        while let Some(c) = chars.next() {
            let next = chars
                .peek()
                .copied()
                .or_else(|| self.text[end..].chars().next());
            if c == '\n' {
                is_comment = false;
            }
            if c.is_whitespace() {
                is_word = false;
            } else if !is_comment && c == '#' && before.is_whitespace() {
                is_comment = true;
            } else if !is_comment && matches!(c, '&' | '!') {
                is_word = true;
            } else if !is_comment && !is_word && is_wanted(c, next) {
                return Some(at);
            }
            before = c;
            at.advance(c);
        }
        None
    }

    /// Returns the end of a scalar without the line ends that follow it.
    fn trimmed_end(&self, start: usize, end: usize, style: ScalarStyle) -> usize {
        if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
            return end;
        }
        let text = self.text.get(start..end).unwrap_or_default();
        start + text.trim_end().len()
    }

    /// Adds the tag to the bytes of a value: another value has another type. Not if
    /// there is an anchor, which may be between the two.
    fn with_tag(&self, range: Range<usize>, anchor: usize, span: Span) -> Range<usize> {
        let tag = span.tag_start().and_then(|marker| marker.byte_offset());
        match tag {
            Some(start) if anchor == 0 => start.min(range.start)..range.end,
            _ => range,
        }
    }
}

/// A position in the text.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    offset: usize,
    line: usize,
    /// Counts from 0.
    column: usize,
}

impl Position {
    fn of(marker: Marker) -> Self {
        Self {
            offset: marker.byte_offset().unwrap_or_default(),
            line: marker.line(),
            column: marker.col(),
        }
    }

    fn place(self) -> Place {
        Place {
            line: self.line,
            column: self.column + 1,
        }
    }

    fn advance(&mut self, c: char) {
        self.offset += c.len_utf8();
        self.column += 1;
        if c == '\n' {
            self.line += 1;
            self.column = 0;
        }
    }
}

fn place(marker: Marker) -> Place {
    Position::of(marker).place()
}

fn too_many() -> String {
    format!("the file has more than {NODES} values; write a smaller one")
}

/// Resolves a scalar with a tag.
fn tagged(text: &str, is_plain: bool, tag: &Tag) -> Result<Tree, String> {
    if is_core(tag, "str") {
        return Ok(Tree::Text(text.to_owned()));
    }
    // The tag `!` alone makes a text.
    if matches!((tag.handle(), tag.suffix()), ("", "!") | ("!", "")) {
        return Ok(Tree::Text(text.to_owned()));
    }
    let names = ["null", "bool", "int", "float"];
    let Some(name) = names.into_iter().find(|name| is_core(tag, name)) else {
        return Err(unknown_tag(tag));
    };
    let tree = if is_plain {
        scalar::resolve(text)?
    } else {
        Tree::Text(text.to_owned())
    };
    match (name, &tree) {
        ("null", Tree::Null) | ("bool", Tree::Bool(_)) | ("float", Tree::Number(_)) => Ok(tree),
        ("int", Tree::Number(number)) if !number.is_f64() => Ok(tree),
        _ => Err(format!(
            "`{}` is not of the type `!!{name}`; remove the tag",
            in_sentence(text)
        )),
    }
}

fn is_core(tag: &Tag, name: &str) -> bool {
    tag.handle() == CORE && tag.suffix() == name
}

fn unknown_tag(tag: &Tag) -> String {
    format!("unknown tag `{}`; remove it", in_sentence(&tag.original()))
}

#[cfg(test)]
mod tests;
