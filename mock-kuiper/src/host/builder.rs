//! Describes a host: which plugin, which release, where, with what.
//!
//! Rules: docs/protocol.md, section 3.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::channel::RequestChannel;
use super::error::HostError;
use super::growth::GrowthLimit;
use super::host::Host;
use super::inner::{Inner, Parts};
use super::process::{Launch, Process};
use super::shared::Shared;
use super::turn::Turn;
use crate::event::{Limits, Observer, Recorder};
use crate::finding::Advice;
use crate::isolate::{self, Isolation};
use crate::package::{Build, Language, Package};
use crate::release::{DEFAULT_HOST, LAUNCH_ARGUMENT, Release, WorkingDirectory};
use crate::symbol::Channel;
use crate::transport::Transport;

/// How long the answer to an order, or an ack, may take by default; eKuiper
/// waits an hour.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Where a plugin's sockets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the machine's `/tmp`.
    Shared,
    /// In a `/tmp` of its own.
    Own,
    /// In a `/tmp` of its own if the system allows it, otherwise in the
    /// machine's, one host after another.
    OwnOrInTurn,
}

/// The plugin to launch: the path of its directory, of its zip, or of a Cargo
/// package; or a [`Package`] that was opened already.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Plugin {
    /// A path.
    Path(PathBuf),
    /// An opened package.
    Package(Arc<Package>),
}

impl From<&str> for Plugin {
    fn from(path: &str) -> Self {
        Self::Path(path.into())
    }
}

impl From<String> for Plugin {
    fn from(path: String) -> Self {
        Self::Path(path.into())
    }
}

impl From<&Path> for Plugin {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<PathBuf> for Plugin {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&PathBuf> for Plugin {
    fn from(path: &PathBuf) -> Self {
        Self::Path(path.clone())
    }
}

impl From<Package> for Plugin {
    fn from(package: Package) -> Self {
        Self::Package(Arc::new(package))
    }
}

impl From<Arc<Package>> for Plugin {
    fn from(package: Arc<Package>) -> Self {
        Self::Package(package)
    }
}

impl Host {
    /// Launches a plugin with the defaults of [`builder`](Self::builder), and
    /// waits for its greeting.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::launch`].
    pub fn launch(plugin: impl Into<Plugin>) -> Result<Self, HostError> {
        Self::builder(plugin).launch()
    }

    /// Describes a host for a plugin: its directory, its zip, or a Cargo package
    /// with `NAME.json` beside `Cargo.toml`, which is built with optimizations.
    pub fn builder(plugin: impl Into<Plugin>) -> Builder {
        Builder::new(plugin.into())
    }
}

/// Describes a host, and launches it. [`Host::builder`] makes one.
#[must_use = "nothing is launched before `launch`"]
pub struct Builder {
    plugin: Plugin,
    executable: Option<PathBuf>,
    build: Build,
    release: String,
    transport: Transport,
    place: Place,
    visible: Vec<PathBuf>,
    python: PathBuf,
    environment: Vec<(String, String)>,
    argument: Option<String>,
    directory: Option<PathBuf>,
    init_limit: Option<Duration>,
    answer_limit: Duration,
    scale: f64,
    seed: Option<u64>,
    limits: Limits,
    growth: Option<u64>,
    observers: Vec<Arc<dyn Observer>>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("plugin", &self.plugin)
            .field("release", &self.release)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Builder {
    fn new(plugin: Plugin) -> Self {
        Self {
            plugin,
            executable: None,
            build: Build::optimized(),
            release: DEFAULT_HOST.to_owned(),
            transport: Transport::default(),
            place: Place::OwnOrInTurn,
            visible: Vec::new(),
            python: "python3".into(),
            environment: Vec::new(),
            argument: Some(LAUNCH_ARGUMENT.to_owned()),
            directory: None,
            init_limit: None,
            answer_limit: ANSWER_LIMIT,
            scale: 1.0,
            seed: None,
            limits: Limits::default(),
            growth: None,
            observers: Vec::new(),
        }
    }

    /// Builds a Cargo package without optimizations: the build is faster, the
    /// plugin slower.
    pub fn debug(mut self) -> Self {
        self.build = Build::unoptimized();
        self
    }

    /// Uses this file as the plugin's executable, and builds nothing. In the
    /// tests of a Cargo package, Cargo has built the binary already:
    ///
    /// ```text
    /// Host::builder(".").executable(env!("CARGO_BIN_EXE_mirror"))
    /// ```
    pub fn executable(mut self, path: impl Into<PathBuf>) -> Self {
        self.executable = Some(path.into());
        self
    }

    /// Plays this eKuiper release, `1.4` to `2.4`; see [`Release::all`].
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.release = release.into();
        self
    }

