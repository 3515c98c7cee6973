//! One plugin on the desk: its process, what runs in it, and how it is described.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mock_kuiper::{AttachCommand, Function, Host, HostError, Kind, Package, Release, What};

use super::gate::{Busy, Gate, Inside};
use super::instance::Instance;
use super::offered::Offered;
use super::problem::Problem;
use super::steps::Steps;
use super::watcher::Watcher;
use crate::cli::host_args::HostArgs;

/// How long a request waits until it may use the plugin.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long those inside may take to leave when the plugin is ended.
const LEAVING: Duration = Duration::from_secs(15);

/// How long they may take before their waits are ended, again and again.
const HURRY: Duration = Duration::from_millis(200);

/// How long rows may take when a sink is stopped.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// How long the plugin may take for all stops together when it is ended.
const STOPPING: Duration = Duration::from_secs(5);

/// How long the threads of sources may take to end before the plugin is killed.
const READING: Duration = Duration::from_secs(2);

/// A plugin on the desk.
pub(in crate::cli::serve) struct Plugin {
    pub(super) path: PathBuf,
    pub(super) package: Arc<Package>,
    pub(super) args: Arc<HostArgs>,
    pub(in crate::cli::serve) watcher: Arc<Watcher>,
    pub(super) symbols: Vec<Offered>,
    gate: Arc<Gate>,
    live: Mutex<Live>,
    /// Held while a function is started.
    pub(super) starting: Mutex<()>,
    /// Held while a source or sink is started.
    placing: Mutex<()>,
}

/// What changes.
pub(super) struct Live {
    pub(super) release: &'static Release,
    pub(super) host: Option<Arc<Host>>,
    phase: Phase,
    /// Why the plugin does not run, although it should.
    pub(super) finding: Option<Problem>,
    pub(super) instances: BTreeMap<String, Arc<Instance>>,
    pub(super) functions: BTreeMap<String, Arc<Mutex<Function>>>,
    pub(super) aggregates: BTreeMap<String, bool>,
    /// What was done since the launch.
    pub(super) steps: Steps,
}

/// What the plugin is meant to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is not meant to run.
    Stopped,
    /// It is launched, or another process replaces its own.
    Starting,
    /// It is meant to run.
    Up,
}

impl Plugin {
    pub(super) fn new(path: &Path, package: Package, args: &Arc<HostArgs>) -> Self {
        Self {
            symbols: Offered::all(&package),
            path: path.to_owned(),
            package: Arc::new(package),
            args: Arc::clone(args),
            watcher: Arc::new(Watcher::new()),
            gate: Arc::default(),
            starting: Mutex::default(),
            placing: Mutex::default(),
            live: Mutex::new(Live {
                release: args.release(),
                host: None,
                phase: Phase::Stopped,
                finding: None,
                instances: BTreeMap::new(),
                functions: BTreeMap::new(),
                aggregates: BTreeMap::new(),
                steps: Steps::default(),
            }),
        }
    }

    pub(in crate::cli::serve) fn name(&self) -> &str {
        &self.package.manifest().name
    }

    /// Returns the name of the plugin's state, and why it does not run although it
    /// should.
    pub(super) fn state(&self) -> (&'static str, Option<Problem>) {
        let seen = self.watcher.process();
        let live = self.live();
        match live.phase {
            Phase::Stopped => ("stopped", None),
            Phase::Starting => ("starting", None),
            Phase::Up if live.finding.is_some() => ("exited", live.finding.clone()),
            Phase::Up if self.args.attach => {
                let host = live.host.as_ref();
                match host.is_some_and(|host| host.time_to_greeting().is_some()) {
                    true => ("running", None),
                    false => ("waiting", None),
                }
            }
            Phase::Up if live.host.as_ref().is_some_and(|host| host.has_crashed()) => {
                let host = live.host.clone();
                drop(live);
                let exit = host.and_then(|host| host.check_alive().err());
                match exit.map(|exit| self.found(exit)) {
                    // Another process replaces it.
                    None => ("starting", None),
                    Some(problem) => {
                        self.live().finding = Some(problem.clone());
                        ("exited", Some(problem))
                    }
                }
            }
            Phase::Up if !seen.has_greeted || seen.pid.is_none() => ("starting", None),
            Phase::Up => ("running", None),
        }
    }

