//! What a signal has kept a run from doing.

use std::collections::HashMap;

use mock_kuiper::engine::foreign::printable;

use super::error::CliError;
use super::input::Input;
use super::plan::Plan;
use super::text::count;

/// What a run has done of what its command line asks for.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The rows of each source, by its symbol.
    pub(super) rows: HashMap<String, u64>,
    /// The calls that were made, whatever came of them.
    pub(super) calls: usize,
    /// Whether all faults were played.
    pub(super) faults: bool,
    /// Whether all rows of the command line were sent.
    pub(super) input: bool,
}

impl Done {
    /// Checks that a run which a signal has ended had done everything. A run that only
    /// a signal ends has nothing to do.
    ///
    /// # Errors
    ///
    /// [`CliError::Trouble`] that says what is missing.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), CliError> {
        let mut missing = Vec::new();
        for source in &plan.sources {
            let rows = self.rows.get(&source.symbol).copied().unwrap_or(0);
            if let Some(wanted) = plan.count.filter(|wanted| rows < *wanted) {
                let symbol = printable(&source.symbol);
                let wanted = count(wanted, "row");
                missing.push(format!("source `{symbol}` sent {rows} of {wanted}"));
            }
        }
        if self.calls < plan.calls.len() {
            let calls = count(plan.calls.len() as u64, "call");
            missing.push(format!("{} of {calls} came to an end", self.calls));
        }
        // The rows of a terminal have no other end.
        if matches!(plan.input, Input::Given(_) | Input::File(_)) && !self.input {
            missing.push("not all rows were sent to the sinks".to_owned());
        }
        if !plan.faults.is_empty() && !self.faults {
            missing.push("not all faults were played".to_owned());
        }
        match missing.is_empty() {
            true => Ok(()),
            false => Err(CliError::Trouble(format!(
                "interrupted: {}",
                missing.join("; ")
            ))),
        }
    }
}
