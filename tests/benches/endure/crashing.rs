//! The loads of the plugin that is killed and started again: a source, a sink and
//! calls. What was in flight when its process ended may be missing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use mock_kuiper::serde_json::json;
use mock_kuiper::{Code, Function, Host, Sink};

use crate::load::{Fed, WINDOW, call, read_all};
use crate::report::{Line, Report, Verdict};
use crate::run::Run;
use crate::sequence::Sequence;
use crate::{Result, joined};

/// Microseconds between two rows of the source.
const INTERVAL: u64 = 100;

/// How long late acks are awaited after a crash.
const QUIET: Duration = Duration::from_millis(200);

/// Counts the ends and starts of the process. While it is odd, there is none, or it has
/// not got all its orders.
type Lives = Arc<AtomicU64>;

/// The threads of the loads.
pub(crate) struct Loads<'scope> {
    ends: ScopedJoinHandle<'scope, Ends>,
    source: ScopedJoinHandle<'scope, Sequence>,
    sink: ScopedJoinHandle<'scope, Fed>,
    calls: ScopedJoinHandle<'scope, Calls>,
}

/// What came of the loads.
pub(crate) struct Outcome {
    ends: Ends,
    source: Sequence,
    sink: Fed,
    calls: Calls,
}

/// How the process ended.
#[derive(Debug, Default)]
struct Ends {
    crashes: u64,
    reloads: u64,
}

#[derive(Debug, Default)]
struct Calls {
    answered: u64,
    /// Calls whose process ended.
    cut: u64,
    failed: u64,
}

/// Starts the loads. The source keeps its number in a file in `work`.
pub(crate) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: &'scope Run,
    host: &'scope Host,
    work: &Path,
) -> Result<Loads<'scope>> {
    let config = json!({"interval": INTERVAL, "state": work.join("last_row")});
    let source = host.source("rows").config(config).start()?;
    let sink = host.sink("take").require_ack().start()?;
    let function = host.function("echo")?;
    let lives = Lives::default();
    let [for_sink, for_calls] = [Arc::clone(&lives), Arc::clone(&lives)];
    Ok(Loads {
        source: scope.spawn(move || read_all(run, "rows of a source that is killed", source)),
        sink: scope.spawn(move || feed(run, &for_sink, sink)),
        calls: scope.spawn(move || call_all(run, &for_calls, function)),
        ends: scope.spawn(move || end_and_start(run, &lives, host)),
    })
}

/// Ends the process and starts it again, at random.
fn end_and_start(run: &Run, lives: &Lives, host: &Host) -> Ends {
    let mut random = run.random(2);
    let mut ends = Ends::default();
    while !run.is_over() {
        let pause = random
            .u64(200..3000)
            .min(run.time().as_millis() as u64 / 10);
        run.sleep(Duration::from_millis(pause));
        if run.is_over() {
            break;
        }
        lives.fetch_add(1, Ordering::SeqCst);
        let done = if random.bool() {
            ends.crashes += 1;
            let killed = host.crash();
            std::thread::sleep(Duration::from_millis(random.u64(0..300)));
            killed.and_then(|()| host.reload())
        } else {
            ends.reloads += 1;
            host.reload()
        };
        if let Err(error) = done {
            run.note("crashes and reloads", error);
        }
        lives.fetch_add(1, Ordering::SeqCst);
        run.pause();
    }
    ends
}

fn feed(run: &Run, lives: &Lives, mut sink: Sink) -> Fed {
    let load = "rows of a sink that is killed";
    let mut fed = Fed::default();
    while !run.is_over() {
        let before = wait_alive(run, lives);
        let Err(error) = fed.feed(&mut sink, WINDOW) else {
            continue;
        };
        let is_same = before == lives.load(Ordering::SeqCst);
        // No process may get rows that do not follow each other.
        if is_same || error.code() == Some(Code::AckError) {
            run.note(load, error);
        }
        wait_alive(run, lives);
        // What was queued for the old process may reach the new one.
        while sink.ack(QUIET).is_ok() {
            fed.acked += 1;
        }
    }
    if let Err(error) = sink.stop() {
        run.note(load, error);
    }
    fed
}

fn call_all(run: &Run, lives: &Lives, mut function: Function) -> Calls {
    let mut calls = Calls::default();
    for number in 1.. {
        let before = wait_alive(run, lives);
        if run.is_over() {
            break;
        }
        match call(&mut function, number) {
            Ok(_) => calls.answered += 1,
            Err(_) if before != lives.load(Ordering::SeqCst) => calls.cut += 1,
            Err(error) => {
                calls.failed += 1;
                run.note("calls of a function that is killed", error);
            }
        }
    }
    calls
}

/// Waits until the process has all its orders. Returns which of its lives this is.
fn wait_alive(run: &Run, lives: &Lives) -> u64 {
    loop {
        let life = lives.load(Ordering::SeqCst);
        if life.is_multiple_of(2) || run.is_over() {
            return life;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Loads<'_> {
    /// Waits for the end of the loads.
    pub(crate) fn join(self) -> Result<Outcome> {
        Ok(Outcome {
            ends: joined(self.ends)?,
            source: joined(self.source)?,
            sink: joined(self.sink)?,
            calls: joined(self.calls)?,
        })
    }
}

impl Outcome {
    pub(crate) fn report(&self, run: &Run, report: &mut Report) {
        let Ends { crashes, reloads } = self.ends;
        let ends = crashes + reloads;
        report.add(Line::new(
            "ends of its process",
            format!("{crashes} crashes, {reloads} reloads"),
            match ends {
                0 if !run.is_judged() => Verdict::TooShort,
                ends => Verdict::of(ends > 0),
            },
        ));
        let rows = &self.source;
        report.add(Line::new(
            "rows of a source",
            format!("{rows}; {} in flight at an end", rows.in_flight),
            Verdict::of(rows.rows > 0 && rows.is_complete() && rows.processes <= ends + 1),
        ));
        let Fed { sent, acked } = self.sink;
        let missing = sent.saturating_sub(acked);
        report.add(Line::new(
            "rows of a sink",
            format!("{sent} rows: {missing} in flight at an end"),
            Verdict::of(acked > 0 && acked <= sent && missing <= ends * WINDOW),
        ));
        let Calls {
            answered,
            cut,
            failed,
        } = self.calls;
        report.add(Line::new(
            "calls",
            format!("{answered} answered, {cut} in flight at an end, {failed} failed"),
            Verdict::of(answered > 0 && failed == 0 && cut <= ends),
        ));
    }
}
