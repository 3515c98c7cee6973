//! The results for programs.

use serde_json::{Map, Value, json};

use super::results::{Results, Standing};
use crate::run::Trial;

/// Returns one object: the plugin, the release, and the requirements in their
/// order.
///
/// `standing` says how a result counts. A requirement that could not be tested
/// has the `standing` of a failed one; its `verdict` is `not-testable`. A flaky one
/// has the `standing` `flaky` whether it passed or failed; its `verdict` says which.
/// What is known beforehand has a `reason`.
#[must_use]
pub fn json(results: &Results<'_>) -> Value {
    let trials = results.trials.iter();
    let requirements: Vec<_> = trials
        .map(|trial| Value::Object(requirement(results, trial)))
        .collect();
    json!({
        "plugin": results.plugin,
        "release": results.release,
        "falls_short": results.has_failures(),
        "seconds": results.took.as_secs_f64(),
        "notes": results.notes,
        "unexamined": results.unexamined,
        "requirements": requirements,
    })
}

/// Returns one result as an object of its own: that of [`json()`], with the plugin
/// and the release.
#[must_use]
pub fn event(results: &Results<'_>, trial: &Trial) -> Value {
    let mut event = requirement(results, trial);
    event.insert("plugin".to_owned(), results.plugin.clone().into());
    event.insert("release".to_owned(), results.release.into());
    Value::Object(event)
}

fn requirement(results: &Results<'_>, trial: &Trial) -> Map<String, Value> {
    let standing = results.standing(trial);
    let word = match standing {
        Standing::Passed => "passed",
        Standing::Failed | Standing::Untested { counts: true } => "failed",
        Standing::Warning | Standing::Untested { counts: false } => "tolerated",
        Standing::KnownFailure(_) => "expected",
        Standing::Stale => "stale",
        Standing::Flaky { .. } => "flaky",
        Standing::NotApplicable => "not-applicable",
        Standing::Error => "trouble",
    };
    let values = [
        ("id", json!(trial.requirement.id)),
        ("level", json!(trial.requirement.level.to_string())),
        ("rule", json!(trial.requirement.rule)),
        ("tried", json!(trial.requirement.how)),
        ("expected", json!(trial.requirement.expected)),
        ("standing", json!(word)),
        ("seconds", json!(trial.took.as_secs_f64())),
    ];
    let mut requirement: Map<_, _> = values
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
    if let Standing::KnownFailure(reason) | Standing::Flaky { reason, .. } = standing {
        requirement.insert("reason".to_owned(), reason.into());
    }
    if let Ok(Value::Object(verdict)) = serde_json::to_value(&trial.verdict) {
        requirement.extend(verdict);
    }
    requirement
}
