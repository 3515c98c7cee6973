//! What a run does, worked out and checked before anything is launched.

use std::time::Duration;

use mock_kuiper::engine::call::Call;
use mock_kuiper::engine::wire::Order;
use mock_kuiper::{Fault, Package, Release};

use super::drive_args::DriveArgs;
use super::error::CliError;
use super::input::Input;
use super::symbol_args::Picked;

/// A run.
#[derive(Debug)]
pub(super) struct Plan {
    /// The plugin's name.
    pub(super) plugin: String,
    pub(super) profile: &'static Release,
    pub(super) sources: Vec<Order>,
    pub(super) sinks: Vec<Order>,
    pub(super) functions: Vec<String>,
    pub(super) calls: Vec<Call>,
    pub(super) rule: String,
    pub(super) input: Input,
    pub(super) send_single: bool,
    /// Whether a seed draws the order of the starts.
    pub(super) seeded: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) count: Option<u64>,
    pub(super) duration: Option<Duration>,
}

impl Plan {
    /// Works out a run without faults, in the usual order.
    ///
    /// # Errors
    ///
    /// All mistakes at once: symbols that the plugin does not have, files that
    /// cannot be read or have the wrong content.
    pub(super) fn make(
        args: &DriveArgs,
        profile: &'static Release,
        package: &Package,
    ) -> Result<Self, CliError> {
        let manifest = package.manifest();
        let mut mistakes = Vec::new();
        let Picked {
            sources,
            sinks,
            functions,
        } = args.symbols.pick(manifest, &args.call, &mut mistakes);
        let input = Input::of(&args.send, args.rows.as_deref());
        mistakes.extend(input.mistakes());
        if sinks.is_empty() && !matches!(input, Input::Sources) {
            mistakes.push("--send and --rows need a sink, and none is started".to_owned());
        }
        if sources.is_empty() && args.count.is_some() {
            mistakes.push("--count needs a source, and none is started".to_owned());
        }
        let sources = (args.symbols).source_orders(package, profile, &sources, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(CliError::Input(mistakes));
        }
        let sinks = sinks.iter().enumerate();
        let sinks = sinks
            .map(|(index, symbol)| args.symbols.sink_order(symbol, index, args.require_ack))
            .collect();
        Ok(Self {
            profile,
            plugin: manifest.name.clone(),
            sources,
            sinks,
            functions,
            calls: args.call.clone(),
            rule: args.symbols.rule.clone(),
            input,
            send_single: args.symbols.send_single,
            seeded: false,
            faults: Vec::new(),
            count: args.count,
            duration: args.duration,
        })
    }

    /// Whether the run does nothing until its time is over: it has no source.
    pub(super) fn idles(&self) -> bool {
        self.sources.is_empty() && self.duration.is_some()
    }

    /// Whether the run ends after its faults.
    pub(super) fn ends_with_faults(&self) -> bool {
        !self.faults.is_empty() && self.count.is_none() && self.duration.is_none()
    }
}
