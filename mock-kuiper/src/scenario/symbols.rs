//! Whether the plugin has the symbols that its test file uses.

use super::model::{Action, StartSymbol, TestFile};
use super::node::FileMistake;
use crate::foreign::in_sentence;
use crate::nearest::nearest;
use crate::package::Manifest;
use crate::symbol::Kind;

/// Returns a mistake for each step that uses a symbol that the plugin's json does not
/// name.
pub(super) fn unknown_symbols(file: &TestFile, manifest: &Manifest) -> Vec<FileMistake> {
    let mut mistakes = Vec::new();
    for step in file.cases.iter().flat_map(|case| &case.steps) {
        for (kind, name) in symbols(&step.action) {
            let known = match kind {
                Kind::Source => &manifest.sources,
                Kind::Sink => &manifest.sinks,
                Kind::Function => &manifest.functions,
            };
            if known.iter().any(|one| one == name) {
                continue;
            }
            let tip = match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{}`?", in_sentence(near)),
                None if known.is_empty() => "it has none".to_owned(),
                None => format!("it has {}", list(known)),
            };
            mistakes.push(FileMistake {
                file: file.path.clone(),
                place: Some(step.place),
                text: format!(
                    "the json of `{}` names no {kind} `{}`; {tip}",
                    in_sentence(&manifest.name),
                    in_sentence(name)
                ),
            });
        }
    }
    mistakes
}

/// Returns the symbols that an action uses.
fn symbols(action: &Action) -> Vec<(Kind, &str)> {
    let started = |symbol: &StartSymbol| match symbol {
        StartSymbol::Source { .. } => Kind::Source,
        StartSymbol::Sink { .. } => Kind::Sink,
    };
    match action {
        Action::Start(start) => vec![(started(&start.symbol), start.symbol.name())],
        Action::Call { function, .. } | Action::Validate { function, .. } => {
            vec![(Kind::Function, function)]
        }
        Action::Rule(rule) => {
            let functions = rule
                .functions
                .iter()
                .map(|name| (Kind::Function, &name[..]));
            let starts = std::iter::once(&rule.source).chain(&rule.sinks);
            let starts = starts.map(|start| (started(&start.symbol), start.symbol.name()));
            starts.chain(functions).collect()
        }
        _ => Vec::new(),
    }
}

fn list(names: &[String]) -> String {
    let names: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", in_sentence(name)))
        .collect();
    names.join(", ")
}
