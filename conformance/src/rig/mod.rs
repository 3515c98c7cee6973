//! What a check works with: the plugin, a host for it, and its symbols.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mock_kuiper::event::Limits;
use mock_kuiper::host::{
    Builder, Function, Host, HostError, Sink, SinkError, SinkStart, Source, SourceStart,
};
use mock_kuiper::package::{Manifest, Package, Report, check};
use mock_kuiper::symbol::Channel;
use mock_kuiper::wire::{Command, Order, OrderAnswer};
use serde_json::{Map, Value, json};

use crate::Plan;
use crate::requirement::Releases;
use crate::transcript::Transcript;

/// A row that any sink can use.
pub(crate) const ROW: &[u8] = b"[{\"conformance\":1}]";

/// How long rows are sent at most that are to come to a sink in great numbers.
pub(crate) const FLOOD: Duration = Duration::from_secs(15);

/// How long a plugin may take to answer an order, to send a row.
const LIMIT: Duration = Duration::from_secs(10);

/// How long an instance works at least before it is stopped.
const MOMENT: Duration = Duration::from_millis(50);

/// Why a check did not pass.
#[derive(Debug)]
pub enum Stop {
    /// The plugin fell short: what was seen.
    Failed(String),
    /// No row came where one had to; what that means is found out apart.
    NoRow {
        /// What was seen.
        seen: String,
        /// Whether it is what the rule is about.
        reached: bool,
    },
    /// The plugin has nothing that the rule is about.
    NotApplicable(&'static str),
    /// The plugin could not be brought to where the rule is observed.
    NotTestable(String),
    /// Trouble of ours, or of the machine.
    Trouble(String),
}

/// What a check comes to.
pub type Checked = Result<(), Stop>;

impl From<HostError> for Stop {
    fn from(error: HostError) -> Self {
        if matches!(error, HostError::NoRow { .. }) {
            return no_row(error.to_string());
        }
        // A program that cannot be run is the plugin's own.
        if error.is_finding() || matches!(error, HostError::CannotLaunch { .. }) {
            // The limits have other names here.
            let text = error.to_string();
            let text = text.replace("--init-timeout", "--timeout-scale");
            Self::Failed(text.replace("--answer-timeout", "--timeout-scale"))
        } else {
            Self::Trouble(error.to_string())
        }
    }
}

/// That the plugin fell short.
pub(crate) fn failed(seen: impl Into<String>) -> Stop {
    Stop::Failed(seen.into())
}

/// That no row came, where the rule wants one.
pub(crate) fn no_row(seen: impl Into<String>) -> Stop {
    Stop::NoRow {
        seen: seen.into(),
        reached: true,
    }
}

/// What the checks of one run have in common: a plugin that never greets is not
/// waited for again and again, and its files are looked at once.
#[derive(Debug, Default)]
pub(crate) struct Common {
    greeted: AtomicBool,
    silent: OnceLock<String>,
    /// What was found in the plugin's files: a Cargo package is built for it.
    report: OnceLock<Result<Report, String>>,
    /// Whether a sink gives acks.
    acks: OnceLock<bool>,
}

impl Common {
    fn note(&self, launched: &Result<Host, HostError>) {
        match launched {
            Ok(_) => self.greeted.store(true, Ordering::Relaxed),
            Err(error @ HostError::NoGreeting { .. }) => {
                let _ = self.silent.set(error.to_string());
            }
            Err(_) => {}
        }
    }

