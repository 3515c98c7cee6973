//! Results for programs.

use serde_json::{Value, json};

use super::{Results, Standing};

/// One object: the plugin, the release, and the requirements in their order.
#[must_use]
pub fn json(results: &Results<'_>) -> Value {
    let requirements: Vec<_> = (results.outcomes.iter())
        .map(|outcome| {
            let standing = match results.standing(outcome) {
                Standing::Passed => "passed",
                Standing::Failed => "failed",
                Standing::Tolerated => "tolerated",
                Standing::Expected(_) => "expected",
                Standing::Stale => "stale",
                Standing::NotApplicable => "not-applicable",
                Standing::Trouble => "trouble",
            };
            let mut value = json!({
                "id": outcome.requirement.id,
                "level": outcome.requirement.level.to_string(),
                "rule": outcome.requirement.rule,
                "standing": standing,
                "seconds": outcome.took.as_secs_f64(),
            });
            let verdict = serde_json::to_value(&outcome.verdict).unwrap_or_default();
            if let (Value::Object(value), Value::Object(verdict)) = (&mut value, verdict) {
                value.extend(verdict);
            }
            value
        })
        .collect();
    json!({
        "plugin": results.plugin,
        "release": results.release,
        "falls_short": results.falls_short(),
        "seconds": results.took.as_secs_f64(),
        "requirements": requirements,
    })
}
