//! Reads patterns from nodes.

use std::path::Path;

use super::input::Input;
use super::table::MATCHERS;
use super::template::{literal_key, read_input};
use super::text::Text;
use super::tree::{Matcher, Operand, Pattern, Relation, Type, compile};
use crate::foreign;
use crate::nearest::nearest;
use crate::scenario::node::{Key, Node, Place, Tree};

impl Pattern {
    /// Reads a pattern. `$file` and `$base64` are read relative to `directory`.
    pub(in crate::scenario) fn parse(
        node: &Node,
        directory: &Path,
        mistakes: &mut Vec<(Place, String)>,
    ) -> Self {
        Reader {
            directory,
            mistakes,
        }
        .pattern(node, false)
    }

    /// Reads a pattern like [`Pattern::parse`]. It is the value of a key, which may
    /// be `$absent`.
    pub(in crate::scenario) fn parse_field(
        node: &Node,
        directory: &Path,
        mistakes: &mut Vec<(Place, String)>,
    ) -> Self {
        Reader {
            directory,
            mistakes,
        }
        .pattern(node, true)
    }
}

/// Returns whether a mapping has matchers instead of fields.
pub(in crate::scenario) fn has_matchers(entries: &[(Key, Node)]) -> bool {
    entries
        .iter()
        .any(|(key, _)| literal_key(&key.text).is_none())
}

struct Reader<'a> {
    directory: &'a Path,
    mistakes: &'a mut Vec<(Place, String)>,
}

