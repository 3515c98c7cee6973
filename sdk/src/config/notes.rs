//! What was taken from a configuration, and which of its properties nobody took.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

use super::host::Owner;
use super::nearest::nearest;

/// The root of all paths.
pub(super) const ROOT: &str = "config";

/// What the code of a plugin has taken from a configuration so far. A path is
/// written as in errors: `config.topics[2]`.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Whether a type with named fields was parsed from the whole configuration.
    typed: bool,
    /// The paths of the properties that were taken under their own names.
    known: HashSet<String>,
    /// The properties that were taken for fields that differ from them in case
    /// alone: their paths, and their names and those of the fields.
    respelled: BTreeMap<String, (String, &'static str)>,
    /// The properties that no field took: their paths, and the path and the name
    /// that it consists of.
    unknown: BTreeMap<String, (String, String)>,
    /// The names of the fields that could have taken a property, by the path
    /// that they are in.
    fields: HashMap<String, BTreeSet<&'static str>>,
}

impl Taken {
    /// Adds what another parse has taken.
    pub(super) fn merge(&mut self, more: Taken) {
        self.typed |= more.typed;
        self.known.extend(more.known);
        self.respelled.extend(more.respelled);
        self.unknown.extend(more.unknown);
        for (path, names) in more.fields {
            self.fields.entry(path).or_default().extend(names);
        }
    }

    /// Adds a top-level property that was taken as a value, with all in it.
    pub(super) fn value(&mut self, name: &str, value: &Value) {
        self.all(format!("{ROOT}.{name}"), value);
    }

    fn all(&mut self, path: String, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.all(format!("{path}.{name}"), value);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.all(format!("{path}[{index}]"), item);
                }
            }
            _ => {}
        }
        self.known.insert(path);
    }

    /// Returns the properties that need attention, in the order of their paths.
    pub(super) fn oddities(&self, owner: Owner) -> Vec<Oddity<'_>> {
        if !self.typed {
            return Vec::new();
        }
        let mut oddities: Vec<Oddity<'_>> = Vec::new();
        for (path, (name, field)) in &self.respelled {
            if !self.known.contains(path) {
                let lowered = owner == Owner::Source && *name == field.to_lowercase();
                oddities.push(Oddity::Respelled {
                    path,
                    field,
                    lowered,
                });
            }
        }
        for (path, (parent, name)) in &self.unknown {
            let taken = self.known.contains(path) || self.respelled.contains_key(path);
            let host = parent == ROOT && owner.is_host_name(name);
            if !taken && !host {
                let nearest = self.nearest(parent, name, owner);
                oddities.push(Oddity::Unknown {
                    path,
                    name,
                    nearest,
                });
            }
        }
        oddities.sort_by_key(|oddity| oddity.path());
        oddities
    }

    /// Returns the name of a property that no field took and that was probably
    /// meant to be the one that is missing at the path `missing`.
    pub(super) fn misspelled(self, missing: &str) -> Option<String> {
        let is_near = |parent: &str, name: &str| {
            let field = missing.strip_prefix(parent);
            let field = field.and_then(|rest| rest.strip_prefix('.'));
            nearest(name, field).is_some()
        };
        self.unknown
            .into_values()
            .find(|(parent, name)| is_near(parent, name))
            .map(|(_, name)| name)
    }

    /// Returns the nearest field, or else the nearest property of the host.
    fn nearest(&self, parent: &str, name: &str, owner: Owner) -> Option<Nearest<'static>> {
        let fields = self.fields.get(parent).into_iter().flatten().copied();
        let host = if parent == ROOT {
            owner.host_names()
        } else {
            &[]
        };
        nearest(name, fields).map(Nearest::Field).or_else(|| {
            let name = nearest(name, host.iter().copied());
            name.map(Nearest::OfHost)
        })
    }
}

/// The known name that is nearest to an unknown one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Nearest<'a> {
    Field(&'a str),
    /// A property of the host.
    OfHost(&'a str),
}

/// A property that needs attention.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Oddity<'a> {
    /// A field took it that differs from it in case.
    Respelled {
        path: &'a str,
        field: &'a str,
        /// Whether eKuiper 2.x has probably written it in lower case.
        lowered: bool,
    },
    /// No field took it.
    Unknown {
        path: &'a str,
        name: &'a str,
        nearest: Option<Nearest<'a>>,
    },
}

impl<'a> Oddity<'a> {
    fn path(&self) -> &'a str {
        match self {
            Oddity::Respelled { path, .. } | Oddity::Unknown { path, .. } => path,
        }
    }
}