    /// Selects what carries the messages; the default is [`Transport::Sp`].
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Requires a `/tmp` of the plugin's own, and fails if the system does not
    /// allow it. See [`crate::engine::isolate`].
    ///
    /// By default a plugin is isolated if the system allows it; otherwise hosts
    /// use the machine's `/tmp` one after another, in all processes.
    pub fn isolated(mut self) -> Self {
        self.place = Place::Own;
        self
    }

    /// Shares the machine's `/tmp`, as eKuiper does. Two hosts that use the same
    /// plugin name, rule id or function name at once disturb each other, and so
    /// does a real eKuiper.
    pub fn shared_tmp(mut self) -> Self {
        self.place = Place::Shared;
        self
    }

    /// Lets an isolated plugin see a path of the real `/tmp`, for example the
    /// temporary directory of a test.
    pub fn visible(mut self, path: impl Into<PathBuf>) -> Self {
        self.visible.push(path.into());
        self
    }

    /// Names the Python interpreter; the default is `python3`.
    pub fn python(mut self, interpreter: impl Into<PathBuf>) -> Self {
        self.python = interpreter.into();
        self
    }

    /// Adds a variable to the plugin's environment.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Launches the plugin with this argument, or with none, instead of
    /// [`LAUNCH_ARGUMENT`].
    pub fn argument(mut self, argument: Option<String>) -> Self {
        self.argument = argument;
        self
    }

    /// Launches the plugin in this working directory instead of the release's;
    /// see [`Release::working_directory`].
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets how long the plugin may take to greet; the default is the release's
    /// [`Release::init_timeout`].
    pub fn init_timeout(mut self, limit: Duration) -> Self {
        self.init_limit = Some(limit);
        self
    }

    /// Sets how long an answer to an order or an ack may take. The default is
    /// 10 s; eKuiper waits an hour.
    pub fn answer_timeout(mut self, limit: Duration) -> Self {
        self.answer_limit = limit;
        self
    }

