//! The loads of the plugin that never ends: a source at full speed, a sink, calls,
//! starts and stops, and what idles until the end.

use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use mock_kuiper::serde_json::json;
use mock_kuiper::{Function, Host, HostError, Sink, Source};

use crate::latency::Latencies;
use crate::load::{Fed, LIMIT, WINDOW, call, read, read_all};
use crate::report::{Line, Report, Verdict};
use crate::run::Run;
use crate::sequence::Sequence;
use crate::{Result, joined};

/// How much the latency of calls may grow from the first quarter to the last.
const GROWTH: f64 = 2.0;

/// The threads of the loads.
pub(crate) struct Loads<'scope> {
    source: ScopedJoinHandle<'scope, Sequence>,
    sink: ScopedJoinHandle<'scope, Fed>,
    calls: ScopedJoinHandle<'scope, [Latencies; 4]>,
    starts: ScopedJoinHandle<'scope, Starts>,
}

/// What came of the loads.
pub(crate) struct Outcome {
    source: Sequence,
    sink: Fed,
    calls: [Latencies; 4],
    starts: Starts,
}

/// What was started, used and stopped.
#[derive(Debug, Default)]
struct Starts {
    sources: u64,
    sinks: u64,
    rows: Sequence,
    fed: Fed,
}

/// Starts the loads.
pub(crate) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: &'scope Run,
    host: &'scope Host,
) -> Result<Loads<'scope>> {
    let source = host
        .source("rows")
        .within("flood", "demo")
        .config(json!({"pad": 14}));
    let (source, sink) = (source.start()?, host.sink("take").require_ack().start()?);
    let function = host.function("echo")?;
    Ok(Loads {
        source: scope.spawn(move || read_all(run, "rows of a source", source)),
        sink: scope.spawn(move || feed(run, sink)),
        calls: scope.spawn(move || call_all(run, function)),
        starts: scope.spawn(move || start_and_stop(run, host)),
    })
}

fn feed(run: &Run, mut sink: Sink) -> Fed {
    let load = "rows of a sink";
    let mut fed = Fed::default();
    while !run.is_over() {
        if let Err(error) = fed.feed(&mut sink, WINDOW) {
            run.note(load, error);
        }
    }
    if let Err(error) = sink.stop() {
        run.note(load, error);
    }
    fed
}

fn call_all(run: &Run, mut function: Function) -> [Latencies; 4] {
    let mut quarters = <[Latencies; 4]>::default();
    for number in 1.. {
        if run.is_over() {
            break;
        }
        let quarter = run.quarter(Instant::now());
        match call(&mut function, number) {
            Ok(took) => quarters[quarter.unwrap_or(0)].add(took),
            Err(error) => run.note("calls", error),
        }
    }
    quarters
}

/// Starts a source or a sink, uses it, and stops it, again and again.
fn start_and_stop(run: &Run, host: &Host) -> Starts {
    let mut random = run.random(1);
    let mut starts = Starts::default();
    while !run.is_over() {
        let done = match random.bool() {
            true => {
                let (interval, rows) = (random.u64(0..300), random.u64(1..2000));
                starts.source(host, interval, rows)
            }
            false => starts.sink(host, random.u64(1..=WINDOW)),
        };
        if let Err(error) = done {
            run.note("starts and stops", error);
        }
        run.pause();
        run.sleep(Duration::from_millis(random.u64(0..40)));
    }
    starts
}

impl Starts {
    fn source(&mut self, host: &Host, interval: u64, wanted: u64) -> Result {
        let source = host.source("rows").within("started", "demo");
        let mut source = source.config(json!({ "interval": interval })).start()?;
        self.sources += 1;
        let mut rows = Sequence::default();
        let until = Instant::now() + LIMIT;
        while rows.rows < wanted && Instant::now() < until {
            read(&mut source, Duration::from_millis(100), &mut rows)?;
        }
        source.stop()?;
        self.rows.add(&rows);
        match rows.rows == wanted && rows.is_complete() {
            true => Ok(()),
            false => Err(format!("{rows}, wanted {wanted}").into()),
        }
    }

    fn sink(&mut self, host: &Host, rows: u64) -> Result {
        let mut sink = host
            .sink("take")
            .within("started", "take_0")
            .require_ack()
            .start()?;
        self.sinks += 1;
        let mut fed = Fed::default();
        let done = fed.feed(&mut sink, rows);
        self.fed.sent += fed.sent;
        self.fed.acked += fed.acked;
        sink.stop()?;
        Ok(done?)
    }
}

