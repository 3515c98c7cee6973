//! The rig itself: the plugin's files, its launch, and the names of its symbols.

use std::sync::Arc;
use std::time::Duration;

use mock_kuiper::engine::package::{CheckReport, Manifest, check};
use mock_kuiper::{Builder, Channel, Function, Host, Kind, Limits, Package, Release, Symbol};
use serde_json::{Map, Value};

use super::launches::Launches;
use super::run_state::RunState;
use crate::checked::{Checked, NotPassed, failed, untested, untested_because};
use crate::limits::{ANSWER, MOMENT};
use crate::plan::Plan;
use crate::transcript::Transcript;
use crate::verdict::Cause;

/// By how many bytes a plugin may grow before it is stopped.
const GROWTH: u64 = 256 << 20;

/// The test rig of one check.
#[derive(Debug)]
pub(crate) struct Rig<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) transcript: Arc<Transcript>,
    pub(super) run: &'a RunState,
    pub(crate) launches: Arc<Launches>,
    /// The symbol that the check is tried on, if it is about one symbol.
    pub(crate) focus: Option<Symbol>,
}

impl<'a> Rig<'a> {
    pub(crate) fn new(plan: &'a Plan, run: &'a RunState) -> Self {
        Self {
            plan,
            transcript: Arc::new(Transcript::new(plan.secrets.clone(), plan.profile)),
            run,
            launches: Arc::default(),
            focus: None,
        }
    }

    /// Makes a rig with a transcript of its own, for a question aside.
    pub(super) fn aside(&self) -> Self {
        Self {
            launches: Arc::clone(&self.launches),
            focus: self.focus.clone(),
            ..Self::new(self.plan, self.run)
        }
    }

