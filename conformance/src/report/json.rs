//! The results for programs.

use serde_json::{Value, json};

use super::results::{Results, Standing};

/// Returns one object: the plugin, the release, and the requirements in their
/// order.
///
/// `standing` says how a result counts. A requirement that could not be tested
/// has the `standing` of a failed one; its `verdict` is `not-testable`.
#[must_use]
pub fn json(results: &Results<'_>) -> Value {
    let requirements: Vec<_> = (results.trials.iter())
        .map(|trial| {
            let standing = match results.standing(trial) {
                Standing::Passed => "passed",
                Standing::Failed | Standing::Untested { counts: true } => "failed",
                Standing::Warning | Standing::Untested { counts: false } => "tolerated",
                Standing::KnownFailure(_) => "expected",
                Standing::Stale => "stale",
                Standing::NotApplicable => "not-applicable",
                Standing::Error => "trouble",
            };
            let mut value = json!({
                "id": trial.requirement.id,
                "level": trial.requirement.level.to_string(),
                "rule": trial.requirement.rule,
                "standing": standing,
                "seconds": trial.took.as_secs_f64(),
            });
            let verdict = serde_json::to_value(&trial.verdict).unwrap_or_default();
            if let (Value::Object(value), Value::Object(verdict)) = (&mut value, verdict) {
                value.extend(verdict);
            }
            value
        })
        .collect();
    json!({
        "plugin": results.plugin,
        "release": results.release,
        "falls_short": results.has_failures(),
        "seconds": results.took.as_secs_f64(),
        "notes": results.notes,
        "requirements": requirements,
    })
}