    /// Finds an instance.
    pub(in crate::cli::serve) fn instance(&self, id: &str) -> Result<Arc<Instance>, Problem> {
        let live = self.live();
        live.instances.get(id).map(Arc::clone).ok_or_else(|| {
            let known: Vec<_> = live.instances.keys().map(|id| format!("`{id}`")).collect();
            let known = match known.is_empty() {
                true => "nothing runs".to_owned(),
                false => format!("there are {}", known.join(", ")),
            };
            Problem::not_found(format!(
                "plugin `{}` has no instance `{}`; {known}",
                self.name(),
                mock_kuiper::engine::foreign::in_sentence(id)
            ))
        })
    }

    /// Finds a source that runs.
    pub(in crate::cli::serve) fn source(&self, id: &str) -> Result<Arc<Instance>, Problem> {
        let instance = self.instance(id)?;
        match instance.kind() {
            Kind::Source => Ok(instance),
            _ => Err(
                Problem::conflict(format!("`{id}` is a sink: it sends no rows"))
                    .advise("send it rows: POST to the same path"),
            ),
        }
    }

    /// Whether nothing can be started any more, and nothing runs.
    pub(in crate::cli::serve) fn has_ended(&self) -> bool {
        self.live().host.is_none()
    }

    /// Checks that the plugin has a symbol.
    pub(super) fn check_symbol(&self, kind: Kind, name: &str) -> Result<(), Problem> {
        let names = self.symbols.iter().filter(|symbol| symbol.kind == kind);
        let names: Vec<_> = names.map(|symbol| &*symbol.name).collect();
        if names.contains(&name) {
            return Ok(());
        }
        let known: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let known = match known.is_empty() {
            true => format!("it has no {kind}"),
            false => format!("it has {}", known.join(", ")),
        };
        let text = format!(
            "plugin `{}` has no {kind} `{}`; {known}",
            self.name(),
            mock_kuiper::engine::foreign::in_sentence(name)
        );
        Err(Problem::not_found(text))
    }

    /// Launches the plugin, unless it runs. Whatever an earlier process had is
    /// forgotten.
    pub(in crate::cli::serve) fn start(&self) -> Result<(), Problem> {
        let _inside = self.alone("start", PATIENCE)?;
        self.launch_unless_running()
    }

    /// Stops all symbols, and ends the process.
    pub(in crate::cli::serve) fn stop(&self) -> Result<(), Problem> {
        let _inside = self.alone_at_last("stop")?;
        self.take_down();
        self.live().phase = Phase::Stopped;
        Ok(())
    }

    /// Kills the process, as somebody else would.
    pub(in crate::cli::serve) fn kill(&self) -> Result<(), Problem> {
        self.check_launched("kill it")?;
        let host = self.live().host.clone();
        let host = host.ok_or_else(|| self.not_running())?;
        host.check_alive()?;
        host.crash()?;
        Ok(())
    }

    /// Replaces the process, as eKuiper does when the plugin is updated.
    pub(in crate::cli::serve) fn reload(&self) -> Result<(), Problem> {
        self.check_launched("replace it")?;
        let _inside = self.alone("reload", PATIENCE)?;
        let host = self.live().host.clone();
        let host = host.ok_or_else(|| self.not_running())?;
        let mut live = self.live();
        live.finding = None;
        live.phase = Phase::Starting;
        drop(live);
        let reloaded = host.reload();
        self.launched(reloaded)
    }

    /// Launches the plugin again as another release would.
    pub(in crate::cli::serve) fn set_release(
        &self,
        release: &'static Release,
    ) -> Result<(), Problem> {
        if self.args.attach {
            let text = format!(
                "you start plugin `{}` yourself, and your process is driven as eKuiper {}: another \
                 release needs a process of its own",
                self.name(),
                self.live().release.name
            );
            let advice = format!(
                "end the server, start it again with --host {}, and start the plugin again",
                release.name
            );
            return Err(Problem::conflict(text).advise(advice));
        }
        let _inside = self.alone_at_last("another release")?;
        self.take_down();
        self.live().release = release;
        self.launch()
    }