    /// Returns the release that is played.
    pub(crate) fn release(&self) -> &'static Release {
        self.plan.profile
    }

    /// Stretches a time by `--timeout-scale`.
    pub(crate) fn scaled(&self, time: Duration) -> Duration {
        time.mul_f64(self.plan.timeout_scale)
    }

    /// Stretches a time in which nothing may come. It is never shortened, or
    /// what comes would be missed.
    pub(crate) fn quiet(&self, time: Duration) -> Duration {
        self.plan.lengthened(time)
    }

    /// Returns how long the plugin may take to answer an order, to send a row
    /// or to send an ack.
    pub(crate) fn limit(&self) -> Duration {
        self.scaled(ANSWER)
    }

    /// Returns what eKuiper's installer finds in the plugin's files.
    pub(crate) fn report(&self) -> Result<&CheckReport, NotPassed> {
        let examine = || {
            let checked = check(&self.plan.plugin, &self.plan.build);
            let report = checked.map(|checked| checked.report().clone());
            report.map_err(|error| error.to_string())
        };
        let report = self.run.report.get_or_init(examine);
        report
            .as_ref()
            .map_err(|text| NotPassed::Error(text.clone()))
    }

    pub(super) fn package(&self) -> Result<&Arc<Package>, NotPassed> {
        self.plan.package.as_ref().map_err(|reason| {
            let cause = Cause {
                text: "the plugin's files are invalid".to_owned(),
                see: "PKG",
            };
            untested_because(reason.clone(), cause)
        })
    }

    /// Returns the plugin's JSON file.
    pub(crate) fn manifest(&self) -> Result<&Manifest, NotPassed> {
        Ok(self.package()?.manifest())
    }

    /// Returns a builder that launches the plugin in a `/tmp` of its own if the
    /// system allows it.
    pub(crate) fn builder(&self) -> Result<Builder, NotPassed> {
        let host = Host::builder(Arc::clone(self.package()?))
            .release(self.plan.profile.name)
            .python(&self.plan.python)
            .init_timeout(self.scaled(self.plan.profile.init_timeout))
            .answer_timeout(self.limit())
            .record(Limits::NONE)
            .growth_limit(GROWTH)
            .observer(Arc::clone(&self.transcript) as _)
            .observer(self.launches.observer());
        let environment = self.plan.environment.iter();
        Ok(environment.fold(host, |host, (name, value)| host.env(name, value)))
    }

    /// Launches the plugin for a check that is not about the launch.
    pub(crate) fn host(&self) -> Result<Host, NotPassed> {
        let launched = self.launch(self.builder()?);
        launched.map_err(NotPassed::into_untested)
    }

    /// Launches the plugin and waits for its greeting. A plugin that never
    /// greeted in another check is not launched again.
    pub(crate) fn launch(&self, builder: Builder) -> Result<Host, NotPassed> {
        let _pass = self.run.gate.enter();
        if self.run.is_silent() {
            let cause = Cause {
                text: "the plugin sent no greeting".to_owned(),
                see: "CTL-01",
            };
            return Err(untested_because(
                "the plugin was not launched again, because it never greeted",
                cause,
            ));
        }
        if self.launches.is_over() {
            return Err(failed("the check has reached its limit"));
        }
        let launched = builder.launch();
        self.run.note(&launched);
        Ok(launched?)
    }

    /// Returns the properties that the user gives a symbol.
    pub(super) fn config(&self, symbol: &str) -> Value {
        let config = self.plan.configs.get(symbol).cloned();
        Value::Object(config.unwrap_or_default())
    }

    /// Returns the properties of a source or sink: those of its YAML file,
    /// overlaid by those that the user gives.
    pub(crate) fn properties(&self, symbol: &str) -> Result<Map<String, Value>, NotPassed> {
        let mut properties = Map::new();
        let package = self.package()?;
        if package.manifest().sources.iter().any(|name| name == symbol) {
            // Like eKuiper, ignore a file that cannot be read.
            let read = package.source_config(symbol, None, self.release());
            properties = read.unwrap_or_default().properties;
        }
        properties.extend(self.plan.configs.get(symbol).cloned().unwrap_or_default());
        Ok(properties)
    }

    /// Returns the names of the sources that are examined, each once.
    pub(crate) fn sources(&self) -> Result<Vec<&str>, NotPassed> {
        self.package()?;
        Ok(self.plan.examined(Kind::Source).names)
    }

    /// Returns the names of the sinks that are examined, each once.
    pub(crate) fn sinks(&self) -> Result<Vec<&str>, NotPassed> {
        self.package()?;
        Ok(self.plan.examined(Kind::Sink).names)
    }

    /// Returns the names of the functions that are examined, each once.
    pub(crate) fn functions(&self) -> Result<Vec<&str>, NotPassed> {
        self.package()?;
        Ok(self.plan.examined(Kind::Function).names)
    }

    /// Returns the name of the source that the check is about, otherwise of the
    /// first one.
    pub(crate) fn source_name(&self) -> Result<&str, NotPassed> {
        self.name(Kind::Source, "the plugin has no source")
    }

    /// Returns the name of the sink that the check is about, otherwise of the
    /// first one.
    pub(crate) fn sink_name(&self) -> Result<&str, NotPassed> {
        self.name(Kind::Sink, "the plugin has no sink")
    }

    /// Returns the name of the function that the check is about, otherwise of
    /// the first one.
    pub(crate) fn function_name(&self) -> Result<&str, NotPassed> {
        self.name(Kind::Function, "the plugin has no function")
    }

    fn name(&self, kind: Kind, missing: &'static str) -> Result<&str, NotPassed> {
        self.package()?;
        match &self.focus {
            Some(focus) if focus.kind == kind => return Ok(&focus.name),
            _ => {}
        }
        let missing = match self.plan.symbols.is_empty() {
            true => missing,
            false => "no symbol of this kind is selected",
        };
        let examined = self.plan.examined(kind);
        let name = examined.names.first().copied();
        name.ok_or(NotPassed::NotApplicable(missing))
    }

    /// Lets an instance work for a moment after its start, so that its stop does
    /// not come sooner than eKuiper's. In the recordings the earliest stop comes
    /// 22 ms after the answer to the start. The Python SDK knows an instance only
    /// once its thread runs, and ignores a stop that comes before.
    ///
    /// Source: ekuiper-1.14.7-go.jsonl, rule `g1`.
    pub(crate) fn let_work(&self) {
        std::thread::sleep(self.quiet(MOMENT));
    }

    /// Starts the first function.
    pub(crate) fn function(&self, host: &Host) -> Result<Function, NotPassed> {
        host.function(self.function_name()?).map_err(untested)
    }

    /// Fails if more than one connection is open on a channel.
    pub(crate) fn one_connection(&self, channel: &Channel) -> Checked {
        match self.transcript.open(channel) {
            0 | 1 => Ok(()),
            open => Err(failed(format!(
                "{open} connections are open on {channel}, as if it had been started {open} times"
            ))),
        }
    }
}
