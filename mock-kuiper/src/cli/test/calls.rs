//! The calls of functions that a trace has, sorted into cases.
//!
//! Many functions answer the same arguments always in the same way: one case has each of
//! their calls once. Others count or remember. Their calls stay in order, with those of
//! the same place in a rule, and of the same process.

use mock_kuiper::engine::save::SavedStep;
use serde_json::Value;

/// The calls of a case.
const CALLS: usize = 20;

/// The functions, and the places of each, that get cases.
const MOST: usize = 200;

/// The calls of all functions, in the order of their first calls.
#[derive(Debug, Default)]
pub(super) struct Calls {
    functions: Vec<(String, Vec<Place>)>,
    launches: u64,
}

/// A place in a rule at which a function is called, in one process.
#[derive(Debug)]
struct Place {
    launch: u64,
    context: Value,
    /// The first calls.
    first: Vec<SavedStep>,
    /// The first calls, each once.
    distinct: Vec<SavedStep>,
}

impl Calls {
    /// Begins with a new process, which remembers nothing.
    pub(super) fn launch(&mut self) {
        self.launches += 1;
    }

    /// Adds a call, or a refusal, of a function at a place in a rule.
    pub(super) fn add(&mut self, function: &str, context: &Value, step: SavedStep) {
        let known = self.functions.iter().position(|(name, _)| name == function);
        let known = known.unwrap_or_else(|| {
            self.functions.push((function.to_owned(), Vec::new()));
            self.functions.len() - 1
        });
        if known >= MOST {
            self.functions.truncate(MOST);
            return;
        }
        let places = &mut self.functions[known].1;
        let is_here = |place: &Place| place.launch == self.launches && place.context == *context;
        let here = match places.iter().position(is_here) {
            Some(here) => here,
            None if places.len() == MOST => return,
            None => {
                places.push(Place {
                    launch: self.launches,
                    context: context.clone(),
                    first: Vec::new(),
                    distinct: Vec::new(),
                });
                places.len() - 1
            }
        };
        let place = &mut places[here];
        if place.first.len() < CALLS {
            place.first.push(step.clone());
        }
        if place.distinct.len() < CALLS && !place.distinct.contains(&step) {
            place.distinct.push(step);
        }
    }

    /// Returns the steps of each case.
    pub(super) fn cases(&self) -> Vec<Vec<SavedStep>> {
        let places = self.functions.iter().map(|(_, places)| places);
        places.flat_map(|places| cases(places)).collect()
    }
}

/// Returns the cases of one function.
fn cases(places: &[Place]) -> Vec<Vec<SavedStep>> {
    let mut distinct: Vec<&SavedStep> = Vec::new();
    for step in places.iter().flat_map(|place| &place.distinct) {
        if distinct.contains(&step) {
            continue;
        }
        if distinct.iter().any(|other| has_same_arguments(other, step)) {
            return places.iter().map(|place| place.first.clone()).collect();
        }
        distinct.push(step);
    }
    vec![distinct.into_iter().take(CALLS).cloned().collect()]
}

fn has_same_arguments(a: &SavedStep, b: &SavedStep) -> bool {
    match (a, b) {
        (SavedStep::Call { args: a, .. }, SavedStep::Call { args: b, .. }) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(argument: u64, result: u64) -> SavedStep {
        SavedStep::Call {
            function: "f".to_owned(),
            args: vec![argument.into()],
            outcome: Ok(result.into()),
        }
    }

    #[test]
    fn of_a_function_that_always_answers_the_same_each_call_is_taken_once() {
        let mut calls = Calls::default();
        for (rule, argument) in [("a", 1), ("b", 2), ("a", 1), ("b", 1)] {
            calls.add("f", &json!(rule), call(argument, argument));
        }

        assert_eq!(calls.cases(), [[call(1, 1), call(2, 2)]]);
    }

    #[test]
    fn of_a_function_that_remembers_all_calls_are_taken_by_rule_and_process() {
        let mut calls = Calls::default();
        for (rule, result) in [("a", 1), ("b", 1), ("a", 0), ("a", 1)] {
            calls.add("f", &json!(rule), call(7, result));
        }
        calls.launch();
        calls.add("f", &json!("a"), call(7, 1));

        assert_eq!(
            calls.cases(),
            [
                vec![call(7, 1), call(7, 0), call(7, 1)],
                vec![call(7, 1)],
                vec![call(7, 1)],
            ]
        );
    }
}
