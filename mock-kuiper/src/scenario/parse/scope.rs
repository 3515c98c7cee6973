//! The names that a place of a file may use: variables and aliases.

use std::collections::{BTreeMap, BTreeSet};

use super::super::format::tip;
use crate::foreign::in_sentence;
use crate::symbol::Kind;

/// The variables and aliases that are known at a step.
#[derive(Debug)]
pub(super) struct Scope {
    variables: BTreeSet<String>,
    /// Those of [`GIVEN`] that were used.
    used: BTreeSet<String>,
    instances: BTreeMap<String, Instance>,
    /// Whether the process was killed, and no step has started it again.
    is_killed: bool,
    /// Whether a step could not be read: it may have made any name known.
    is_incomplete: bool,
}

#[derive(Debug, Clone, Copy)]
struct Instance {
    kind: Kind,
    is_running: bool,
}

/// What a step does with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Takes rows, also those that come after a stop.
    Rows,
    Send,
    Stop,
}

/// The variables that exist without a capture.
const GIVEN: [&str; 2] = ["port", "tmp"];

impl Scope {
    /// The names at the beginning of a case.
    pub(super) fn new() -> Self {
        Self {
            variables: GIVEN.map(str::to_owned).into(),
            used: BTreeSet::new(),
            instances: BTreeMap::new(),
            is_killed: false,
            is_incomplete: false,
        }
    }

    /// Takes the names of the variables that were used and exist without a capture.
    pub(super) fn take_used(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.used)
    }

    /// Notes that a step could not be read.
    pub(super) fn miss(&mut self) {
        self.is_incomplete = true;
    }

    /// Uses a variable, or returns why it cannot be used.
    pub(super) fn use_variable(&mut self, name: &str) -> Option<String> {
        if GIVEN.contains(&name) {
            self.used.insert(name.to_owned());
        }
        if self.variables.contains(name) || self.is_incomplete {
            return None;
        }
        let tip = tip(name, self.variables.iter().map(String::as_str));
        let next = match tip.is_empty() {
            true => {
                let known = self.variables.iter().map(|name| format!("`${{{name}}}`"));
                format!("; known here are {}", known.collect::<Vec<_>>().join(", "))
            }
            false => tip,
        };
        Some(format!("unknown variable `${{{name}}}`{next}"))
    }

    /// Adds a captured variable, or returns why it cannot have this name.
    pub(super) fn capture(&mut self, name: &str) -> Option<String> {
        if GIVEN.contains(&name) {
            return Some(format!(
                "`${{{name}}}` has a value already; capture another name"
            ));
        }
        let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_name =
            name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_ascii_digit());
        if !is_name {
            let name = in_sentence(name);
            let text = format!("`{name}` cannot be a variable; use letters, digits and `_`");
            return Some(text);
        }
        self.variables.insert(name.to_owned());
        None
    }

    /// Notes that the process was killed, or was started again.
    pub(super) fn kill(&mut self, is_killed: bool) {
        self.is_killed = is_killed;
    }

    /// Returns why a step that needs the process cannot be here.
    pub(super) fn need_process(&self) -> Option<String> {
        let is_dead = self.is_killed && !self.is_incomplete;
        is_dead.then(|| "the process was killed; `reload` it before this step".to_owned())
    }

    /// Returns why rows of a source cannot be expected: it was stopped.
    pub(super) fn expect_rows(&self, alias: &str) -> Option<String> {
        let is_stopped = self.instances.get(alias).is_some_and(|it| !it.is_running);
        (is_stopped && !self.is_incomplete).then(|| {
            format!(
                "`{}` was stopped: only `expect: []` can hold; start it again, or take its rows \
                 before the stop",
                in_sentence(alias)
            )
        })
    }

    /// Adds an instance that starts, or returns why it cannot have this alias.
    pub(super) fn start(&mut self, alias: &str, kind: Kind) -> Option<String> {
        if self
            .instances
            .get(alias)
            .is_some_and(|other| other.is_running)
        {
            let alias = in_sentence(alias);
            let text = format!("`{alias}` runs already; give this instance another name with `as`");
            return Some(text);
        }
        let is_running = true;
        let instance = Instance { kind, is_running };
        self.instances.insert(alias.to_owned(), instance);
        None
    }

    /// Returns why a step cannot use an instance. A stop ends it.
    pub(super) fn use_instance(&mut self, alias: &str, usage: Use) -> Option<String> {
        let names = self.instances.keys().map(String::as_str);
        let tip = tip(alias, names);
        let instance = self.instances.get_mut(alias);
        let alias = in_sentence(alias);
        let Some(instance) = instance else {
            if self.is_incomplete {
                return None;
            }
            let next = match tip.is_empty() {
                true => "; start it in an earlier step".to_owned(),
                false => tip,
            };
            return Some(format!("nothing was started as `{alias}`{next}"));
        };
        match (usage, instance.kind) {
            (Use::Rows, Kind::Source) | (Use::Send, Kind::Sink) | (Use::Stop, _) => {}
            (Use::Rows, kind) => {
                return Some(format!(
                    "`{alias}` is a {kind}; `rows` takes rows of a source"
                ));
            }
            (Use::Send, kind) => {
                return Some(format!(
                    "`{alias}` is a {kind}; `send` gives rows to a sink"
                ));
            }
        }
        if usage != Use::Rows && !instance.is_running {
            return Some(format!(
                "`{alias}` was stopped; start it again before this step"
            ));
        }
        if usage == Use::Stop {
            instance.is_running = false;
        }
        None
    }
}