impl Reader<'_> {
    /// Reads a pattern. `is_field`: it is the value of a key, which may be absent.
    fn pattern(&mut self, node: &Node, is_field: bool) -> Pattern {
        match &node.tree {
            Tree::Null | Tree::Bool(_) | Tree::Number(_) => Pattern::Scalar(node.to_json()),
            Tree::Text(text) => {
                // These need no value, and are often written without one.
                if text == "$any" || text == "$absent" {
                    let mistake = format!(
                        "`{text}` alone is a text and no matcher; write `{{{text}: true}}`, or \
                         `${text}` for the text"
                    );
                    self.mistakes.push((node.place, mistake));
                }
                self.text(node.place, text)
                    .map_or_else(Pattern::anything, Pattern::Text)
            }
            Tree::List(items) => Pattern::List(self.patterns(items, false)),
            Tree::Map(entries) if has_matchers(entries) => {
                Pattern::Matchers(self.matchers(entries, is_field))
            }
            Tree::Map(entries) => {
                let fields = entries.iter().filter_map(|(key, value)| {
                    Some((literal_key(&key.text)?, self.pattern(value, true)))
                });
                Pattern::Object(fields.collect())
            }
        }
    }

    fn patterns(&mut self, items: &[Node], is_field: bool) -> Vec<Pattern> {
        let items = items.iter().map(|item| self.pattern(item, is_field));
        items.collect()
    }

    fn matchers(&mut self, entries: &[(Key, Node)], is_field: bool) -> Vec<Matcher> {
        let mut matchers = Vec::new();
        for (key, value) in entries {
            let name = &key.text;
            if literal_key(name).is_none() {
                matchers.extend(self.matcher(key, value, is_field));
                continue;
            }
            let name = foreign::in_sentence(name);
            self.mistake(
                key.place,
                format!(
                    "the field `{name}` stands beside a matcher, and a mapping has only one of \
                     both; `{{$contains: {{{name}: …}}}}` allows further fields"
                ),
            );
        }
        matchers
    }

    fn matcher(&mut self, key: &Key, value: &Node, is_field: bool) -> Option<Matcher> {
        let place = value.place;
        let relation = Relation::ALL.into_iter();
        if let Some(relation) = relation
            .clone()
            .find(|relation| relation.name() == key.text)
        {
            return Some(Matcher::Order(relation, self.operand(&key.text, value)?));
        }
        match &key.text[..] {
            "$any" => self.is_true("$any", value).then_some(Matcher::Any),
            "$type" => self.kind(value).map(Matcher::Type),
            "$regex" => self.regex(value),
            "$contains" => self.contains(value),
            "$near" => self.near(value),
            "$len" => match self.pattern(value, false) {
                pattern @ (Pattern::Scalar(_) | Pattern::Matchers(_)) => {
                    Some(Matcher::Len(pattern.into()))
                }
                Pattern::Text(text) if text.is_variable() => {
                    Some(Matcher::Len(Pattern::Text(text).into()))
                }
                _ => self.no(place, "`$len` takes a number or matchers of a number"),
            },
            "$each" => Some(Matcher::Each(self.pattern(value, false).into())),
            "$unordered" => match self.pattern(value, false) {
                list @ Pattern::List(_) => Some(Matcher::Unordered(list.into())),
                Pattern::Text(text) if text.is_variable() => {
                    Some(Matcher::Unordered(Pattern::Text(text).into()))
                }
                _ => self.no(place, "`$unordered` takes a list of patterns"),
            },
            "$absent" if is_field => self.is_true("$absent", value).then_some(Matcher::Absent),
            "$absent" => self.no(
                key.place,
                "only the value of a key can be `$absent`; give the list or the value that remains",
            ),
            "$or" => match &value.tree {
                Tree::List(items) if !items.is_empty() => {
                    Some(Matcher::Or(self.patterns(items, is_field)))
                }
                _ => self.no(place, "`$or` takes a list of at least one pattern"),
            },
            "$not" => Some(Matcher::Not(self.pattern(value, is_field).into())),
            name => match Input::of(name) {
                Some(from) => self.input(from, value),
                None => self.unknown(key),
            },
        }
    }

    fn unknown(&mut self, key: &Key) -> Option<Matcher> {
        let known = MATCHERS.iter().map(|form| form.name);
        let name = foreign::in_sentence(&key.text);
        let meant = match nearest(&key.text, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}.", list(known)),
        };
        let text = format!(
            "there is no matcher `{name}`; {meant} Write `${name}` for a key that begins with `$`"
        );
        self.no(key.place, text)
    }

    fn is_true(&mut self, name: &str, value: &Node) -> bool {
        let is_true = value.tree == Tree::Bool(true);
        if !is_true {
            self.mistake(value.place, format!("`{name}` takes only `true`"));
        }
        is_true
    }

    fn kind(&mut self, value: &Node) -> Option<Type> {
        let names = Type::ALL.map(Type::name);
        let typed = match &value.tree {
            Tree::Text(text) => text,
            // Unquoted, it is not a text.
            Tree::Null => "null",
            _ => return self.no(value.place, format!("`$type` takes one of {}", list(names))),
        };
        let kind = Type::ALL.into_iter().find(|kind| kind.name() == typed);
        kind.or_else(|| {
            let meant = nearest(typed, names)
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            let typed = foreign::in_sentence(typed);
            let text = format!(
                "there is no type `{typed}`; {meant}JSON has {}",
                list(names)
            );
            self.no(value.place, text)
        })
    }

    fn regex(&mut self, value: &Node) -> Option<Matcher> {
        let Tree::Text(text) = &value.tree else {
            return self.no(value.place, "`$regex` takes a text");
        };
        let source = self.text(value.place, text)?;
        // A variable is inserted as ordinary characters; any will do to check.
        match compile(&source.filled("x")) {
            Ok(compiled) => Some(Matcher::Regex {
                compiled: source.as_literal().map(|_| compiled),
                source,
            }),
            Err(mistake) => self.no(value.place, mistake),
        }
    }

    fn contains(&mut self, value: &Node) -> Option<Matcher> {
        let pattern = match self.pattern(value, false) {
            Pattern::Matchers(mut matchers) => match (matchers.pop(), &matchers[..]) {
                (Some(Matcher::Input { value, .. }), []) => *value,
                _ => Pattern::anything(),
            },
            pattern => pattern,
        };
        match pattern {
            Pattern::Scalar(_) | Pattern::Matchers(_) => self.no(
                value.place,
                "`$contains` takes a text, a list of patterns, or a mapping of fields",
            ),
            pattern => Some(Matcher::Contains(pattern.into())),
        }
    }

    fn near(&mut self, value: &Node) -> Option<Matcher> {
        const SHAPE: &str = "`$near` takes `{value: NUMBER, within: NUMBER}`";
        let Tree::Map(entries) = &value.tree else {
            return self.no(value.place, SHAPE);
        };
        let (mut middle, mut within) = (None, None);
        for (key, number) in entries {
            match &key.text[..] {
                "value" => middle = self.operand("value", number),
                "within" => within = self.operand("within", number),
                other => {
                    let other = foreign::in_sentence(other);
                    return self.no(key.place, format!("there is no `{other}` here; {SHAPE}"));
                }
            }
        }
        let is_complete = entries.len() == 2;
        match (middle, within) {
            (Some(value), Some(within)) => Some(Matcher::Near { value, within }),
            _ if is_complete => None,
            _ => self.no(value.place, SHAPE),
        }
    }

    fn operand(&mut self, name: &str, value: &Node) -> Option<Operand> {
        match &value.tree {
            Tree::Number(number) => return Some(Operand::Number(number.clone())),
            Tree::Text(text) => {
                let text = self.text(value.place, text)?;
                if text.is_variable() {
                    return Some(Operand::Variable(text));
                }
            }
            _ => {}
        }
        self.no(value.place, format!("`{name}` takes a number"))
    }

    fn input(&mut self, from: Input, value: &Node) -> Option<Matcher> {
        match read_input(from.name(), value, self.directory) {
            Ok(read) => Some(Matcher::Input {
                from,
                path: value.to_json().as_str().unwrap_or_default().to_owned(),
                value: Pattern::literal(&read).into(),
            }),
            Err(mistake) => self.no(value.place, mistake),
        }
    }

    fn text(&mut self, place: Place, text: &str) -> Option<Text> {
        match Text::parse(text) {
            Ok(text) => Some(text),
            Err(mistake) => self.no(place, mistake),
        }
    }

    fn mistake(&mut self, place: Place, text: impl Into<String>) {
        self.mistakes.push((place, text.into()));
    }

    /// Notes a mistake instead of what was to be read.
    fn no<T>(&mut self, place: Place, text: impl Into<String>) -> Option<T> {
        self.mistake(place, text);
        None
    }
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
