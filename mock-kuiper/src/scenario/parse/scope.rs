//! The names that a place of a file may use: variables and aliases.

use std::collections::{BTreeMap, BTreeSet};

use super::super::format::nearest;
use crate::symbol::Kind;

/// The variables and aliases that are known at a step.
#[derive(Debug)]
pub(super) struct Scope {
    variables: BTreeSet<String>,
    instances: BTreeMap<String, Instance>,
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
            instances: BTreeMap::new(),
        }
    }

    /// Returns why a variable cannot be used.
    pub(super) fn variable_mistake(&self, name: &str) -> Option<String> {
        if self.variables.contains(name) {
            return None;
        }
        let tip = nearest(name, self.variables.iter().map(String::as_str));
        let next = match tip.is_empty() {
            true => "; `capture` it in an earlier step".to_owned(),
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
            return Some(format!(
                "`{name}` cannot be a variable; use letters, digits and `_`"
            ));
        }
        self.variables.insert(name.to_owned());
        None
    }

    /// Adds an instance that starts, or returns why it cannot have this alias.
    pub(super) fn start(&mut self, alias: &str, kind: Kind) -> Option<String> {
        if self
            .instances
            .get(alias)
            .is_some_and(|other| other.is_running)
        {
            return Some(format!(
                "`{alias}` runs already; give this instance another name with `as`"
            ));
        }
        let is_running = true;
        let instance = Instance { kind, is_running };
        self.instances.insert(alias.to_owned(), instance);
        None
    }

    /// Returns why a step cannot use an instance. A stop ends it.
    pub(super) fn use_instance(&mut self, alias: &str, usage: Use) -> Option<String> {
        let names = self.instances.keys().map(String::as_str);
        let tip = nearest(alias, names);
        let Some(instance) = self.instances.get_mut(alias) else {
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
