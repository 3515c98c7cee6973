//! What a bench measures, worked out and checked before anything is launched.

use std::sync::Arc;

use mock_kuiper::engine::call::Call;
use mock_kuiper::engine::release::AckChannel;
use mock_kuiper::engine::wire::Order;
use mock_kuiper::{Kind, Package};
use serde_json::{Value, json};

use super::measure_args::MeasureArgs;
use super::record::{Environment, PluginId, Subject};
use crate::cli::error::CliError;
use crate::cli::feed::messages;

/// One measurement of each round.
pub(super) enum Task {
    Source(Order),
    Sink {
        order: Order,
        require_ack: bool,
    },
    Function {
        call: Call,
        /// The number of the call, as if all calls were in one statement.
        number: u32,
    },
}

impl Task {
    /// Returns what the record calls it.
    pub(super) fn subject(&self) -> Subject {
        match self {
            Self::Source(order) => Subject::Source {
                symbol: order.symbol.clone(),
            },
            Self::Sink { order, require_ack } => Subject::Sink {
                symbol: order.symbol.clone(),
                require_ack: *require_ack,
            },
            Self::Function { call, .. } => Subject::Function {
                symbol: call.function.clone(),
                call: call.to_string(),
            },
        }
    }

    /// Names the symbol and its kind: ``source `random` ``.
    pub(super) fn symbol(&self) -> String {
        match self {
            Self::Source(order) | Self::Sink { order, .. } => {
                format!("{} `{}`", order.kind, order.symbol)
            }
            Self::Function { call, .. } => format!("{} `{}`", Kind::Function, call.function),
        }
    }
}

/// All that a bench measures.
pub(super) struct Workload {
    pub(super) package: Arc<Package>,
    pub(super) tasks: Vec<Task>,
    /// The messages for the sinks.
    pub(super) rows: Vec<Vec<u8>>,
    /// Functions without a call.
    pub(super) uncalled: Vec<String>,
}

impl Workload {
    /// Works out a bench.
    ///
    /// # Errors
    ///
    /// All mistakes at once: symbols that the plugin does not have, yaml that
    /// cannot be read, no row for the sinks.
    pub(super) fn make(args: &MeasureArgs, package: Arc<Package>) -> Result<Self, CliError> {
        let mut mistakes = Vec::new();
        let profile = args.host.release();
        let picked = (args.symbols).pick(package.manifest(), &args.call, &mut mistakes);
        let sources =
            (args.symbols).source_orders(&package, profile, &picked.sources, &mut mistakes);
        if picked.sinks.is_empty() && !args.send.is_empty() {
            mistakes.push("--send needs a sink, and none is started".to_owned());
        }
        let rows = match &args.send[..] {
            [] => vec![a_row()],
            given => given.to_vec(),
        };
        let rows: Vec<_> = rows
            .iter()
            .flat_map(|row| messages(row, args.symbols.send_single))
            .collect();
        if rows.is_empty() {
            mistakes.push("--send []: with --send-single there is no row to send".to_owned());
        }
        if !mistakes.is_empty() {
            return Err(CliError::Input(mistakes));
        }
        let mut tasks: Vec<_> = sources.into_iter().map(Task::Source).collect();
        for (index, symbol) in picked.sinks.iter().enumerate() {
            let sink = |require_ack| Task::Sink {
                order: args.symbols.sink_order(symbol, index, require_ack),
                require_ack,
            };
            tasks.push(sink(false));
            if profile.ack == AckChannel::Read {
                tasks.push(sink(true));
            }
        }
        let calls = (0..).zip(args.call.iter().cloned());
        tasks.extend(calls.map(|(number, call)| Task::Function { call, number }));
        let is_called = |name: &String| args.call.iter().any(|call| call.function == *name);
        let functions = picked.functions.into_iter();
        Ok(Self {
            package,
            tasks,
            rows,
            uncalled: functions.filter(|name| !is_called(name)).collect(),
        })
    }

    /// Returns which plugin is measured.
    pub(super) fn plugin(&self) -> PluginId {
        let manifest = self.package.manifest();
        PluginId {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
        }
    }
}

/// Returns what the numbers depend on.
pub(super) fn environment(args: &MeasureArgs, rounds: usize) -> Environment {
    let processors = std::thread::available_parallelism();
    Environment {
        mock_kuiper: env!("CARGO_PKG_VERSION").to_owned(),
        mock_kuiper_debug: cfg!(debug_assertions),
        plugin_debug: args.host.debug,
        release: args.host.release().name.to_owned(),
        transport: args.host.transport.to_string(),
        isolated: args.host.isolate.is_some(),
        processors: processors.map_or(1, usize::from),
        rounds,
        time_ms: u64::try_from(args.time.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Makes the row for sinks if the command line has none: 60 bytes.
fn a_row() -> Value {
    json!({"id": 123_456_789, "name": "mock-kuiper", "ok": true, "value": 21.5})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_row_has_60_bytes() {
        assert_eq!(a_row().to_string().len(), 60);
    }
}
