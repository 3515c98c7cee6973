//! Starts what a run needs, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use mock_kuiper::engine::host::AckMode;
use mock_kuiper::engine::wire::{Context, Expr};
use mock_kuiper::{Code, HostError, Kind, Meta, Reply, Source, What};
use serde_json::Value;

use super::state::{Session, Todo, spawn};
use crate::cli::faults::Play;
use crate::cli::happening::Happening;
use crate::cli::input::Input;
use crate::cli::plan::Plan;
use crate::cli::reader::Reader;
use crate::cli::running::{Running, Started};

impl<'a> Session<'a> {
    /// Starts everything, makes the calls, plays the faults and begins to send the
    /// rows of the command line.
    pub(super) fn start_all(&mut self) -> Result<(), HostError> {
        self.started = Instant::now();
        let plan: &'a Plan = self.plan;
        // The sinks come first, so that no row is lost. In a drawn order the
        // functions come first: eKuiper validates a rule before it starts it.
        let mut orders: Vec<_> = plan.sinks.iter().chain(&plan.sources).collect();
        let first = match plan.seeded {
            true => 0,
            false => plan.sinks.len(),
        };
        self.host.shuffle(&mut orders);
        let functions = plan.functions.iter().map(|symbol| Todo::Function(symbol));
        let (before, after) = orders.split_at(first);
        let before = before.iter().map(|order| Todo::Instance(order));
        self.start_each(before.chain(functions).collect())?;
        self.call_all()?;
        let after = after.iter().map(|order| Todo::Instance(order));
        self.start_each(after.collect())?;
        if !plan.faults.is_empty() {
            let play = Play {
                faults: &plan.faults,
                host: &self.host,
                input: &plan.input,
                send_single: plan.send_single,
                stream: &self.stream,
                findings: &self.findings,
            };
            let functions = self.functions.iter_mut();
            let functions = functions.map(|started| &mut started.function);
            let fresh = &mut self.fresh;
            let played = play.act(&mut fresh.sources, &mut fresh.sinks, functions);
            self.cut_fault = matches!(played, Err(HostError::Interrupted));
            played?;
        }
        self.done.faults = true;
        self.set_going()?;
        self.send_input()
    }

    /// Starts in a changed plugin what it refused to start before, and repeats the
    /// calls and the rows of the command line.
    pub(super) fn start_rest(&mut self) -> Result<(), HostError> {
        self.feed.resume();
        let rest = std::mem::take(&mut self.unstarted);
        self.start_each(rest)?;
        self.call_all()?;
        self.set_going()?;
        self.send_input()
    }

    fn start_each(&mut self, todo: Vec<Todo<'a>>) -> Result<(), HostError> {
        for one in todo {
            let started = match one {
                Todo::Instance(order) if order.kind == Kind::Sink => {
                    let sink = self.host.start_sink(order.clone(), AckMode::AsOrdered);
                    let sink = self.survive(sink)?;
                    sink.map(|sink| self.fresh.sinks.push(sink))
                }
                Todo::Instance(order) => {
                    let source = self.host.start_source(order.clone());
                    let source = self.survive(source)?;
                    source.map(|source| self.fresh.sources.push(source))
                }
                Todo::Function(symbol) => {
                    let function = self.start_function(symbol);
                    let function = self.survive(function)?;
                    function.map(|function| self.functions.push(function))
                }
            };
            if started.is_none() {
                self.unstarted.push(one);
            }
        }
        Ok(())
    }

    /// Starts to read the sources and to feed the sinks.
    fn set_going(&mut self) -> Result<(), HostError> {
        let fresh = std::mem::take(&mut self.fresh);
        self.feed.add(fresh.sinks);
        for source in fresh.sources {
            self.read(source)?;
        }
        Ok(())
    }

    /// Begins to send the rows of the command line, unless it has not ended the
    /// last time.
    fn send_input(&mut self) -> Result<(), HostError> {
        if matches!(self.plan.input, Input::Sources) || self.sending {
            return Ok(());
        }
        self.sending = true;
        let (feed, input) = (Arc::clone(&self.feed), self.plan.input.clone());
        let tell = self.tell.clone();
        spawn("rows", move || {
            let ended = feed.send_all(&input);
            let _ = tell.send(Happening::InputEnded(ended));
        })?;
        Ok(())
    }

    fn start_function(&mut self, symbol: &str) -> Result<Started, HostError> {
        let mut function = self.host.function(symbol)?;
        let aggregate = function.is_aggregate()?;
        Ok(Started {
            function,
            aggregate,
            calls: 0,
            errors: 0,
        })
    }

    /// Reports what one symbol did wrong, so that the others go on; returns what
    /// ends the run.
    pub(super) fn survive<T>(&self, result: Result<T, HostError>) -> Result<Option<T>, HostError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(HostError::Finding(finding)) => {
                let is_exit =
                    matches!(finding.code(), Code::PluginExited | Code::PluginExitedEarly);
                if finding.code() == Code::PluginExited && self.watch.is_none() {
                    return Err(HostError::Finding(finding));
                }
                // The exit of one process is reported once.
                if !is_exit || self.watch.is_none() || !self.end_told.replace(true) {
                    self.findings.report(&finding, None);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Validates and executes each call of the command line.
    pub(super) fn call_all(&mut self) -> Result<(), HostError> {
        for (index, call) in self.plan.calls.iter().enumerate() {
            let Some(place) = self
                .functions
                .iter()
                .position(|started| started.function.symbol() == call.function)
            else {
                // It refused to start, which has been reported.
                continue;
            };
            let context = Context {
                meta: Meta::new(&self.plan.rule, "2_project"),
                func_id: index as u32,
            };
            let outcome = self.call(place, &call.args, &context);
            let has_result = self.survive(outcome)?;
            self.done.calls = self.done.calls.max(index + 1);
            let function = &mut self.functions[place];
            function.calls += u64::from(has_result.is_some());
            function.errors += u64::from(has_result == Some(false));
        }
        Ok(())
    }

    /// Validates and executes a call; returns whether it has a result.
    fn call(&mut self, place: usize, args: &[Value], context: &Context) -> Result<bool, HostError> {
        let function = &mut self.functions[place].function;
        match function.validate(&Expr::of_values(args))? {
            Reply::Result(_) => match function.call(context, args) {
                // It cannot be printed, and nothing is wrong with it.
                Err(error) if error.is_too_deep() => {
                    let text = error.to_string();
                    self.stream.tell(What::Note { text: &text });
                    Ok(true)
                }
                answered => Ok(matches!(answered?, Reply::Result(_))),
            },
            Reply::Error(text) => {
                self.stream.tell(What::Called {
                    function: function.symbol(),
                    args,
                    outcome: Err(&text),
                });
                Ok(false)
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
            source,
            limit: self.plan.count,
            passes_on: matches!(self.plan.input, Input::Sources) && !self.plan.sinks.is_empty(),
            feed: Arc::clone(&self.feed),
            findings: Arc::clone(&self.findings),
            outlives: self.watch.is_some() || self.attached,
            attached: self.attached,
            dials_within: self.host.answer_limit(),
            stop: Arc::clone(&stop),
            quits: Arc::clone(&self.quits),
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
}
