//! What every step needs: the host, the values of variables, and a way to compare.

use std::time::Duration;

use serde_json::Value;

use super::error::{Played, StepError, Unmet};
use super::file::FileRun;
use super::live::Live;
use crate::scenario::model::{Capture, Expected};
use crate::scenario::pattern::{Pattern, Template, Variables};
use crate::scenario::result::Update;

/// Plays the steps of a case.
pub(super) struct Player<'a> {
    pub(super) live: Live,
    pub(super) values: Variables,
    pub(super) run: &'a FileRun<'a>,
    pub(super) notes: Vec<String>,
}

impl Player<'_> {
    /// Lengthens a limit as the run asks.
    pub(super) fn limit(&self, limit: Duration) -> Duration {
        limit.mul_f64(self.run.settings.scale)
    }

    pub(super) fn value(&self, template: &Template) -> Result<Value, StepError> {
        Ok(template.resolve(&self.values)?)
    }

    /// Checks that what was seen is as expected; `text` says what is not.
    pub(super) fn expect(
        &self,
        expected: &Expected,
        seen: &Value,
        text: impl Into<String>,
    ) -> Played {
        let differences = self.pattern(&expected.pattern)?.compare(seen);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Unmet {
            text: text.into(),
            differences,
            finding: None,
            update: Some(Update {
                span: expected.span.clone(),
                seen: seen.clone(),
                variables: self.values.clone(),
                is_rows: false,
            }),
        }
        .into())
    }

    pub(super) fn pattern(&self, pattern: &Pattern) -> Result<Pattern, StepError> {
        Ok(pattern.resolve(&self.values)?)
    }

    /// Gives names to parts of what was seen.
    pub(super) fn capture(&mut self, captures: &[Capture], seen: &Value) -> Played {
        for Capture { name, pointer } in captures {
            let Some(value) = seen.pointer(pointer) else {
                let text = format!("nothing is at `{pointer}`, which `capture` names `{name}`");
                return Err(Unmet::of(text).into());
            };
            self.values.insert(name.clone(), value.clone());
        }
        Ok(())
    }
}
