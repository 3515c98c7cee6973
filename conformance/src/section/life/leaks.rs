//! Whether starts and stops, rows and calls leave something behind in the process.

use std::time::{Duration, Instant};

use mock_kuiper::engine::host::Received;
use mock_kuiper::{Fault, Function, Host, Sink, Source, Usage};
use serde_json::{Value, json};

use crate::checked::{Checked, NotPassed, failed, untested};
use crate::rig::{Kinds, Rig, context, takes_in_time, usual};

pub(super) fn forgets_starts_and_stops(rig: &Rig<'_>) -> Checked {
    rig.play(Kinds::All, Fault::Churn(rig.plan.load(200)))
}

pub(super) fn forgets_rows_and_calls(rig: &Rig<'_>) -> Checked {
    let rows = rig.plan.load(4000) as usize;
    let host = rig.host()?;
    let mut users = Users::start(rig, &host)?;
    users.work(rig, &host, rows / 2)?;
    let mut before = host.usage()?;
    let mut done = users.work(rig, &host, rows)?;
    if done == 0 {
        return Err(NotPassed::NotApplicable("the source sent no row"));
    }
    let mut after = host.usage()?;
    if after.is_beyond(&before) {
        // A pool may not have reached its size; a leak goes on.
        before = after;
        done = users.work(rig, &host, rows)?;
        after = host.usage()?;
    }
    if !after.is_beyond(&before) {
        return Ok(());
    }
    Err(grown(&before, &after, done))
}

/// Says what has grown, each with its numbers.
fn grown(before: &Usage, after: &Usage, done: usize) -> NotPassed {
    const MIB: u64 = 1024 * 1024;
    let mut grown = Vec::new();
    if after.memory > before.memory + MIB {
        let (before, after) = (before.memory / MIB, after.memory / MIB);
        grown.push(format!("memory from {before} to {after} MiB"));
    }
    if after.open_files > before.open_files {
        let (before, after) = (before.open_files, after.open_files);
        grown.push(format!("open files from {before} to {after}"));
    }
    if after.threads > before.threads {
        grown.push(format!(
            "threads from {} to {}",
            before.threads, after.threads
        ));
    }
    failed(format!(
        "{done} rows and calls raised the {}; free what belongs to a row or a call when it is done",
        grown.join(", ")
    ))
}

/// What handles rows and calls: the symbols of the plugin that work.
struct Users {
    sources: Vec<Source>,
    sinks: Vec<Sink>,
    /// Each with its number of arguments.
    functions: Vec<(Function, usize)>,
}

impl Users {
    /// Starts all symbols that work: other rules are about the rest.
    fn start(rig: &Rig<'_>, host: &Host) -> Result<Self, NotPassed> {
        let sources = rig.sources()?.into_iter();
        // The address of a source does not contain its name.
        let sources: Vec<_> = sources
            .filter_map(|name| rig.start_source(host, name, name).ok())
            .collect();
        let sinks = rig.sinks()?.into_iter();
        let sinks: Vec<_> = sinks
            .filter_map(|name| rig.start_sink(host, name, "rule").ok())
            .collect();
        let mut functions = Vec::new();
        for name in rig.functions()? {
            if let Ok(mut function) = host.function(name)
                && let Ok(count) = usual(&mut function)
            {
                functions.push((function, count));
            }
        }
        match sources.is_empty() && sinks.is_empty() && functions.is_empty() {
            false => Ok(Self {
                sources,
                sinks,
                functions,
            }),
            true => Err(NotPassed::NotApplicable(
                "the plugin has no symbol that can be used",
            )),
        }
    }

    /// Reads rows, sends rows and makes calls by turns, `times` of each or as
    /// many as fit in the time; returns how many of one kind there were at most.
    fn work(&mut self, rig: &Rig<'_>, host: &Host, times: usize) -> Result<usize, NotPassed> {
        const TIME: Duration = Duration::from_secs(10);
        /// A source sends at its own pace.
        const SOURCES: Duration = Duration::from_secs(3);
        const MUCH: u64 = 256 * 1024 * 1024;
        const LOOK: Duration = Duration::from_millis(100);
        let text = json!("x".repeat(1024));
        let row = json!([{ "conformance": text }]).to_string();
        let began = Instant::now();
        let begin = host.usage()?;
        let mut looked = began;
        let (mut sent, mut read) = (0, 0);
        loop {
            let took = began.elapsed();
            let has_sent = sent >= times || self.sinks.is_empty() && self.functions.is_empty();
            let has_read = read >= times || self.sources.is_empty() || took >= rig.quiet(SOURCES);
            if has_sent && has_read || took >= rig.quiet(TIME) {
                return Ok(sent.max(read));
            }
            if !has_sent {
                self.send(rig, row.as_bytes(), &text)?;
                sent += 1;
            }
            // A source must not wait while there is something else to do.
            let patience = match has_sent {
                true => Duration::from_millis(10),
                false => Duration::ZERO,
            };
            for source in &mut self.sources {
                match source.read(Some(patience)).map_err(untested)? {
                    // Other rules are about what the rows contain.
                    Received::Row(_) | Received::Invalid(_) => read += 1,
                    Received::Nothing => {}
                    Received::Woken => host.check_alive().map_err(untested)?,
                }
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                let now = host.usage()?;
                if now.memory > begin.memory + MUCH {
                    return Err(grown(&begin, &now, sent.max(read)));
                }
            }
        }
    }

    /// Sends a row to each sink, and makes a call of each function.
    fn send(&mut self, rig: &Rig<'_>, row: &[u8], text: &Value) -> Checked {
        const ACK: Duration = Duration::from_millis(200);
        for sink in &mut self.sinks {
            takes_in_time(sink, row).map_err(untested)?;
            if rig.has_acks_of(sink.symbol()) {
                // Other rules are about the acks.
                let _ack = sink.ack(ACK);
            }
        }
        for (function, count) in &mut self.functions {
            let args = vec![text.clone(); *count];
            function.call(&context(0), &args).map_err(untested)?;
        }
        Ok(())
    }
}
