//! One round: launches the plugin, and measures everything once.

use std::collections::BTreeMap;
use std::sync::Arc;

use mock_kuiper::engine::call::Call;
use mock_kuiper::engine::foreign;
use mock_kuiper::engine::wire::{Context, Expr};
use mock_kuiper::{Event, Function, HostError, Meta, Observer, Reply, What};

use super::measure_args::MeasureArgs;
use super::meter::{Sample, Unit};
use super::metric::Metric;
use super::stage::{Failure, Findings, Stage};
use super::workload::{Task, Workload};
use super::{sink, source, trips};
use crate::cli::advice;
use crate::cli::interrupt::Interrupt;
use crate::cli::terminal::Terminal;

/// What all rounds have in common.
pub(super) struct Round<'a> {
    pub(super) args: &'a MeasureArgs,
    pub(super) workload: &'a Workload,
    pub(super) terminal: &'a Arc<Terminal>,
    pub(super) interrupt: &'a Interrupt,
    pub(super) findings: &'a Findings,
}

/// The result of a round.
pub(super) struct Samples {
    /// Of the process group.
    pub(super) plugin: Sample,
    /// Of each task, in the order of the tasks.
    pub(super) tasks: Vec<Option<Sample>>,
}

/// Shows processes that were turned away: they may be why the host waits in vain.
struct Strangers(Arc<Terminal>);

impl Observer for Strangers {
    fn event(&self, event: &Event<'_>) {
        if matches!(event.what, What::TurnedAway { .. }) {
            self.0.event(event);
        }
    }
}

impl Round<'_> {
    /// Launches the plugin and measures it. A task that cannot be measured gets
    /// its reason in `given_up`, and is not tried again.
    ///
    /// # Errors
    ///
    /// What ends a bench: the plugin's exit, a signal, an internal or system error.
    pub(super) fn run(
        &self,
        number: usize,
        given_up: &mut [Option<String>],
    ) -> Result<Samples, HostError> {
        self.show(number, "launch");
        let builder = self.args.host.builder(Arc::clone(&self.workload.package));
        let strangers = Arc::new(Strangers(Arc::clone(self.terminal)));
        let builder = builder.observer(strangers);
        let host = builder.interrupted_by(self.interrupt.came()).spawn()?;
        self.interrupt.concerns(&host);
        host.wait_greeting()?;
        let greeting = host.time_to_greeting().unwrap_or_default();
        let at_rest = host.usage()?.memory;
        let mut functions = BTreeMap::new();
        let mut tasks = Vec::new();
        for (task, given_up) in self.workload.tasks.iter().zip(given_up) {
            let mut sample = None;
            if given_up.is_none() {
                self.show(number, &task.subject().to_string());
                let stage = Stage {
                    host: &host,
                    time: self.args.time,
                    interrupt: self.interrupt,
                    findings: self.findings,
                    symbol: task.symbol(),
                };
                match self.measure(&stage, task, &mut functions) {
                    Ok(measured) => sample = Some(measured),
                    Err(failure) => *given_up = Some(look_into(&stage, failure)?),
                }
            }
            tasks.push(sample);
        }
        self.interrupt.check()?;
        let plugin = vec![
            (Metric::TimeToGreetingUs, greeting.as_secs_f64() * 1e6),
            (Metric::MemoryAtRestBytes, at_rest as f64),
            (Metric::MemoryPeakBytes, host.usage()?.peak_memory as f64),
        ];
        Ok(Samples { plugin, tasks })
    }

    fn show(&self, number: usize, what: &str) {
        let rounds = self.args.rounds;
        self.terminal
            .status(format!("round {number} of {rounds}: {what}"));
    }

    fn measure(
        &self,
        stage: &Stage<'_>,
        task: &Task,
        functions: &mut BTreeMap<String, Function>,
    ) -> Result<Sample, Failure> {
        let rows = &self.workload.rows;
        match task {
            Task::Source(order) => source::measure(stage, order),
            Task::Sink {
                order,
                require_ack: false,
            } => sink::measure(stage, order, rows),
            Task::Sink { order, .. } => sink::measure_acked(stage, order, rows),
            Task::Function { call, number } => {
                if !functions.contains_key(&call.function) {
                    let function = stage.host.function(&call.function)?;
                    functions.insert(call.function.clone(), function);
                }
                let context = Context {
                    meta: Meta::new(&self.args.symbols.rule, "2_project"),
                    func_id: *number,
                };
                match functions.get_mut(&call.function) {
                    Some(function) => measure_calls(stage, function, call, &context),
                    None => Err(Failure::Unmeasured("it was not started".to_owned())),
                }
            }
        }
    }
}

/// Says why something was not measured, if that is the plugin's fault, and gives
/// it back in short; fails where nothing else can be measured either.
fn look_into(stage: &Stage<'_>, failure: Failure) -> Result<String, HostError> {
    let text = match failure {
        Failure::Unmeasured(text) => return Ok(text),
        Failure::Finding(text) => text,
        Failure::Host(error) if error.is_too_deep() => return Ok(error.to_string()),
        Failure::Host(error) if error.is_exit() => return Err(error),
        Failure::Host(HostError::Finding(finding)) => advice::finding(&finding, None),
        Failure::Host(error) => return Err(error),
    };
    stage.report(&text);
    Ok("see the error".to_owned())
}

/// Validates a call, then makes it repeatedly.
fn measure_calls(
    stage: &Stage<'_>,
    function: &mut Function,
    call: &Call,
    context: &Context,
) -> Result<Sample, Failure> {
    let failed = |text: String| {
        Failure::Finding(format!(
            "{} answered {call} with an error: {}; only calls that succeed are measured: change \
             the --call, or fix the function",
            stage.symbol,
            foreign::in_sentence(&text)
        ))
    };
    let demand_result = |reply| match reply {
        Reply::Result(_) => Ok(()),
        Reply::Error(text) => Err(failed(text)),
    };
    demand_result(function.validate(&Expr::of_values(&call.args))?)?;
    trips::measure(stage, Unit::Call, || {
        demand_result(function.call(context, &call.args)?)
    })
}
