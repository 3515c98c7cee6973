//! What a test file may say: one table, for the parser, for the JSON schema and for
//! the reference in the documentation.
//!
//! The table is [`FILE`] with all that it refers to. [`Shape::text_mistake`] is the
//! only place that decides whether a text has the right form.

mod reference;
mod schema;
mod steps;
mod table;

use std::time::Duration;

use crate::fault::Fault;
use crate::foreign::in_sentence;
use crate::nearest::nearest;
use crate::release::Release;

pub use self::reference::reference;
pub use self::schema::schema;
pub(super) use self::steps::STEPS;
pub(super) use self::table::FILE;

/// A mapping with known keys.
#[derive(Debug)]
pub(super) struct Form {
    /// Its name, as a heading.
    pub(super) name: &'static str,
    /// What it is, as a sentence.
    pub(super) doc: &'static str,
    pub(super) keys: &'static [KeyForm],
    pub(super) rules: &'static [Rule],
    /// A valid one, in YAML.
    pub(super) example: &'static str,
}

/// A key of a form.
#[derive(Debug)]
pub(super) struct KeyForm {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) is_required: bool,
    /// What it means, as a sentence.
    pub(super) doc: &'static str,
}

/// Which keys go together.
#[derive(Debug)]
pub(super) enum Rule {
    /// One of them must be there, and only one.
    ExactlyOne(&'static [&'static str]),
    /// They exclude each other.
    AtMostOne(&'static [&'static str]),
    /// The first needs the second.
    Needs(&'static str, &'static str),
}

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Any value; its texts may have variables.
    Value,
    /// An expected value, with matchers.
    Pattern,
    /// A mapping of any values; its texts may have variables.
    Object,
    /// A text that may have variables.
    Template,
    /// A text, a number or a boolean.
    Scalar,
    /// A TCP port, or a text that may have variables.
    Port,
    /// Nothing: the key stands alone.
    Nothing,
    Bool,
    /// An integer, at least this.
    Count(u32),
    /// A text that is not empty.
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    /// A text of one of these kinds.
    Path,
    Duration,
    Release,
    Fault,
    Pointer,
    List(&'static Shape),
    /// A list that is not empty.
    Filled(&'static Shape),
    /// A mapping from names to values of one shape.
    Map(&'static Shape),
    Form(&'static Form),
    /// One of the forms: the one whose first key is there. If its value is
    /// [`Shape::Nothing`], the key may stand alone as a text.
    OneOf(&'static str, &'static [&'static Form]),
    /// A scalar of the first shape, or a list or a mapping of the second.
    Or(&'static Shape, &'static Shape),
}

impl KeyForm {
    const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            shape,
            is_required: true,
            doc,
        }
    }

    const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            shape,
            is_required: false,
            doc,
        }
    }
}

impl Form {
    /// Returns the name as a part of a sentence.
    pub(super) fn in_sentence(&self) -> String {
        let (first, rest) = self.name.split_at(1);
        first.to_lowercase() + rest
    }

    /// Returns this form and all that it refers to, each once.
    fn all(&'static self) -> Vec<&'static Self> {
        let mut all = vec![self];
        for form in self.keys.iter().flat_map(|key| key.shape.forms()) {
            for form in form.all() {
                if all.iter().all(|known| known.name != form.name) {
                    all.push(form);
                }
            }
        }
        all
    }

    /// Returns the key that tells this form from others.
    pub(super) fn verb(&self) -> &'static KeyForm {
        &self.keys[0]
    }
}

impl Shape {
    /// Returns the forms that a value of this shape may have, or that its items or
    /// values may have.
    fn forms(&self) -> Vec<&'static Form> {
        match self {
            Self::Form(form) => vec![*form],
            Self::OneOf(_, forms) => forms.to_vec(),
            Self::List(shape) | Self::Filled(shape) | Self::Map(shape) => shape.forms(),
            Self::Or(one, other) => [one.forms(), other.forms()].concat(),
            _ => Vec::new(),
        }
    }

    /// Describes what is expected, for a message and for the reference.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Value => "any value".to_owned(),
            Self::Pattern => "an expected value".to_owned(),
            Self::Object | Self::Map(_) | Self::Form(_) => "a mapping".to_owned(),
            Self::Template | Self::Text => "a text".to_owned(),
            Self::Scalar => "a text, a number or a boolean".to_owned(),
            Self::Port => "a port, for example `\"${port}\"`".to_owned(),
            Self::Nothing => "nothing".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Count(0) => "an integer".to_owned(),
            Self::Count(least) => format!("an integer, at least {least}"),
            Self::Word(words) => either(words),
            Self::Path => "a path".to_owned(),
            Self::Duration => "a time, for example `500ms` or `2s`".to_owned(),
            Self::Release => "a release, for example `\"2.4\"`".to_owned(),
            Self::Fault => "a fault, for example `kill=200ms`".to_owned(),
            Self::Pointer => "a JSON pointer, for example `/0/message/count`".to_owned(),
            Self::List(_) | Self::Filled(_) => "a list".to_owned(),
            Self::OneOf(what, forms) => {
                let verbs: Vec<_> = forms.iter().map(|form| form.verb().name).collect();
                format!("{what}: a mapping with {}", either(&verbs))
            }
            Self::Or(scalar, other) => format!("{} or {}", scalar.describe(), other.describe()),
        }
    }

    /// Returns why a text does not have this shape, or `None` if it has.
    ///
    /// Shapes that are not texts have no opinion.
    pub(super) fn text_mistake(&self, text: &str) -> Option<String> {
        let found = in_sentence(text);
        let expected = || Some(format!("expected {}, found `{found}`", self.describe()));
        match self {
            Self::Text | Self::Path if text.is_empty() => {
                Some(format!("is empty; write {}", self.describe()))
            }
            Self::Word(words) if !words.contains(&text) => {
                let tip = tip(text, words.iter().copied());
                Some(format!(
                    "expected {}, found `{found}`{tip}",
                    self.describe()
                ))
            }
            Self::Duration if duration(text).is_none() => expected(),
            Self::Pointer if !text.is_empty() && !text.starts_with('/') => expected(),
            Self::Release => Release::find(text).err().map(|error| error.to_string()),
            Self::Fault => text.parse::<Fault>().err().map(|error| error.to_string()),
            _ => None,
        }
    }
}

/// Reads a time.
pub(super) fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

/// Lists words as alternatives: `` `a`, `b` or `c` ``.
pub(super) fn either(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Names the word that is most like `typed`, as the end of a message; empty if none
/// is like it.
pub(super) fn tip<'a>(typed: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    // A single letter is like every other, and a long text is no mistyped word.
    if !(2..=64).contains(&typed.chars().take(65).count()) {
        return String::new();
    }
    match nearest(typed, words) {
        Some(word) => format!("; did you mean `{}`?", in_sentence(word)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