    fn is_silent(&self) -> bool {
        !self.greeted.load(Ordering::Relaxed) && self.silent.get().is_some()
    }
}

/// Whether an order was carried out, by its answer.
pub(crate) fn carried_out(answer: &str, command: Command, order: &Order) -> Checked {
    match OrderAnswer::parse(answer.as_bytes()) {
        OrderAnswer::Done => Ok(()),
        _ => Err(failed(format!(
            "{} of `{}` was answered with `{answer}`, not `ok`",
            command.name(),
            order.symbol
        ))),
    }
}

/// The plugin, launched as often as a check asks for it.
#[derive(Debug)]
pub struct Bench<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) transcript: Arc<Transcript>,
    common: &'a Common,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(plan: &'a Plan, common: &'a Common) -> Self {
        Self {
            plan,
            transcript: Arc::new(Transcript::new(plan.secrets.clone(), plan.profile)),
            common,
        }
    }

    /// The same with a transcript of its own.
    pub(crate) fn apart(&self) -> Self {
        Self::new(self.plan, self.common)
    }

    /// What eKuiper's install would find in the plugin's files.
    pub(crate) fn report(&self) -> Result<&Report, Stop> {
        let look = || {
            let looked = check(&self.plan.plugin, &self.plan.build);
            let report = looked.map(|looked| looked.report().clone());
            report.map_err(|error| error.to_string())
        };
        let report = self.common.report.get_or_init(look);
        report.as_ref().map_err(|text| Stop::Trouble(text.clone()))
    }

    /// A time, as long as `--timeout-scale` makes it.
    pub(crate) fn scaled(&self, time: Duration) -> Duration {
        time.mul_f64(self.plan.timeout_scale)
    }

    /// A time in which nothing may come: it is never made shorter, or what comes
    /// would be missed.
    pub(crate) fn quiet(&self, time: Duration) -> Duration {
        time.mul_f64(self.plan.timeout_scale.max(1.0))
    }

    pub(crate) fn limit(&self) -> Duration {
        self.scaled(LIMIT)
    }

    fn package(&self) -> Result<&Arc<Package>, Stop> {
        let package = self.plan.package.as_ref();
        package.map_err(|reason| Stop::NotTestable(reason.clone()))
    }

    /// What the plugin says of itself.
    pub(crate) fn manifest(&self) -> Result<&Manifest, Stop> {
        Ok(self.package()?.manifest())
    }

    /// How the plugin is launched: in a `/tmp` of its own where that is possible.
    pub(crate) fn builder(&self) -> Result<Builder, Stop> {
        let host = Host::builder()
            .package(Arc::clone(self.package()?))
            .release(self.plan.profile.name)
            .python(&self.plan.python)
            .init_timeout(self.scaled(self.plan.profile.init_timeout))
            .answer_timeout(self.limit())
            .record(Limits::NONE)
            .observer(Arc::clone(&self.transcript) as _)
            .isolated_or_in_turn();
        let environment = self.plan.environment.iter();
        Ok(environment.fold(host, |host, (name, value)| host.env(name, value)))
    }

    /// Common it for a check that is not about launching.
    pub(crate) fn host(&self) -> Result<Host, Stop> {
        self.launch(self.builder()?).map_err(not_reached)
    }

    /// Common it so.
    pub(crate) fn launch(&self, builder: Builder) -> Result<Host, Stop> {
        if self.common.is_silent() {
            let text = "it was not launched again: it never greeted, see CTL-01";
            return Err(Stop::NotTestable(text.to_owned()));
        }
        let launched = builder.launch();
        self.common.note(&launched);
        Ok(launched?)
    }

    fn config(&self, symbol: &str) -> Value {
        let config = self.plan.configs.get(symbol).cloned();
        Value::Object(config.unwrap_or_default())
    }

    /// The properties of a source or sink: those of its yaml, and the user's.
    pub(crate) fn properties(&self, symbol: &str) -> Result<Map<String, Value>, Stop> {
        let mut properties = Map::new();
        let package = self.package()?;
        if package.manifest().sources.iter().any(|name| name == symbol) {
            // One that cannot be read is ignored, as eKuiper does.
            properties = package.source_config(symbol, None).unwrap_or_default();
        }
        properties.extend(self.plan.configs.get(symbol).cloned().unwrap_or_default());
        Ok(properties)
    }

    pub(crate) fn source_name(&self) -> Result<&str, Stop> {
        let sources = &self.manifest()?.sources;
        first(sources, "the plugin has no source")
    }

    pub(crate) fn sink_name(&self) -> Result<&str, Stop> {
        let sinks = &self.manifest()?.sinks;
        first(sinks, "the plugin has no sink")
    }

    pub(crate) fn function_name(&self) -> Result<&str, Stop> {
        let functions = &self.manifest()?.functions;
        first(functions, "the plugin has no function")
    }

    /// Lets an instance that was just started work for a moment, so that its stop
    /// does not come sooner than eKuiper's: the soonest recorded came 22 ms
    /// after the start was answered. The Python SDK knows an instance only once
    /// its thread runs, and passes over a stop that comes before.
    ///
    /// Source: ekuiper-1.14.7-go.jsonl, rule `g1`.
    pub(crate) fn let_work(&self) {
        std::thread::sleep(self.quiet(MOMENT));
    }

    /// Starts a source under a rule, and lets it work for a moment.
    pub(crate) fn start_source(
        &self,
        host: &Host,
        symbol: &str,
        rule: &str,
    ) -> Result<Source, HostError> {
        self.start_source_in(host, symbol, (rule, "stream"))
    }

    /// The same as an operator of the rule.
    pub(crate) fn start_source_in(
        &self,
        host: &Host,
        symbol: &str,
        (rule, op): (&str, &str),
    ) -> Result<Source, HostError> {
        let source = self.describe_source(host, symbol);
        let source = source.within(rule, op).start()?;
        self.let_work();
        Ok(source)
    }

    /// The start of a source with the properties that it needs; a property
    /// `datasource` is the stream's.
    pub(crate) fn describe_source<'h>(&self, host: &'h Host, symbol: &str) -> SourceStart<'h> {
        let config = self.config(symbol);
        let source = host.source(symbol);
        let source = match config["datasource"].as_str() {
            Some(datasource) => source.datasource(datasource),
            None => source,
        };
        source.config(config)
    }

    /// Whether a sink acknowledges rows, and the release reads it. One that never
    /// does falls short of SNK-03, and all else is observed without its acks.
    pub(crate) fn has_acks(&self) -> bool {
        let gives = || {
            let given = self.apart().gives_an_ack();
            // What is wrong with its start is found where it is started.
            given.unwrap_or(true)
        };
        Releases::WithAcks.has(self.plan.profile) && *self.common.acks.get_or_init(gives)
    }

    /// Tries it on a process of its own.
    fn gives_an_ack(&self) -> Result<bool, Stop> {
        let host = self.host()?;
        let mut sink = self.acking_sink(&host)?;
        sink.send_bytes(ROW)?;
        match sink.ack(self.limit()) {
            Err(error) => Ok(!is_no_ack(&error)),
            Ok(_) => Ok(true),
        }
    }

    /// What a rule about acks alone needs.
    pub(crate) fn acks(&self) -> Checked {
        match self.has_acks() {
            true => Ok(()),
            false => Err(Stop::NotApplicable("it gives no acks, see SNK-03")),
        }
    }

    /// Starts a sink under a rule, with acks where there are any, and lets it
    /// work for a moment.
    pub(crate) fn start_sink(
        &self,
        host: &Host,
        symbol: &str,
        rule: &str,
    ) -> Result<Sink, HostError> {
        self.start_sink_in(host, symbol, (rule, &format!("{symbol}_0")))
    }

    /// The same as an operator of the rule.
    pub(crate) fn start_sink_in(
        &self,
        host: &Host,
        symbol: &str,
        (rule, op): (&str, &str),
    ) -> Result<Sink, HostError> {
        let sink = self.describe_sink(host, symbol).within(rule, op);
        let sink = match self.has_acks() {
            true => sink.require_ack().start()?,
            false => sink.start()?,
        };
        self.let_work();
        Ok(sink)
    }

    fn describe_sink<'h>(&self, host: &'h Host, symbol: &str) -> SinkStart<'h> {
        host.sink(symbol).config(self.config(symbol))
    }

    fn describe_first_sink<'h>(&self, host: &'h Host) -> Result<SinkStart<'h>, Stop> {
        let symbol = self.sink_name()?;
        let sink = self.describe_sink(host, symbol);
        Ok(sink.within("rule", format!("{symbol}_0")))
    }

    /// The first sink, running with `requireAck`, whether or not it gives acks.
    pub(crate) fn acking_sink(&self, host: &Host) -> Result<Sink, Stop> {
        let sink = self.describe_first_sink(host)?.require_ack();
        sink.start().map_err(not_testable)
    }

    /// The first sink, running without `requireAck`: nobody reads its acks.
    pub(crate) fn unread_sink(&self, host: &Host) -> Result<Sink, Stop> {
        let sink = self.describe_first_sink(host)?;
        sink.start().map_err(not_testable)
    }

    /// The first source, running, for a check that is not about its start.
    pub(crate) fn source(&self, host: &Host) -> Result<Source, Stop> {
        let source = self.start_source(host, self.source_name()?, "rule");
        source.map_err(not_testable)
    }

    /// The same of a source that gives rows.
    pub(crate) fn flowing_source(&self, host: &Host) -> Result<Source, Stop> {
        let mut source = self.source(host)?;
        source.next(self.limit()).map_err(not_testable)?;
        Ok(source)
    }

    /// The first sink, running.
    pub(crate) fn sink(&self, host: &Host) -> Result<Sink, Stop> {
        let sink = self.start_sink(host, self.sink_name()?, "rule");
        sink.map_err(not_testable)
    }

    /// The first function, running.
    pub(crate) fn function(&self, host: &Host) -> Result<Function, Stop> {
        host.function(self.function_name()?).map_err(not_testable)
    }

    /// The first source or sink, or a function where there is neither: what
    /// orders are about. Gives the start that it had.
    pub(crate) fn anything(&self, host: &Host) -> Result<(Running, Order), Stop> {
        if self.source_name().is_ok() {
            let source = self.source(host)?;
            let order = source.order().clone();
            return Ok((Running::Source(source), order));
        }
        if self.sink_name().is_ok() {
            let sink = self.sink(host)?;
            let order = sink.order().clone();
            return Ok((Running::Sink(sink), order));
        }
        let function = self.function(host)?;
        let order = Order::function(function.symbol());
        Ok((Running::Function(function), order))
    }

    /// Looks whether one connection stands on a channel, and no more.
    pub(crate) fn one_connection(&self, channel: &Channel) -> Checked {
        match self.transcript.open(channel.name()) {
            0 | 1 => Ok(()),
            open => Err(failed(format!(
                "{open} connections stand on {channel}, as if it had been started {open} times"
            ))),
        }
    }

    /// Sends an order that has to be answered with `ok`.
    pub(crate) fn order_ok(&self, host: &Host, command: Command, order: &Order) -> Checked {
        carried_out(&host.order(command, order)?, command, order)
    }

    /// Sends bytes that have to be refused, and looks whether the plugin goes
    /// on.
    pub(crate) fn refused(&self, host: &Host, what: &str, bytes: &[u8]) -> Checked {
        let answer = host.order_bytes(bytes).map_err(|error| match error {
            HostError::NoAnswer { limit, .. } => {
                failed(format!("{what} was not answered within {limit:?}"))
            }
            other => other.into(),
        })?;
        match OrderAnswer::parse(&answer) {
            OrderAnswer::Done => Err(failed(format!("{what} was answered with `ok`"))),
            OrderAnswer::Greeting(_) => Err(failed(format!(
                "{what} was answered with `{}`, which begins with `h`: eKuiper takes it for a \
                 greeting and sends the order again",
                String::from_utf8_lossy(&answer)
            ))),
            _ => Ok(()),
        }
    }
}