impl Loads<'_> {
    /// Waits for the end of the loads.
    pub(crate) fn join(self) -> Result<Outcome> {
        Ok(Outcome {
            source: joined(self.source)?,
            sink: joined(self.sink)?,
            calls: joined(self.calls)?,
            starts: joined(self.starts)?,
        })
    }
}

impl Outcome {
    pub(crate) fn report(&self, run: &Run, report: &mut Report) {
        let rows = &self.source;
        let is_kept = rows.rows > 0 && rows.is_complete();
        report.add(Line::new(
            "rows of a source",
            rows.to_string(),
            Verdict::of(is_kept),
        ));
        let Fed { sent, acked } = self.sink;
        report.add(Line::new(
            "rows of a sink",
            format!("{sent} rows: {} without ack", sent - acked),
            Verdict::of(sent > 0 && sent == acked),
        ));
        report.add(self.calls(run));
        let starts = &self.starts;
        let Fed { sent, acked } = starts.fed;
        report.add(Line::new(
            "starts and stops",
            format!(
                "{} sources, {}; {} sinks, {sent} rows: {} without ack",
                starts.sources,
                starts.rows,
                starts.sinks,
                sent - acked
            ),
            Verdict::of(starts.rows.is_complete() && sent == acked),
        ));
    }

    fn calls(&self, run: &Run) -> Line {
        let count: u64 = self.calls.iter().map(Latencies::count).sum();
        let [first, .., last] = &self.calls;
        let (median, p99) = (
            [first, last].map(|l| l.quantile(0.5)),
            [first, last].map(|l| l.quantile(0.99)),
        );
        let verdict = match run.is_judged() {
            true => Verdict::of(median[1] <= GROWTH * median[0] && p99[1] <= GROWTH * p99[0]),
            false => Verdict::TooShort,
        };
        let figures = format!(
            "{count} calls; first quarter: median {:.0} µs, 99th percentile {:.0} µs; last \
             quarter: {:.0} µs, {:.0} µs",
            median[0], p99[0], median[1], p99[1]
        );
        Line::new("calls", figures, verdict)
    }
}

/// A function, a source and a sink that idle until the end of the run.
pub(crate) struct Idle {
    function: Function,
    rouse: Function,
    source: Source,
    sink: Sink,
    since: Instant,
}

impl Idle {
    pub(crate) fn start(host: &Host) -> Result<Self, HostError> {
        Ok(Self {
            function: host.function("idle_function")?,
            rouse: host.function("rouse")?,
            source: host.source("idle_source").within("idle", "demo").start()?,
            sink: host
                .sink("idle_sink")
                .within("idle", "take_0")
                .require_ack()
                .start()?,
            since: Instant::now(),
        })
    }

    /// Uses and stops them.
    pub(crate) fn finish(self, run: &Run) -> Line {
        let idle = self.since.elapsed().as_secs();
        let done = self.used();
        let (figures, is_kept) = match done {
            Ok([function, source, sink]) => {
                let ms = |took: Duration| took.as_secs_f64() * 1e3;
                let text = format!(
                    "after {idle} s the function answers in {:.2} ms, the source in {:.2} ms, the \
                     sink in {:.2} ms",
                    ms(function),
                    ms(source),
                    ms(sink)
                );
                (text, true)
            }
            Err(error) => {
                run.note("what idles", error);
                (format!("after {idle} s one of them does not answer"), false)
            }
        };
        Line::new("what idles", figures, Verdict::of(is_kept))
    }

    fn used(mut self) -> Result<[Duration; 3]> {
        let function = call(&mut self.function, 1)?;
        let began = Instant::now();
        self.rouse.exec(&[])?;
        let mut rows = Sequence::default();
        if !read(&mut self.source, LIMIT, &mut rows)? {
            return Err(format!("the source sends no row within {LIMIT:?}").into());
        }
        let source = began.elapsed();
        let began = Instant::now();
        Fed::default().feed(&mut self.sink, 1)?;
        let sink = began.elapsed();
        self.source.stop()?;
        self.sink.stop()?;
        Ok([function, source, sink])
    }
}