    /// Draws what eKuiper does in no certain order: whether a data channel is
    /// closed before or after its stop is sent, and in what order the starts are
    /// replayed. A seed always gives the same order; without one it is the usual
    /// order.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets how much is kept for [`Host::frames`] and [`Host::log`].
    pub fn record(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Multiplies all limits, for a slow machine.
    pub(crate) fn scale_limits(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// Ends the plugin when its process group has grown by so many bytes since its
    /// greeting or the first start of a symbol, which gives the finding
    /// [`Code::PluginGrown`](crate::Code::PluginGrown). Eight times the size of the
    /// host's largest message is allowed on top. By default there is no limit.
    pub fn growth_limit(mut self, bytes: u64) -> Self {
        self.growth = Some(bytes);
        self
    }

    /// Sends events to `observer`.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Launches the plugin and waits for its greeting.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and of [`Host::wait_greeting`].
    pub fn launch(self) -> Result<Host, HostError> {
        let host = self.spawn()?;
        host.wait_greeting()?;
        Ok(host)
    }

    /// Launches the plugin, and does not wait for its greeting.
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] for a plugin that eKuiper would refuse, for an
    /// executable that cannot be run, an unknown release, or a transport that
    /// this build does not have. [`HostError::System`] if an address is in use,
    /// if isolation is required and not allowed, or if other hosts do not end.
    /// Nothing is launched then.
    pub fn spawn(self) -> Result<Host, HostError> {
        let invalid = |error: &dyn fmt::Display| HostError::invalid(error.to_string());
        let profile = Release::find(&self.release).map_err(|error| invalid(&error))?;
        let backend = self.transport.backend().map_err(|error| invalid(&error))?;
        let package = match (self.plugin, &self.executable) {
            (Plugin::Package(package), _) => package,
            (Plugin::Path(path), Some(executable)) => {
                Package::with_executable(&path, executable)?.into()
            }
            (Plugin::Path(path), None) => Package::build(&path, self.build)?.into(),
        };
        let mut launch = command_line(&package, profile, &self.python, self.environment);
        launch.command.extend(self.argument);
        if let Some(directory) = self.directory {
            launch.directory = Some(directory);
        }

        let in_turn = self.place == Place::OwnOrInTurn && isolate::refused().is_some();
        let turn = in_turn.then(Turn::wait).transpose()?;
        let isolation = if self.place != Place::Shared && !in_turn {
            let mut visible = self.visible;
            visible.push(package.directory().to_owned());
            Some(Isolation::prepare(&visible).map_err(HostError::isolation)?)
        } else {
            None
        };
        let recorder = Arc::new(Recorder::new(self.limits));
        let mut observers = self.observers;
        if self.limits != Limits::NONE {
            observers.push(Arc::clone(&recorder) as Arc<dyn Observer>);
        }
        launch.growth = self.growth.map(|bytes| Arc::new(GrowthLimit::new(bytes)));
        observers.extend(
            launch
                .growth
                .clone()
                .map(|limit| limit as Arc<dyn Observer>),
        );
        let folder = isolation.as_ref().map(Isolation::folder);
        let shared = Arc::new(Shared::new(
            profile,
            backend,
            observers,
            folder.unwrap_or(Path::new("/tmp")).to_owned(),
            self.scale,
        ));
        let channel = Channel::control(&package.manifest().name);
        let control = RequestChannel::open(channel, "", &shared)?;
        let process = Process::launch(&launch, isolation.as_ref(), &shared)?;
        let inner = Inner::new(Parts {
            shared,
            process,
            launch,
            init_limit: (self.init_limit.unwrap_or(profile.init_timeout)).mul_f64(self.scale),
            seed: self.seed,
            recorder,
            package,
            answer_limit: self.answer_limit.mul_f64(self.scale),
            control,
            isolation,
            turn,
        });
        Ok(Host {
            inner: Arc::new(inner),
        })
    }
}

/// Returns the command line of docs/protocol.md, section 3, without the
/// argument.
fn command_line(
    package: &Package,
    profile: &Release,
    python: &Path,
    environment: Vec<(String, String)>,
) -> Launch {
    let manifest = package.manifest();
    let mut command = Vec::new();
    let mut advice = Advice::Do(
        "check that the interpreter in its first line, or its dynamic loader, is on this machine"
            .to_owned(),
    );
    if let Language::Python { virtual_env } = &manifest.language {
        if let Some(environment) = virtual_env {
            command.extend(["conda", "run", "-n", environment, "python"].map(str::to_owned));
            advice = Advice::Install("conda".to_owned());
        } else {
            command.push(interpreter(python));
            advice = Advice::ChoosePython;
        }
        if profile.python_unbuffered {
            command.push("-u".to_owned());
        }
    }
    command.push(manifest.executable.display().to_string());
    let directory = match profile.working_directory {
        WorkingDirectory::Executable => manifest.executable.parent().map(Path::to_owned),
        WorkingDirectory::Host => None,
    };
    Launch {
        command,
        directory,
        environment,
        advice,
        growth: None,
    }
}

/// Returns the interpreter as the plugin's process finds it, which has another
/// working directory: a path becomes absolute, a plain name is looked up in
/// `PATH`. Links are not followed: the interpreter of a virtual environment is
/// a link.
fn interpreter(python: &Path) -> String {
    let plain = python.components().count() == 1;
    let absolute = (!plain).then(|| std::path::absolute(python).ok()).flatten();
    absolute.as_deref().unwrap_or(python).display().to_string()
}