    /// Ends everything. Nothing can be started any more.
    pub(super) fn end(&self) {
        self.gate.close();
        let deadline = Instant::now() + LEAVING;
        while !self.gate.wait_empty(HURRY) && Instant::now() < deadline {
            self.hurry();
        }
        self.take_down();
        self.live().phase = Phase::Stopped;
        self.watcher.end();
    }

    /// Measures the rates.
    pub(super) fn tick(&self) {
        let instances: Vec<_> = self.live().instances.values().map(Arc::clone).collect();
        instances.iter().for_each(|instance| instance.tap.tick());
    }

    /// Returns the trace since the launch.
    pub(in crate::cli::serve) fn trace(&self) -> Vec<u8> {
        let release = self.live().release.name;
        self.watcher.trace(release, self.name())
    }

    /// Lets a request in that uses a plugin which runs.
    pub(super) fn inside(&self) -> Result<(Inside<'_>, Arc<Host>), Problem> {
        let inside = self.gate.share(PATIENCE).map_err(Problem::busy)?;
        let (state, finding) = self.state();
        if let Some(finding) = finding {
            return Err(finding);
        }
        let host = self.live().host.clone();
        match host {
            Some(_) if state == "waiting" => Err(self.waiting()),
            Some(host) if state != "stopped" => Ok((inside, host)),
            _ => Err(self.not_running()),
        }
    }

    /// Lets a request in that starts a symbol: a plugin that does not run is launched
    /// first.
    pub(super) fn inside_launched(&self) -> Result<(Inside<'_>, Arc<Host>), Problem> {
        if !matches!(self.state().0, "running" | "starting" | "waiting") {
            self.start()?;
        }
        self.inside()
    }

    /// Lets in one who disturbs the plugin.
    pub(super) fn alone_with_host(&self, what: &str) -> Result<(Inside<'_>, Arc<Host>), Problem> {
        let inside = self.alone(what, PATIENCE)?;
        match self.state() {
            (_, Some(finding)) => return Err(finding),
            ("waiting", None) => return Err(self.waiting()),
            _ => {}
        }
        let host = self.live().host.clone();
        Ok((inside, host.ok_or_else(|| self.not_running())?))
    }

    /// Shows what the plugin did wrong to whoever watches.
    pub(super) fn found(&self, error: HostError) -> Problem {
        if let Some(finding) = error.finding() {
            let during = None;
            self.watcher.tell(What::Finding { finding, during });
        }
        error.into()
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one request at a time start a source or a sink: two must not get the same
    /// place in a rule.
    pub(super) fn placing(&self) -> MutexGuard<'_, ()> {
        self.placing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how the launch of a process went.
    pub(super) fn launched(&self, launched: Result<(), HostError>) -> Result<(), Problem> {
        let result = launched.map_err(|error| match error {
            HostError::Interrupted if self.gate.is_closed() => Problem::ending(),
            error => self.found(error),
        });
        let mut live = self.live();
        live.phase = Phase::Up;
        live.finding = result.clone().err();
        result
    }

    fn alone(&self, what: &str, limit: Duration) -> Result<Inside<'_>, Problem> {
        self.gate.alone(what, limit).map_err(Problem::busy)
    }

