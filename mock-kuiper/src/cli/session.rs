//! A run from its launch to its end.
//!
//! One thread gives the orders; each source has a thread that reads, prints and
//! passes on its rows. What the others notice (the end of a source, of the
//! plugin, of stdout, a signal) they tell the first as a [`Happening`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mock_kuiper::event::What;
use mock_kuiper::host::{Builder, Host, HostError, Sink, Source};
use mock_kuiper::symbol::{Kind, Meta};
use mock_kuiper::wire::{Context, Expr, Order};
use serde_json::Value;

use super::faults::Play;
use super::feed::Feed;
use super::findings::Findings;
use super::plan::{Input, Plan};
use super::reader::Reader;
use super::running::{Running, Started};
use super::stream::Stream;
use super::summary::{self, Line};
use super::terminal::{REDRAW, Terminal};
use super::{CliError, Exit};

/// How long sinks may still take rows once all is sent.
const SETTLE: Duration = Duration::from_secs(5);

/// The same where a person waits for the end, who has asked for it.
const SETTLE_AT_SIGNAL: Duration = Duration::from_millis(500);

/// What the ordering thread is told.
#[derive(Debug)]
pub(super) enum Happening {
    /// A source's thread has ended; its channel is closed.
    SourceEnded(usize),
    /// The rows of the command line are sent.
    InputEnded(Result<(), Vec<String>>),
    PluginEnded,
    Signal,
    StdoutFailed(io::Error),
}

/// A run.
pub(super) struct Session<'a> {
    plan: &'a Plan,
    terminal: Arc<Terminal>,
    stream: Arc<Stream>,
    findings: Arc<Findings>,
    host: Host,
    told: Receiver<Happening>,
    tell: Sender<Happening>,
    signals: signal_hook::iterator::Handle,
    feed: Arc<Feed>,
    sources: Vec<Running>,
    functions: Vec<Started>,
    ran: Vec<Line>,
    started: Instant,
    mistakes: Vec<String>,
    settle: Duration,
}

impl<'a> Session<'a> {
    /// Launches the plugin.
    pub(super) fn start(
        plan: &'a Plan,
        host: Builder,
        terminal: Arc<Terminal>,
        stream: &Arc<Stream>,
    ) -> Result<Self, CliError> {
        let (tell, told) = mpsc::channel();
        let mut signals = signal_hook::iterator::Signals::new([
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ])
        .map_err(|error| CliError::Trouble(format!("cannot watch for signals: {error}")))?;
        stream.tell_end(tell.clone());
        let host = host.observer(Arc::clone(stream) as _).spawn()?;
        let handle = signals.handle();
        let (interrupter, signalled) = (host.interrupter(), tell.clone());
        spawn("signals", move || {
            for _ in signals.forever() {
                // The first ends the run in order, the next whatever waits then.
                // Told last: an interrupt after that would end the first stop.
                interrupter.interrupt();
                let _ = signalled.send(Happening::Signal);
            }
        })?;
        let failed = tell.clone();
        terminal.on_stdout_failure(move |error| {
            // Nobody is told where the run has ended already.
            let _ = failed.send(Happening::StdoutFailed(error));
        });
        let findings = Arc::new(Findings::new(Arc::clone(stream)));
        Ok(Self {
            plan,
            feed: Arc::new(Feed::new(
                Vec::new(),
                plan.send_single,
                Arc::clone(&findings),
            )),
            terminal,
            stream: Arc::clone(stream),
            findings,
            host,
            told,
            tell,
            signals: handle,
            sources: Vec::new(),
            functions: Vec::new(),
            ran: Vec::new(),
            started: Instant::now(),
            mistakes: Vec::new(),
            settle: SETTLE,
        })
    }

    /// Drives the run to its end.
    pub(super) fn finish(mut self) -> Result<Exit, CliError> {
        match self.host.wait_greeting() {
            Ok(()) => {}
            // Nothing ran yet.
            Err(HostError::Interrupted) => return Ok(Exit::Fine),
            Err(error) => return Err(error.into()),
        }
        let driven = self.drive();
        let stopped = self.stop();
        self.terminal.close();
        // What was printed without anybody waiting: the results of calls.
        let printed = self.told.try_iter().try_for_each(|told| match told {
            Happening::StdoutFailed(error) => unwritten(error),
            _ => Ok(()),
        });
        match driven.and(stopped).and(printed) {
            // What it did before it ended is worth a summary.
            Err(CliError::Finding(error)) => self.findings.report("", &error.to_string()),
            other => other?,
        }
        self.summarize();
        if !self.mistakes.is_empty() {
            return Err(CliError::Input(std::mem::take(&mut self.mistakes)));
        }
        Ok(if self.findings.total() == 0 {
            Exit::Fine
        } else {
            Exit::PluginFellShort
        })
    }

