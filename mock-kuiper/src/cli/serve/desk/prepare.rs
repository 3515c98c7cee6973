//! Starts on the desk what `run` would start.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mock_kuiper::{AttachCommand, Kind};
use serde_json::Value;

use super::instances::{Rows, SinkSpec, SourceSpec};
use super::plugin::Plugin;
use super::problem::Problem;

/// How often it is looked whether the plugin is there.
const PAUSE: Duration = Duration::from_millis(50);

/// What is to be started, sent and called.
#[derive(Debug, Default)]
pub(in crate::cli::serve) struct Prepared {
    pub(in crate::cli::serve) sinks: Vec<(String, SinkSpec)>,
    pub(in crate::cli::serve) functions: Vec<String>,
    pub(in crate::cli::serve) calls: Vec<(String, Vec<Value>)>,
    pub(in crate::cli::serve) sources: Vec<(String, SourceSpec)>,
    /// Whether the rows of the sources go to the sinks.
    pub(in crate::cli::serve) feeds: bool,
    pub(in crate::cli::serve) rule: String,
}

impl Plugin {
    /// Launches the plugin, or waits until somebody has started it, and starts
    /// everything, the sinks first. Returns the ids of the sinks; what goes wrong with
    /// one symbol is told, and the others go on.
    pub(in crate::cli::serve) fn prepare(
        self: &Arc<Self>,
        prepared: Prepared,
        attach: impl FnOnce(&AttachCommand),
        tell: impl Fn(&Problem),
    ) -> Vec<String> {
        if let Err(problem) = self.start() {
            tell(&problem);
            return Vec::new();
        }
        if let Some(command) = self.attach_command() {
            attach(&command);
        }
        while self.state().0 == "waiting" {
            thread::sleep(PAUSE);
        }
        let mut sinks = Vec::new();
        for (symbol, spec) in prepared.sinks {
            match self.start_sink(&symbol, spec) {
                Ok(sink) => sinks.extend(sink["id"].as_str().map(str::to_owned)),
                Err(problem) => tell(&problem),
            }
        }
        for symbol in &prepared.functions {
            if let Err(problem) = self.use_function(symbol) {
                tell(&problem);
            }
        }
        for (symbol, args) in &prepared.calls {
            if let Err(problem) = self.call(symbol, args, &prepared.rule) {
                tell(&problem);
            }
        }
        for (symbol, mut spec) in prepared.sources {
            if prepared.feeds {
                spec.to.clone_from(&sinks);
            }
            if let Err(problem) = self.start_source(&symbol, spec) {
                tell(&problem);
            }
        }
        sinks
    }

    /// Sends a row to sinks.
    pub(in crate::cli::serve) fn send_to(
        &self,
        sinks: &[String],
        row: &Value,
        tell: impl Fn(&Problem),
    ) {
        let rows = Rows::Values(vec![row.clone()]);
        for id in sinks {
            if let Err(problem) = self.send(id, &rows) {
                tell(&problem);
            }
        }
    }

    fn use_function(&self, symbol: &str) -> Result<(), Problem> {
        self.check_symbol(Kind::Function, symbol)?;
        let (inside, host) = self.inside()?;
        self.function(&inside, &host, symbol).map(drop)
    }
}
