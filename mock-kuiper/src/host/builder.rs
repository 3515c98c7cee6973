//! Describes a host: which plugin, which release, where, with what.
//!
//! Rules: docs/protocol.md, section 3.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::attachment::Attachment;
use super::channel::RequestChannel;
use super::command_line::command_line;
use super::error::HostError;
use super::growth::GrowthLimit;
use super::host::Host;
use super::inner::{Inner, Parts};
use super::process::Process;
use super::shared::{Attached, Shared};
use super::turn::Turn;
use crate::event::{Limits, Observer, Recorder};
use crate::isolate::{self, Isolation};
use crate::package::{Build, Package};
use crate::release::{DEFAULT_HOST, LAUNCH_ARGUMENT, Release};
use crate::symbol::Channel;
use crate::transport::Transport;

/// How long the answer to an order, or an ack, may take by default; eKuiper
/// waits an hour.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A limit that is never reached. Unlike [`Duration::MAX`], it can be added to a time.
const NO_LIMIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

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
    answer_limit: Option<Duration>,
    attached: bool,
    scale: f64,
    seed: Option<u64>,
    limits: Limits,
    growth: Option<u64>,
    observers: Vec<Arc<dyn Observer>>,
    interrupted: Option<Interrupted>,
}

/// Whether to wait no longer; see [`Builder::interrupted_by`].
type Interrupted = Arc<dyn Fn() -> bool + Send + Sync>;

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
            answer_limit: None,
            attached: false,
            scale: 1.0,
            seed: None,
            limits: Limits::default(),
            growth: None,
            interrupted: None,
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
        self.answer_limit = Some(limit);
        self
    }

    /// Launches no plugin, and accepts one that is started by hand, for example in a
    /// debugger. [`Host::attach_command`] tells how to start it. A Cargo package is
    /// built without optimizations.
    ///
    /// The plugin is whoever greets first on the control channel in the machine's
    /// `/tmp`, if it belongs to the same user as this process. When it exits, the
    /// host's waits go on: the plugin is accepted again when it is started again, and
    /// gets the start orders of all that runs.
    ///
    /// There are no time limits, except those that
    /// [`init_timeout`](Self::init_timeout) and
    /// [`answer_timeout`](Self::answer_timeout) set; the latter then also holds for
    /// calls and for the rows that a sink must take. An [`Interrupter`] ends every
    /// wait at once, also that for the answer to an order. The host never ends the
    /// plugin.
    ///
    /// [`Interrupter`]: crate::engine::host::Interrupter
    ///
    /// ```no_run
    /// # fn main() -> Result<(), mock_kuiper::HostError> {
    /// use mock_kuiper::Host;
    /// use mock_kuiper::serde_json::json;
    ///
    /// let host = Host::builder("mirror").attach().spawn()?;
    /// if let Some(command) = host.attach_command() {
    ///     println!("start the plugin: {command}");
    /// }
    /// host.wait_greeting()?;
    /// assert_eq!(host.function("echo")?.exec(&[json!("hi")])?, json!("hi"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn attach(mut self) -> Self {
        self.attached = true;
        self.build = Build::unoptimized();
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

    /// Ends the wait for other hosts on this machine once `came` returns `true`; see
    /// [`isolated`](Self::isolated).
    pub fn interrupted_by(mut self, came: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.interrupted = Some(Arc::new(came));
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
    /// executable that cannot be run, an unknown release, a transport that
    /// this build does not have, or what an attached plugin cannot have. [`HostError::System`] if an address is in use,
    /// if isolation is required and not allowed, or if other hosts do not end.
    /// [`HostError::Interrupted`] for what [`interrupted_by`](Self::interrupted_by) says.
    /// Nothing is launched then.
    pub fn spawn(self) -> Result<Host, HostError> {
        let invalid = |error: &dyn fmt::Display| HostError::invalid(error.to_string());
        let profile = Release::find(&self.release).map_err(|error| invalid(&error))?;
        let backend = self.transport.backend().map_err(|error| invalid(&error))?;
        if self.attached {
            refuse_unattachable(self.place, self.growth)?;
        }
        let package = match (self.plugin, &self.executable) {
            (Plugin::Package(package), _) => package,
            (Plugin::Path(path), Some(executable)) => {
                Package::with_executable(&path, executable)?.into()
            }
            (Plugin::Path(path), None) => Package::build(&path, self.build)?.into(),
        };
        let mut launch = command_line(
            &package,
            profile,
            &self.python,
            self.environment,
            self.attached,
        );
        launch.command.extend(self.argument);
        if let Some(directory) = self.directory {
            launch.directory = Some(directory);
        }

        let place = if self.attached {
            Place::Shared
        } else {
            self.place
        };
        let in_turn = place == Place::OwnOrInTurn && isolate::refused().is_some();
        let interrupted = || self.interrupted.as_ref().is_some_and(|came| came());
        let turn = in_turn.then(|| Turn::wait(interrupted)).transpose()?;
        let isolation = if place != Place::Shared && !in_turn {
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
        let answer_limit = self.answer_limit.unwrap_or(match self.attached {
            true => NO_LIMIT,
            false => ANSWER_LIMIT,
        });
        let answer_limit = answer_limit.mul_f64(self.scale);
        let init_limit = self.init_limit.unwrap_or(match self.attached {
            true => NO_LIMIT,
            false => profile.init_timeout,
        });
        let attached = match self.attached {
            true => Some(Attached {
                attachment: Attachment::new()
                    .map_err(|errno| HostError::io("create an eventfd", errno.into()))?,
                limit: answer_limit,
            }),
            false => None,
        };
        let shared = Arc::new(Shared::new(
            profile,
            backend,
            observers,
            folder.unwrap_or(Path::new("/tmp")).to_owned(),
            self.scale,
            attached,
        ));
        let channel = Channel::control(&package.manifest().name);
        let control = RequestChannel::open(channel, "", &shared)?;
        let process = match self.attached {
            true => None,
            false => Some(Process::launch(&launch, isolation.as_ref(), &shared)?),
        };
        let inner = Inner::new(Parts {
            shared,
            process,
            launch,
            init_limit: init_limit.mul_f64(self.scale),
            seed: self.seed,
            recorder,
            package,
            answer_limit,
            control,
            isolation,
            turn,
        });
        let host = Host {
            inner: Arc::new(inner),
        };
        host.inner.attend()?;
        Ok(host)
    }
}

/// Refuses what only a plugin can have that the host launches.
fn refuse_unattachable(place: Place, growth: Option<u64>) -> Result<(), HostError> {
    if place == Place::Own {
        return Err(HostError::invalid(
            "an attached plugin cannot have a /tmp of its own: the host does not launch it, so \
             that it uses the machine's /tmp",
        ));
    }
    if growth.is_some() {
        return Err(HostError::invalid(
            "the growth of an attached plugin cannot be limited: the host does not launch the \
             plugin, and does not end it",
        ));
    }
    Ok(())
}