/// Something that runs, for as long as it is held.
#[derive(Debug)]
#[expect(dead_code, reason = "held for its channels alone")]
pub(crate) enum Running {
    Source(Source),
    Sink(Sink),
    Function(Function),
}

/// The bytes of an order; `argument` is encoded twice, as eKuiper does.
pub(crate) fn order_bytes(command: &str, argument: &Value) -> Vec<u8> {
    json!({"cmd": command, "arg": argument.to_string()})
        .to_string()
        .into_bytes()
}

/// That a plugin does not even come to where a rule is observed.
pub(crate) fn not_testable(error: HostError) -> Stop {
    not_reached(error.into())
}

/// The same of what another rule is about.
pub(crate) fn not_reached(stop: Stop) -> Stop {
    match stop {
        Stop::Failed(seen) => Stop::NotTestable(seen),
        Stop::NoRow { seen, .. } => Stop::NoRow {
            seen,
            reached: false,
        },
        other => other,
    }
}

/// What was wrong with a sink.
fn of_sink(error: &HostError) -> Option<&SinkError> {
    match error {
        HostError::Sink { source, .. } => Some(source),
        _ => None,
    }
}

/// Whether no ack came.
pub(crate) fn is_no_ack(error: &HostError) -> bool {
    matches!(of_sink(error), Some(SinkError::NoAck { .. }))
}

/// Whether an ack said that the row failed.
pub(crate) fn is_failed_row(error: &HostError) -> bool {
    matches!(of_sink(error), Some(SinkError::Failed { .. }))
}

/// Sends a row, and gives whether it is taken within eKuiper's limit: a slow sink
/// takes one later, which is no block.
pub(crate) fn takes_in_time(sink: &mut Sink, row: &[u8]) -> Result<bool, HostError> {
    const LATER: u32 = 3;
    let mut tries = 0;
    loop {
        let error = match sink.send_bytes(row) {
            Ok(_) => return Ok(tries == 0),
            Err(error) => error,
        };
        let is_late = matches!(of_sink(&error), Some(SinkError::NotTaken { .. }));
        if !is_late || tries == LATER {
            return Err(error);
        }
        tries += 1;
    }
}

fn first<'n>(names: &'n [String], missing: &'static str) -> Result<&'n str, Stop> {
    let name = names.first().map(String::as_str);
    name.ok_or(Stop::NotApplicable(missing))
}
