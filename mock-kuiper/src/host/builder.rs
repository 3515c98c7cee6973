//! How a host comes to be: which plugin, which release, where, with what.
//!
//! Rules: protocol.md section 3.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::channel::RequestChannel;
use super::inner::{Inner, Parts};
use super::process::{Launch, Process};
use super::shared::Shared;
use super::turn::Turn;
use super::watchdog::Watchdog;
use super::{Host, HostError};
use crate::event::{Limits, Observer, Recorder};
use crate::isolate::{self, Isolation};
use crate::package::{Language, Package};
use crate::profile::{DEFAULT_HOST, LAUNCH_ARGUMENT, Profile, WorkingDirectory};
use crate::symbol::Channel;
use crate::transport::Transport;

/// How long an order or an ack may take unless it is said otherwise; eKuiper
/// waits an hour.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Where a plugin's sockets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the machine's `/tmp`.
    Shared,
    /// In a `/tmp` of its own.
    Own,
    /// The same, or where that is refused in the machine's, in its turn.
    OwnOrInTurn,
}

/// Describes a host, and launches it.
#[must_use = "nothing is launched before `launch`"]
pub struct Builder {
    plugin: Option<PathBuf>,
    package: Option<Arc<Package>>,
    executable: Option<PathBuf>,
    optimized: bool,
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
    seed: Option<u64>,
    limits: Limits,
    observers: Vec<Arc<dyn Observer>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            plugin: None,
            package: None,
            executable: None,
            optimized: true,
            release: DEFAULT_HOST.to_owned(),
            transport: Transport::default(),
            place: Place::Shared,
            visible: Vec::new(),
            python: "python3".into(),
            environment: Vec::new(),
            argument: Some(LAUNCH_ARGUMENT.to_owned()),
            directory: None,
            init_limit: None,
            answer_limit: ANSWER_LIMIT,
            seed: None,
            limits: Limits::default(),
            observers: Vec::new(),
        }
    }
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
    /// Names the plugin: its directory, its zip, or a Cargo package with
    /// `NAME.json` beside `Cargo.toml`, which is built with optimizations.
    pub fn plugin(mut self, path: impl Into<PathBuf>) -> Self {
        self.plugin = Some(path.into());
        self
    }

    /// Builds a Cargo package without optimizations: sooner, for a plugin that
    /// runs slower.
    pub fn debug(mut self) -> Self {
        self.optimized = false;
        self
    }

    /// Takes this file for the plugin's executable, and builds nothing. In a
    /// plugin's own tests Cargo has built it already:
    ///
    /// ```text
    /// Host::builder().plugin(".").executable(env!("CARGO_BIN_EXE_mirror"))
    /// ```
    pub fn executable(mut self, path: impl Into<PathBuf>) -> Self {
        self.executable = Some(path.into());
        self
    }

    /// Takes a plugin that was opened already.
    pub fn package(mut self, package: impl Into<Arc<Package>>) -> Self {
        self.package = Some(package.into());
        self
    }

    /// Plays this eKuiper release, `1.4` to `2.4`; see [`Profile::all`].
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.release = release.into();
        self
    }

    /// Picks what carries the messages; the default is [`Transport::Sp`].
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Gives the plugin a `/tmp` of its own, so that many hosts run at once;
    /// see [`crate::isolate`].
    pub fn isolated(mut self) -> Self {
        self.place = Place::Own;
        self
    }

    /// The same where the system allows it. Where it does not, the host uses the
    /// machine's `/tmp`, and hosts that were told so run one after the other, in
    /// all processes: a launch waits until it is its turn.
    pub fn isolated_or_in_turn(mut self) -> Self {
        self.place = Place::OwnOrInTurn;
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

    /// Launches the plugin with this argument, or with none, in the place of
    /// [`LAUNCH_ARGUMENT`].
    pub fn argument(mut self, argument: Option<String>) -> Self {
        self.argument = argument;
        self
    }

    /// Launches the plugin in this working directory, in the place of the
    /// release's; see [`Profile::working_directory`].
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets how long the plugin may take to greet; the default is the release's
    /// [`Profile::init_timeout`].
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
    /// closed before or after its stop is sent, and in what order the starts
    /// are replayed. One seed gives one order; without one the usual happens.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets how much is kept for [`Host::frames`] and [`Host::log`].
    pub fn record(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Has `observer` told of what happens.
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
    /// [`HostError::Package`] for a plugin that eKuiper would refuse,
    /// [`HostError::Input`] for an unknown release, a missing plugin or a
    /// transport that this build does not have,
    /// [`HostError::AddressInUse`], [`HostError::CannotLaunch`],
    /// [`HostError::Isolation`], [`HostError::NoTurn`], and trouble of ours.
    /// Nothing is launched then.
    pub fn spawn(self) -> Result<Host, HostError> {
        let profile =
            Profile::find(&self.release).map_err(|error| HostError::Input(error.to_string()))?;
        let backend =
            (self.transport.backend()).map_err(|error| HostError::Input(error.to_string()))?;
        let package = match (self.package, &self.plugin, &self.executable) {
            (Some(package), ..) => package,
            (None, Some(path), Some(executable)) => {
                Package::with_executable(path, executable)?.into()
            }
            (None, Some(path), None) => Package::build(path, self.optimized)?.into(),
            (None, None, _) => {
                let text = "no plugin is named; call `plugin` with its directory";
                return Err(HostError::Input(text.to_owned()));
            }
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
            Some(Isolation::prepare(&visible).map_err(HostError::Isolation)?)
        } else {
            None
        };
        let watchdog = Watchdog::launch(isolation.as_ref())?;
        let recorder = Arc::new(Recorder::new(self.limits));
        let mut observers = self.observers;
        if self.limits != Limits::NONE {
            observers.push(Arc::clone(&recorder) as Arc<dyn Observer>);
        }
        let folder = isolation.as_ref().map(Isolation::folder);
        let shared = Arc::new(Shared::new(
            profile,
            backend,
            observers,
            folder.unwrap_or(Path::new("/tmp")).to_owned(),
            watchdog.group(),
        ));
        let channel = Channel::control(&package.manifest().name);
        let control = RequestChannel::open(channel.clone(), "", &shared)
            .map_err(|error| HostError::transport(&channel, error))?;
        let process = Process::launch(&launch, watchdog, isolation.as_ref(), &shared)?;
        let inner = Inner::new(Parts {
            shared,
            process,
            launch,
            init_limit: self.init_limit.unwrap_or(profile.init_timeout),
            seed: self.seed,
            recorder,
            package,
            answer_limit: self.answer_limit,
            control,
            isolation,
            turn,
        });
        Ok(Host {
            inner: Arc::new(inner),
        })
    }
}

/// The command line of protocol.md section 3, without the argument.
fn command_line(
    package: &Package,
    profile: &Profile,
    python: &Path,
    environment: Vec<(String, String)>,
) -> Launch {
    let manifest = package.manifest();
    let mut command = Vec::new();
    let mut hint = "is the interpreter in its first line, or its dynamic loader, on this machine?";
    if let Language::Python { virtual_env } = &manifest.language {
        if let Some(environment) = virtual_env {
            command.extend(["conda", "run", "-n", environment, "python"].map(str::to_owned));
            hint = "install conda, or put it on the path";
        } else {
            command.push(interpreter(python));
            hint = "install it, or name another interpreter with --python";
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
        hint,
    }
}

/// The interpreter as the plugin's process finds it, whose working directory is
/// another: a path becomes absolute, a plain name is looked up in `PATH`.
///
/// Links are not followed: a virtual environment's interpreter is one.
fn interpreter(python: &Path) -> String {
    let plain = python.components().count() == 1;
    let absolute = (!plain).then(|| std::path::absolute(python).ok()).flatten();
    absolute.as_deref().unwrap_or(python).display().to_string()
}
