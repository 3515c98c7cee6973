//! A host: one plugin, launched, ordered about, and ended.
//!
//! The order of things is the caller's: this says what eKuiper would say, when
//! it is told to, and what came of it.
//!
//! Rules: protocol.md sections 3 to 7.

mod channel;
mod error;
mod function;
mod process;
mod shared;
mod sink;
mod source;
mod watchdog;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ekuiper_sp as sp;

use self::channel::{Failure, RequestChannel};
pub use self::error::{HostError, how, process_name};
pub use self::function::{Call, Function};
use self::process::Process;
pub use self::process::{KEPT_LINES, Launch};
use self::shared::Shared;
pub use self::sink::{Sink, SinkError};
pub use self::source::{Rows, Source};
use self::watchdog::Watchdog;
use crate::event::{Meaning, Observer, What};
use crate::isolate::Isolation;
use crate::profile::Profile;
use crate::symbol::Channel;
use crate::wire::{Command, Order, OrderAnswer};

/// A host with one plugin.
///
/// Dropping it kills the plugin's process group and removes the socket files
/// that are left.
#[derive(Debug)]
pub struct Host {
    shared: Arc<Shared>,
    control: RequestChannel,
    process: Process,
    answer_limit: Duration,
    /// What runs, for the report of a crash.
    running: Vec<Order>,
    /// The socket files of the sinks, which a killed plugin leaves behind.
    files: BTreeSet<PathBuf>,
    /// The plugin's own `/tmp`; it goes last, when nobody is left in it.
    _isolation: Option<Isolation>,
}

/// Ends a host's waits from another thread.
#[derive(Debug, Clone)]
pub struct Interrupter(Arc<Shared>);

impl Interrupter {
    /// Ends the current or the next wait for the plugin with
    /// [`HostError::Interrupted`], once.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

impl Host {
    /// Opens the plugin's control channel, and launches it.
    ///
    /// `answer_limit` is how long each order may take; eKuiper itself waits an
    /// hour.
    ///
    /// # Errors
    ///
    /// [`HostError::AddressInUse`] before anything is launched,
    /// [`HostError::CannotLaunch`], [`HostError::Isolation`], and trouble of
    /// ours.
    pub fn launch(
        launch: &Launch,
        profile: &'static Profile,
        answer_limit: Duration,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, HostError> {
        let isolation = launch.isolate.as_deref().map(Isolation::prepare);
        let isolation = isolation.transpose().map_err(HostError::Isolation)?;
        let leftover = isolation.as_ref().map(Isolation::leftover);
        let watchdog = Watchdog::start(leftover).map_err(|source| HostError::System {
            doing: "start the watchdog, /bin/sh",
            source,
        })?;
        let folder = isolation.as_ref().map(Isolation::folder);
        let shared = Arc::new(Shared::new(
            profile,
            observer,
            folder.unwrap_or(Path::new("/tmp")).to_owned(),
            watchdog.group(),
        ));
        let channel = Channel::control(&launch.plugin);
        let control = RequestChannel::open(channel.clone(), "", &shared)
            .map_err(|error| HostError::transport(&channel, error))?;
        let process = Process::launch(launch, watchdog, isolation.as_ref(), &shared)?;
        Ok(Self {
            shared,
            control,
            process,
            answer_limit,
            running: Vec::new(),
            files: BTreeSet::new(),
            _isolation: isolation,
        })
    }

    /// Waits for the plugin's first greeting, at most `limit` from now.
    ///
    /// eKuiper ships [`Profile::init_timeout`]. What the greeting says is not
    /// looked at.
    ///
    /// # Errors
    ///
    /// [`HostError::ExitedEarly`] if the process ends first, else
    /// [`HostError::NoGreeting`] at `limit`.
    pub fn wait_greeting(&mut self, limit: Duration) -> Result<(), HostError> {
        match self.control.wait_greeting(limit) {
            Ok(()) => Ok(()),
            Err(Failure::TimedOut) => Err(HostError::NoGreeting {
                limit,
                address: self.control.channel().url(),
            }),
            Err(Failure::Exited) => Err(self.exited(true)),
            Err(Failure::Interrupted) => Err(HostError::Interrupted),
            Err(Failure::Transport(error)) => {
                Err(HostError::transport(self.control.channel(), error))
            }
        }
    }

    /// Gives a handle that ends waits from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.shared))
    }