impl fmt::Display for Oddity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Oddity::Respelled {
                path,
                field,
                lowered: true,
            } => write!(
                f,
                "{path}: read as `{field}`: eKuiper 2.x writes the keys of a yaml in lower case, unless the source's json gives them back"
            ),
            Oddity::Respelled { path, field, .. } => {
                write!(f, "{path}: read as `{field}`: write it like that")
            }
            Oddity::Unknown {
                path,
                nearest: None,
                ..
            } => {
                write!(f, "{path}: unknown property, ignored")
            }
            Oddity::Unknown {
                path,
                name,
                nearest: Some(Nearest::Field(nearest)),
            } if name.to_lowercase() == nearest.to_lowercase() => {
                write!(f, "{path}: ignored, because `{nearest}` is set, too")
            }
            Oddity::Unknown {
                path,
                nearest: Some(Nearest::Field(nearest)),
                ..
            } => write!(
                f,
                "{path}: unknown property, ignored: did you mean `{nearest}`?"
            ),
            Oddity::Unknown {
                path,
                nearest: Some(Nearest::OfHost(nearest)),
                ..
            } => write!(
                f,
                "{path}: unknown property, ignored: did you mean eKuiper's own `{nearest}`?"
            ),
        }
    }
}

/// A property of an object.
#[derive(Debug)]
pub(super) struct Property<'a> {
    /// The name that it has.
    pub(super) name: &'a str,
    /// The name of the field that it is for.
    pub(super) field: &'a str,
    pub(super) value: &'a Value,
}

/// Records what one parse takes, and at which path it is.
#[derive(Debug, Default)]
pub(super) struct Notes {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The path below the root.
    path: String,
    taken: Taken,
}

impl Notes {
    /// Returns what was taken.
    pub(super) fn into_taken(self) -> Taken {
        self.state.into_inner().taken
    }

    /// Runs `read` for the part of the value that `segment` leads to.
    pub(super) fn within<T>(&self, segment: fmt::Arguments<'_>, read: impl FnOnce() -> T) -> T {
        let length = self.state.borrow().path.len();
        // Writing to a string cannot fail.
        let _ = self.state.borrow_mut().path.write_fmt(segment);
        let outcome = read();
        self.state.borrow_mut().path.truncate(length);
        outcome
    }

    /// Records that a property of the current object was taken.
    pub(super) fn known(&self, name: &str) {
        let mut state = self.state.borrow_mut();
        let path = format!("{ROOT}{}.{name}", state.path);
        state.taken.known.insert(path);
    }

    /// Decides which field each property of the current object is for: one of
    /// the same name, or else one that differs in case alone. Properties without
    /// a field keep their names.
    pub(super) fn match_fields<'a>(
        &self,
        object: &'a Map<String, Value>,
        fields: &'static [&'static str],
    ) -> Vec<Property<'a>> {
        let mut state = self.state.borrow_mut();
        let State { path, taken } = &mut *state;
        let parent = format!("{ROOT}{path}");
        taken.typed |= path.is_empty();
        let mut free: Vec<&'static str> = Vec::new();
        free.extend(fields.iter().filter(|field| !object.contains_key(**field)));
        let mut matched = Vec::with_capacity(object.len());
        for (name, value) in object {
            let path = format!("{parent}.{name}");
            let mut field = name.as_str();
            if fields.contains(&field) {
                taken.known.insert(path);
            } else if let Some(index) = position(&free, name) {
                let other = free.swap_remove(index);
                taken.respelled.insert(path, (name.clone(), other));
                field = other;
            } else {
                taken.unknown.insert(path, (parent.clone(), name.clone()));
            }
            matched.push(Property { name, field, value });
        }
        taken.fields.entry(parent).or_default().extend(fields);
        matched
    }

    /// Returns the variant of an enum that the name of a property stands for.
    pub(super) fn match_variant(
        &self,
        name: &str,
        variants: &'static [&'static str],
    ) -> Option<&'static str> {
        if variants.contains(&name) {
            return None;
        }
        let variant = variants[position(variants, name)?];
        let mut state = self.state.borrow_mut();
        let path = format!("{ROOT}{}.{name}", state.path);
        let names = (name.to_owned(), variant);
        state.taken.respelled.insert(path, names);
        Some(variant)
    }
}

/// Returns the index of the name that differs from `name` in case alone.
fn position(names: &[&'static str], name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    names.iter().position(|other| other.to_lowercase() == name)
}

#[cfg(test)]
mod tests;