    /// Enters alone. If others do not leave, the process is killed, which ends their
    /// waits.
    fn alone_at_last(&self, what: &str) -> Result<Inside<'_>, Problem> {
        let deadline = Instant::now() + LEAVING;
        let mut patience = Duration::from_secs(1);
        loop {
            match self.gate.alone(what, patience) {
                Ok(inside) => return Ok(inside),
                Err(Busy::Closed) => return Err(Problem::ending()),
                Err(busy) if Instant::now() >= deadline => return Err(Problem::busy(busy)),
                Err(_) => self.hurry(),
            }
            patience = HURRY;
        }
    }

    /// Ends all waits for the plugin: those inside leave.
    pub(super) fn hurry(&self) {
        self.gate.hurry();
        let host = self.live().host.clone();
        if let Some(host) = host {
            // The second ends the wait for the answer to an order, too.
            host.interrupter().interrupt();
            host.interrupter().interrupt();
            // An attached plugin is left alone.
            let _ = host.crash();
        }
    }

    fn not_running(&self) -> Problem {
        Problem::conflict(format!("plugin `{}` does not run", self.name()))
            .advise(format!("start it: POST /api/plugins/{}/start", self.name()))
    }

    /// Refuses what only the host that has launched the plugin can do.
    pub(super) fn check_launched(&self, what: &str) -> Result<(), Problem> {
        match self.args.attach {
            false => Ok(()),
            true => Err(Problem::conflict(format!(
                "you start plugin `{}` yourself: the server cannot {what}",
                self.name()
            ))
            .advise("end it and start it again where you have started it")),
        }
    }

    fn waiting(&self) -> Problem {
        let text = format!(
            "plugin `{}` is not there: the server waits for it",
            self.name()
        );
        let problem = Problem::conflict(text);
        match self.attach_command() {
            Some(command) => problem.advise(format!("start it: {command}")),
            None => problem,
        }
    }

    /// Returns how to start the plugin, if the server launches none.
    pub(super) fn attach_command(&self) -> Option<AttachCommand> {
        let host = self.live().host.clone();
        host?.attach_command()
    }

    fn launch_unless_running(&self) -> Result<(), Problem> {
        if self.live().host.is_some() && matches!(self.state().0, "running" | "waiting") {
            return Ok(());
        }
        self.take_down();
        self.launch()
    }

    fn launch(&self) -> Result<(), Problem> {
        self.watcher.begin();
        let mut live = self.live();
        live.phase = Phase::Starting;
        live.finding = None;
        live.steps = Steps::default();
        let release = live.release;
        drop(live);
        let builder = self
            .args
            .builder(Arc::clone(&self.package))
            .release(release.name);
        let gate = Arc::clone(&self.gate);
        let builder = builder.interrupted_by(move || gate.is_closed());
        let spawned = builder.observer(Arc::clone(&self.watcher) as _).spawn();
        let launched = spawned.and_then(|host| {
            let host = Arc::new(host);
            self.live().host = Some(Arc::clone(&host));
            match self.args.attach {
                // Somebody starts it at any time.
                true => Ok(()),
                false => host.wait_greeting(),
            }
        });
        self.launched(launched)
    }

    /// Stops what runs, and ends the process. Nobody else is inside.
    fn take_down(&self) {
        let mut live = self.live();
        let instances = std::mem::take(&mut live.instances);
        let functions = std::mem::take(&mut live.functions);
        let host = live.host.clone();
        live.finding = None;
        drop(live);
        // A debugger holds it: it reads no stop.
        let is_held = self.args.attach && host.as_ref().is_some_and(|host| host.is_stopped());
        let deadline = Instant::now() + if is_held { Duration::ZERO } else { READING };
        while !instances.values().all(|instance| instance.stop_reading()) {
            if Instant::now() >= deadline {
                self.hurry();
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if let Some(host) = &host {
            // The interrupts were for the waits of others.
            host.clear_interrupt();
            host.limit_orders(STOPPING);
        }
        // The sources first, so that no row is lost. A plugin that does not answer
        // one order is not asked again.
        let mut answers = !is_held
            && host.as_ref().is_some_and(|host| {
                host.check_alive().is_ok() && host.time_to_greeting().is_some()
            });
        for instance in instances.values() {
            if let Some(source) = instance.take_source() {
                answers = answers && source.stop().is_ok();
            }
        }
        for instance in instances.values() {
            if let Some(mut sink) = instance.take_sink()
                && answers
            {
                sink.settle(SETTLE);
                answers = sink.stop().is_ok();
            }
        }
        for id in instances.keys() {
            self.watcher.untap(id);
        }
        drop(functions);
        drop(host);
        let host = self.live().host.take();
        drop(host);
    }
}
