//! What was done and seen since the launch, as a case of a test file.

use std::collections::{BTreeMap, BTreeSet};

use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::engine::save::{SaveError, SaveFile, SavedRun, SavedStep};
use serde_json::{Value, json};

use super::link::rules;
use super::plugin::Plugin;
use super::problem::Problem;
use super::steps::{BYTES, STEPS};

impl Plugin {
    /// Writes what was done and seen since the launch as a test file.
    pub(in crate::cli::serve) fn case(&self, name: Option<&str>) -> Result<Value, Problem> {
        let live = self.live();
        let mut steps = live.steps.list().to_vec();
        if live.steps.left_out() > 0 {
            return Err(Problem::conflict(format!(
                "a case holds {STEPS} steps and {} MiB of values: {} of the {} steps since the \
                 launch would be left out",
                BYTES >> 20,
                live.steps.left_out(),
                live.steps.left_out() + steps.len()
            ))
            .advise("start the plugin again, and do only what the case is to have"));
        }
        if steps.is_empty() {
            return Err(Problem::conflict("nothing was done since the launch")
                .advise("start a symbol or call a function first"));
        }
        for instance in live.instances.values() {
            steps.extend(instance.last_steps());
        }
        steps.extend(rules(live.steps.links()));
        let run = SavedRun {
            release: live.release,
            ..self.args.saved_run(&self.path)
        };
        drop(live);
        let mut steps = early(steps);
        let aliases = aliases(&steps);
        steps.iter_mut().for_each(|step| rename(step, &aliases));
        let file = format!("{}.test.yaml", self.name());
        let drafted = SaveFile::draft(file.as_ref(), run, name, &steps);
        let yaml = drafted.map_err(|error| match error {
            SaveError::Io(error) => Problem::internal(format!("cannot make the case: {error}")),
            SaveError::Invalid(text) | SaveError::Value(text) => {
                Problem::conflict(format!("this cannot be a case: {}", in_sentence(&text)))
            }
            _ => Problem::conflict("this cannot be a case"),
        })?;
        Ok(json!({"yaml": yaml, "file": file}))
    }
}

/// Puts the rows of each source right after its start: they are its first ones.
fn early(steps: Vec<SavedStep>) -> Vec<SavedStep> {
    let mut ordered = Vec::<SavedStep>::with_capacity(steps.len());
    for step in steps {
        let place = match &step {
            SavedStep::Rows { alias, .. } => ordered.iter().rposition(
                |other| matches!(other, SavedStep::Start(start) if start.alias() == alias),
            ),
            _ => None,
        };
        let place = place.map_or(ordered.len(), |place| place + 1);
        ordered.insert(place, step);
    }
    ordered
}

/// Finds the instances that can be called like their symbols: the only ones of that
/// name.
fn aliases(steps: &[SavedStep]) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::<&str, BTreeSet<&str>>::new();
    for step in steps {
        if let SavedStep::Start(start) = step {
            ids.entry(&start.symbol).or_default().insert(start.alias());
        }
    }
    let alone = ids.into_iter().filter(|(_, ids)| ids.len() == 1);
    let alone = alone.flat_map(|(symbol, ids)| {
        let pairs = ids.into_iter();
        pairs.map(move |id| (id.to_owned(), symbol.to_owned()))
    });
    alone.collect()
}

fn rename(step: &mut SavedStep, aliases: &BTreeMap<String, String>) {
    match step {
        SavedStep::Start(start) => {
            if aliases.contains_key(start.alias()) {
                start.alias = None;
            }
        }
        SavedStep::Stop { alias }
        | SavedStep::Rows { alias, .. }
        | SavedStep::Alike { alias, .. }
        | SavedStep::Send { alias, .. } => {
            if let Some(symbol) = aliases.get(alias) {
                alias.clone_from(symbol);
            }
        }
        SavedStep::Call { .. }
        | SavedStep::Refusal { .. }
        | SavedStep::Idle(_)
        | SavedStep::Fault { .. }
        | SavedStep::Rule { .. } => {}
    }
}
