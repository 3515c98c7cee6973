//! Which lines of a trace are shown.

use std::str::FromStr;

use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::engine::trace::{Interpreted, Line, Sense};

/// The conditions that the command line names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Channel(Name),
    Kind(&'static str),
    Symbol(Name),
    From(&'static str),
    Time(f64, f64),
}

/// A name, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    text: String,
    any_before: bool,
    any_after: bool,
}

impl Name {
    fn new(text: &str) -> Self {
        let rest = text.strip_prefix('*');
        let any_before = rest.is_some();
        let rest = rest.unwrap_or(text);
        let begin = rest.strip_suffix('*');
        Self {
            text: begin.unwrap_or(rest).to_owned(),
            any_before,
            any_after: begin.is_some(),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match (self.any_before, self.any_after) {
            (false, false) => name == self.text,
            (true, false) => name.ends_with(&self.text),
            (false, true) => name.starts_with(&self.text),
            (true, true) => name.contains(&self.text),
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        match key {
            _ if value.is_empty() && KEYS.contains(&key) => {
                Err(format!("`{key}` needs a value: {key}=…"))
            }
            "channel" => Ok(Self::Channel(Name::new(value))),
            "symbol" => Ok(Self::Symbol(Name::new(value))),
            "kind" => {
                let mut kinds = Sense::KINDS.into_iter();
                let kind = kinds.find(|kind| *kind == value);
                kind.map(Self::Kind).ok_or_else(|| {
                    let known = Sense::KINDS.join(", ");
                    format!(
                        "there is no kind `{}`; the kinds are {known}",
                        in_sentence(value)
                    )
                })
            }
            "from" => match value {
                "host" => Ok(Self::From("host")),
                "plugin" => Ok(Self::From("plugin")),
                _ => Err(format!(
                    "`from` is `host` or `plugin`, not `{}`",
                    in_sentence(value)
                )),
            },
            "t" => range(value).ok_or_else(|| {
                format!(
                    "`t` is a range of seconds such as 1.5..3, 1.5.. or ..3, not `{}`",
                    in_sentence(value)
                )
            }),
            _ => Err(format!(
                "there is no `{}` to filter by; the keys are {}, for example kind=order",
                in_sentence(key),
                KEYS.join(", ")
            )),
        }
    }
}

const KEYS: [&str; 5] = ["channel", "kind", "symbol", "from", "t"];

fn range(value: &str) -> Option<Condition> {
    let (from, to) = value.split_once("..")?;
    let bound = |text: &str, open: f64| match text {
        "" => Some(open),
        text => text.parse().ok().filter(|bound: &f64| bound.is_finite()),
    };
    let (from, to) = (bound(from, f64::MIN)?, bound(to, f64::MAX)?);
    (from <= to).then_some(Condition::Time(from, to))
}

/// All conditions: those with the same key match any, different keys all.
pub(super) struct Filter<'a> {
    conditions: &'a [Condition],
}

impl<'a> Filter<'a> {
    pub(super) fn new(conditions: &'a [Condition]) -> Self {
        Self { conditions }
    }

    /// Whether a line is shown.
    pub(super) fn matches(&self, line: &Line<'_>, read: &Interpreted) -> bool {
        let any = |wanted: &dyn Fn(&Condition) -> Option<bool>| {
            let mut found = self.conditions.iter().filter_map(wanted).peekable();
            found.peek().is_none() || found.any(|matches| matches)
        };
        let channel = line.channel.as_deref();
        any(&|condition| match condition {
            Condition::Channel(name) => Some(channel.is_some_and(|channel| name.matches(channel))),
            _ => None,
        }) && any(&|condition| match condition {
            Condition::Kind(kind) => Some(read.sense.kind() == *kind),
            _ => None,
        }) && any(&|condition| match condition {
            Condition::Symbol(name) => Some(symbol_of(read).is_some_and(|s| name.matches(s))),
            _ => None,
        }) && any(&|condition| match condition {
            Condition::From(side) => Some(read.from.is_some_and(|from| from.name() == *side)),
            _ => None,
        }) && any(&|condition| match condition {
            Condition::Time(from, to) => Some((*from..=*to).contains(&line.t)),
            _ => None,
        })
    }
}

/// Returns the symbol that a line is about: that of its channel, or of its order.
fn symbol_of(read: &Interpreted) -> Option<&str> {
    let symbol = match &read.sense {
        Sense::Order(order) => Some(&order.symbol),
        Sense::Answer(_, Some(asked)) => asked.symbol.as_ref(),
        _ => read.known.symbol.as_ref(),
    };
    symbol.map(|symbol| symbol.name.as_str())
}
