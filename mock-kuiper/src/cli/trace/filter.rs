//! Which lines of a trace are shown.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::engine::trace::{Interpreted, Line, Proof, Sense};

use super::super::error::CliError;

/// The names of a trace that are kept, to name them if none matches.
const NAMES: usize = 20;

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

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = |any| if any { "*" } else { "" };
        let (before, after) = (star(self.any_before), star(self.any_after));
        write!(f, "{before}{}{after}", in_sentence(&self.text))
    }
}

impl Condition {
    fn key(&self) -> &'static str {
        match self {
            Self::Channel(_) => "channel",
            Self::Kind(_) => "kind",
            Self::Symbol(_) => "symbol",
            Self::From(_) => "from",
            Self::Time(..) => "t",
        }
    }

    fn is_met(&self, line: &Line<'_>, read: &Interpreted) -> bool {
        match self {
            Self::Channel(name) => {
                let channel = line.channel.as_deref();
                channel.is_some_and(|channel| name.matches(channel))
            }
            Self::Kind(kind) => read.sense.kind() == *kind,
            Self::Symbol(name) => symbol_of(read).is_some_and(|symbol| name.matches(symbol)),
            Self::From(side) => read.from.is_some_and(|from| from.name() == *side),
            Self::Time(from, to) => (*from..=*to).contains(&line.t),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.key())?;
        match self {
            Self::Channel(name) | Self::Symbol(name) => name.fmt(f),
            Self::Kind(word) | Self::From(word) => f.write_str(word),
            Self::Time(f64::MIN, to) => write!(f, "..{to}"),
            Self::Time(from, f64::MAX) => write!(f, "{from}.."),
            Self::Time(from, to) => write!(f, "{from}..{to}"),
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
    /// Whether a line has matched all of them.
    has_matched: bool,
    /// The keys by which a line has matched.
    matched: BTreeSet<&'static str>,
    seen: Seen,
}

impl<'a> Filter<'a> {
    pub(super) fn new(conditions: &'a [Condition]) -> Self {
        Self {
            conditions,
            has_matched: conditions.is_empty(),
            matched: BTreeSet::new(),
            seen: Seen::default(),
        }
    }

    /// Whether a line is shown.
    pub(super) fn matches(&mut self, line: &Line<'_>, read: &Interpreted) -> bool {
        let mut matches = true;
        for key in KEYS {
            match self.matches_by(key, line, read) {
                None => {}
                Some(false) => matches = false,
                Some(true) => {
                    self.matched.insert(key);
                }
            }
        }
        self.has_matched |= matches;
        if !self.has_matched {
            self.seen.add(line, read);
        }
        matches
    }

    /// Whether what a line proves may be shown, which depends on the symbol, too.
    pub(super) fn matches_proof_in(&self, line: &Line<'_>, read: &Interpreted) -> bool {
        let mut keys = KEYS.into_iter().filter(|key| *key != "symbol");
        keys.all(|key| self.matches_by(key, line, read) != Some(false))
    }

    /// Whether a proof is of a symbol that is shown.
    pub(super) fn matches_symbol_of(&self, proof: &Proof) -> bool {
        let mut names = self
            .conditions
            .iter()
            .filter_map(|condition| match condition {
                Condition::Symbol(name) => Some(name),
                _ => None,
            });
        let is_named = |name: &Name| {
            let symbol = proof.symbol.as_ref();
            symbol.is_some_and(|symbol| name.matches(&symbol.name))
        };
        names.clone().next().is_none() || names.any(is_named)
    }

    /// Whether a line matches the conditions with a key, if there are any.
    fn matches_by(&self, key: &str, line: &Line<'_>, read: &Interpreted) -> Option<bool> {
        let mut of_key = self.conditions.iter().filter(|one| one.key() == key);
        let first = of_key.next()?;
        Some(first.is_met(line, read) || of_key.any(|one| one.is_met(line, read)))
    }

    /// Fails if no line of these traces has matched.
    pub(super) fn check(&self, traces: &[&Path]) -> Result<(), CliError> {
        if self.has_matched {
            return Ok(());
        }
        let traces: Vec<_> = traces
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let is_unmet = |one: &&Condition| !self.matched.contains(one.key());
        let mut unmet = self.conditions.iter().filter(is_unmet).peekable();
        let (conditions, reason) = match unmet.peek().map(|one| one.key()) {
            Some(key) => (
                words(unmet.filter(|one| one.key() == key)),
                self.seen.have(key),
            ),
            None => (
                words(self.conditions.iter()),
                "each of these keys matches other lines".to_owned(),
            ),
        };
        Err(CliError::input(format!(
            "{}: no line matches {conditions}; {reason}",
            traces.join(" and ")
        )))
    }
}

fn words(items: impl Iterator<Item = impl fmt::Display>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    items.join(", ")
}

/// What traces have to filter by.
#[derive(Default)]
struct Seen {
    channels: BTreeSet<String>,
    symbols: BTreeSet<String>,
    kinds: BTreeSet<&'static str>,
    sides: BTreeSet<&'static str>,
    times: Option<(f64, f64)>,
}

impl Seen {
    fn add(&mut self, line: &Line<'_>, read: &Interpreted) {
        keep(&mut self.channels, line.channel.as_deref());
        keep(&mut self.symbols, symbol_of(read));
        self.kinds.insert(read.sense.kind());
        self.sides.extend(read.from.map(|side| side.name()));
        let (first, last) = self.times.unwrap_or((line.t, line.t));
        self.times = Some((first.min(line.t), last.max(line.t)));
    }

    /// Says what there is for a key.
    fn have(&self, key: &str) -> String {
        let names = |what: &str, names: &BTreeSet<String>| {
            let more = if names.len() > NAMES { ", …" } else { "" };
            let shown = words(names.iter().take(NAMES).map(|name| in_sentence(name)));
            match names.is_empty() {
                true => format!("there are no {what}s"),
                false => format!("the {what}s are {shown}{more}"),
            }
        };
        match (key, self.times) {
            (_, None) => "there are no lines".to_owned(),
            ("channel", _) => names("channel", &self.channels),
            ("symbol", _) => names("symbol", &self.symbols),
            ("kind", _) => format!("the kinds are {}", words(self.kinds.iter())),
            ("from", _) if self.sides.is_empty() => "nobody has sent anything".to_owned(),
            ("from", _) => format!("all is from {}", words(self.sides.iter())),
            (_, Some((first, last))) => format!("the lines are from {first} s to {last} s"),
        }
    }
}

/// Keeps a name, and one more than are shown.
fn keep(names: &mut BTreeSet<String>, name: Option<&str>) {
    if let Some(name) = name
        && names.len() <= NAMES
        && !names.contains(name)
    {
        names.insert(name.to_owned());
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