    /// Starts what is to be started and waits until there is no more to do.
    fn drive(&mut self) -> Result<(), CliError> {
        match self.start_all() {
            Ok(()) => self.wait(),
            Err(HostError::Interrupted) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn start_all(&mut self) -> Result<(), HostError> {
        self.started = Instant::now();
        // The sinks come first, so that no row is lost; in an order that is
        // drawn, the functions: eKuiper validates a rule before it starts it.
        let mut orders: Vec<_> = self.plan.sinks.iter().chain(&self.plan.sources).collect();
        let first = match self.plan.seeded {
            true => 0,
            false => self.plan.sinks.len(),
        };
        self.host.shuffle(&mut orders);
        let (mut sinks, mut sources) = (Vec::new(), Vec::new());
        for order in &orders[..first] {
            self.start_instance(order, &mut sinks, &mut sources)?;
        }
        for symbol in &self.plan.functions {
            let started = self.start_function(symbol);
            if let Some(started) = self.survive(symbol, started)? {
                self.functions.push(started);
            }
        }
        self.call_all()?;
        for order in &orders[first..] {
            self.start_instance(order, &mut sinks, &mut sources)?;
        }
        if !self.plan.faults.is_empty() {
            let play = Play {
                faults: &self.plan.faults,
                host: &self.host,
                input: &self.plan.input,
                send_single: self.plan.send_single,
                stream: &self.stream,
                findings: &self.findings,
            };
            let functions = self.functions.iter_mut();
            let functions = functions.map(|started| &mut started.function);
            play.act(&mut sources, &mut sinks, functions)?;
        }
        self.feed = Arc::new(Feed::new(
            sinks,
            self.plan.send_single,
            Arc::clone(&self.findings),
        ));
        for source in sources {
            self.read(source)?;
        }
        if !matches!(self.plan.input, Input::Sources) {
            let (feed, input) = (Arc::clone(&self.feed), self.plan.input.clone());
            let tell = self.tell.clone();
            spawn("rows", move || {
                let ended = feed.send_all(&input);
                let _ = tell.send(Happening::InputEnded(ended));
            })?;
        }
        Ok(())
    }

    fn start_instance(
        &self,
        order: &Order,
        sinks: &mut Vec<Sink>,
        sources: &mut Vec<Source>,
    ) -> Result<(), HostError> {
        if order.kind == Kind::Sink {
            let started = self.host.start_sink(order.clone(), self.plan.require_ack);
            sinks.extend(self.survive(&order.symbol, started)?);
        } else {
            let started = self.host.start_source(order.clone());
            sources.extend(self.survive(&order.symbol, started)?);
        }
        Ok(())
    }

    fn start_function(&mut self, symbol: &str) -> Result<Started, HostError> {
        let mut function = self.host.function(symbol)?;
        let aggregate = function.is_aggregate()?;
        Ok(Started {
            function,
            aggregate,
            calls: 0,
        })
    }

    /// Notes what one symbol did wrong, so that the others go on; gives back
    /// what ends the run.
    fn survive<T>(
        &self,
        symbol: &str,
        result: Result<T, HostError>,
    ) -> Result<Option<T>, HostError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error @ HostError::Crashed { .. }) => Err(error),
            Err(error) if error.is_finding() => {
                self.findings.report(symbol, &error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Validates and executes each call of the command line.
    fn call_all(&mut self) -> Result<(), HostError> {
        for (index, call) in self.plan.calls.iter().enumerate() {
            let Some(place) = self
                .functions
                .iter()
                .position(|started| started.function.symbol() == call.function)
            else {
                // It refused to start, which has been said.
                continue;
            };
            let context = Context {
                meta: Meta::new(&self.plan.rule, "2_project"),
                func_id: index as u32,
            };
            let outcome = self.call(place, &call.args, &context);
            if self.survive(&call.function, outcome)?.is_some() {
                self.functions[place].calls += 1;
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        place: usize,
        args: &[Value],
        context: &Context,
    ) -> Result<Result<Value, String>, HostError> {
        let function = &mut self.functions[place].function;
        let expressions: Vec<_> = args.iter().enumerate().map(expression).collect();
        match function.validate(&expressions)? {
            Ok(()) => function.exec_in(context, args),
            Err(text) => {
                self.stream.tell(What::Called {
                    function: function.symbol(),
                    args,
                    outcome: Err(&text),
                });
                Ok(Err(text))
            }
        }
    }

    /// Starts a thread that reads a source's rows.
    fn read(&mut self, source: Source) -> Result<(), HostError> {
        let stop = Arc::new(AtomicBool::new(false));
        let counted = Arc::new(AtomicU64::new(0));
        let waker = source.waker();
        let symbol = source.symbol().to_owned();
        let reader = Reader {
            symbol: symbol.clone(),
            source,
            limit: self.plan.count,
            passes_on: matches!(self.plan.input, Input::Sources) && !self.plan.sinks.is_empty(),
            feed: Arc::clone(&self.feed),
            findings: Arc::clone(&self.findings),
            stop: Arc::clone(&stop),
            counted: Arc::clone(&counted),
        };
        let (index, tell) = (self.sources.len(), self.tell.clone());
        let thread = spawn("source", move || {
            let source = reader.run();
            let _ = tell.send(Happening::SourceEnded(index));
            source
        })?;
        self.sources.push(Running {
            symbol,
            stop,
            rows: counted,
            waker,
            thread: Some(thread),
        });
        Ok(())
    }

    /// Waits for the end: of the sources, of the input, of the time, of the
    /// plugin, or a signal.
    fn wait(&mut self) -> Result<(), CliError> {
        let deadline = self.plan.duration.map(|duration| self.started + duration);
        let mut input_ended = matches!(self.plan.input, Input::Sources);
        loop {
            let reads = !self.plan.ends_with_faults()
                && self.sources.iter().any(|running| running.thread.is_some());
            if !reads && input_ended {
                return Ok(());
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
            let tick = self.terminal.has_status().then_some(REDRAW);
            let happening = match left.into_iter().chain(tick).min() {
                None => self.told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(limit) => self.told.recv_timeout(limit),
            };
            match happening {
                Ok(Happening::SourceEnded(index)) => self.stop_source(index)?,
                Ok(Happening::InputEnded(ended)) => {
                    input_ended = true;
                    self.mistakes.extend(ended.err().into_iter().flatten());
                }
                Ok(Happening::PluginEnded) => self.host.check_alive()?,
                Ok(Happening::Signal) => {
                    self.settle = SETTLE_AT_SIGNAL;
                    return Ok(());
                }
                Ok(Happening::StdoutFailed(error)) => return unwritten(error),
                Err(RecvTimeoutError::Timeout) => self.show_status(),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn show_status(&self) {
        let rows: u64 = self.sources.iter().map(Running::count).sum();
        let rate = rows as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let mut text = format!(
            "{}, {} a second",
            summary::count(rows, "row"),
            summary::grouped(rate.round() as u64)
        );
        if !self.plan.sinks.is_empty() {
            text.push_str(&format!(", {} sent", summary::grouped(self.feed.sent())));
        }
        let errors = self.findings.total();
        if errors > 0 {
            text.push_str(&format!(", {}", summary::count(errors, "error")));
        }
        self.terminal.status(text);
    }

    /// Stops all that runs: sources first, so that no row is lost on its way.
    fn stop(&mut self) -> Result<(), CliError> {
        // What ended the run must not end the first stop as well.
        self.host.clear_interrupt();
        match self.stop_all() {
            Ok(()) | Err(HostError::Interrupted) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn stop_all(&mut self) -> Result<(), HostError> {
        let stopped = (0..self.sources.len()).try_for_each(|index| self.stop_source(index));
        let mut sinks = self.feed.take();
        for sink in &mut sinks {
            if stopped.is_ok() {
                sink.settle(self.settle);
            }
            self.ran.push(Line::Sink {
                symbol: sink.symbol().to_owned(),
                sent: sink.sent(),
                acked: sink.acked(),
            });
        }
        stopped?;
        for sink in sinks {
            let symbol = sink.symbol().to_owned();
            let stopped = sink.stop();
            self.survive(&symbol, stopped)?;
        }
        // A function is never stopped: it goes with the process.
        self.host.check_alive()
    }

    /// Closes a source's channel and stops it; once.
    fn stop_source(&mut self, index: usize) -> Result<(), HostError> {
        let running = &mut self.sources[index];
        let symbol = running.symbol.clone();
        if let Some(source) = running.join() {
            self.survive(&symbol, source.stop())?;
        }
        Ok(())
    }

    fn summarize(&mut self) {
        let took = self.started.elapsed();
        let mut ran: Vec<Line> = self
            .sources
            .iter()
            .map(|running| Line::Source {
                symbol: running.symbol.clone(),
                rows: running.count(),
            })
            .collect();
        ran.append(&mut self.ran);
        ran.extend(self.functions.iter().map(|started| Line::Function {
            symbol: started.function.symbol().to_owned(),
            aggregate: started.aggregate,
            calls: started.calls,
        }));
        let release = self.plan.profile.name;
        let errors = self.findings.total();
        for line in summary::lines(&self.plan.plugin, release, &ran, errors, took) {
            self.terminal.say(&line);
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.signals.close();
        for running in &mut self.sources {
            drop(running.join());
        }
    }
}

/// What it means for a run that stdout takes no more.
fn unwritten(error: io::Error) -> Result<(), CliError> {
    match error.kind() {
        // `| head -1`: there is nobody left to print for.
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(CliError::Trouble(format!(
            "cannot write to stdout: {error}"
        ))),
    }
}

/// The syntax tree of an argument: what SQL has no literal for is a column.
fn expression((index, value): (usize, &Value)) -> Expr {
    match value {
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Expr::Literal(value.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => Expr::Column(format!("c{index}")),
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, HostError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|source| HostError::System {
            doing: "start a thread",
            source,
        })
}