    /// Forgets an interrupt that nobody waited for.
    pub fn clear_interrupt(&mut self) {
        self.shared.take_interrupt();
    }

    /// The plugin's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Fails if the plugin's process has ended.
    ///
    /// # Errors
    ///
    /// [`HostError::Crashed`], with what was running and the last lines of the
    /// plugin's output.
    pub fn check_alive(&mut self) -> Result<(), HostError> {
        match self.process.exit().status() {
            None => Ok(()),
            Some(_) => Err(self.exited(false)),
        }
    }

    /// Sends an order to start or stop a symbol and waits for `ok`.
    fn order(&mut self, command: Command, order: &Order) -> Result<(), HostError> {
        self.check_alive()?;
        let profile = self.shared.profile;
        let bytes = order.encode(command, profile);
        let meaning = Meaning::Order {
            command,
            kind: order.kind,
            symbol: &order.symbol,
        };
        let answer = self
            .control
            .exchange(
                &bytes,
                meaning,
                self.answer_limit,
                profile.regreet_on_control,
            )
            .map_err(|failure| match failure {
                Failure::TimedOut => HostError::NoAnswer {
                    command: command.name(),
                    kind: order.kind,
                    symbol: order.symbol.clone(),
                    limit: self.answer_limit,
                },
                Failure::Exited => self.exited(false),
                Failure::Interrupted => HostError::Interrupted,
                Failure::Transport(error) => HostError::transport(self.control.channel(), error),
            })?;
        let answer = OrderAnswer::parse(&answer);
        let greeting = match answer {
            OrderAnswer::Done => return Ok(()),
            OrderAnswer::Greeting(_) => true,
            OrderAnswer::Refused(_) => false,
        };
        Err(HostError::Refused {
            command: command.name(),
            kind: order.kind,
            symbol: order.symbol.clone(),
            text: answer.text(),
            greeting,
        })
    }

    /// Starts a symbol, and notes that it runs.
    fn start(&mut self, order: &Order) -> Result<(), HostError> {
        self.order(Command::Start, order)?;
        self.running.push(order.clone());
        self.shared.tell(What::Started {
            kind: order.kind,
            symbol: &order.symbol,
        });
        Ok(())
    }

    /// Stops an instance whose data channels are closed on our side.
    fn stop(&mut self, order: &Order) -> Result<(), HostError> {
        let stopped = self.order(Command::Stop, order);
        self.running.retain(|running| running != order);
        if stopped.is_ok() {
            self.shared.tell(What::Stopped {
                kind: order.kind,
                symbol: &order.symbol,
            });
        }
        stopped
    }

    /// The error for a process that has ended.
    fn exited(&mut self, early: bool) -> HostError {
        let log = self.process.last_lines();
        let Some(status) = self.process.exit().status() else {
            return HostError::Interrupted;
        };
        if early {
            return HostError::ExitedEarly { status, log };
        }
        let running = self
            .running
            .iter()
            .map(|running| format!("{} `{}`", running.kind, running.symbol))
            .collect();
        HostError::Crashed {
            status,
            running,
            log,
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.process.kill();
        // Its sockets close with it; a process cannot put off a SIGKILL.
        self.process.exit().wait(Duration::from_secs(5));
        for file in &self.files {
            // A listener of ours removes a file that nobody answers on, and
            // takes its own with it.
            if file.exists() {
                let url = format!("ipc://{}", file.display());
                drop(sp::Pull::listen(&url, sp::Options::default()));
            }
        }
    }
}
