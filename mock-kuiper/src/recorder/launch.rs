//! The life of a recorder: it launches the plugin, waits for its exit, and ends like it.

use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getppid, kill_process, pidfd_open};

use super::basics::{STACK, say};
use super::error::RecorderError;
use super::file;
use super::lines::What;
use super::place::Place;
use super::settings::{self, Program, Settings};
use super::switchboard::Switchboard;
use super::tape::Tape;
use crate::host::{Connection, Report, Reports, Supervisor};
use crate::isolate::{self, Isolation, SpawnError};
use crate::spawn::spawn;

/// How long what the plugin wrote before its end is still passed on.
const LAST_BYTES: Duration = Duration::from_secs(2);

/// A plugin that runs, and what is recorded of it.
#[derive(Debug)]
pub struct Recorder {
    supervisor: Arc<Supervisor>,
    reports: Reports,
    switchboard: Switchboard,
    tape: Tape,
    /// The plugin's process, until it has exited.
    running: Arc<Mutex<Option<Pid>>>,
    /// The plugin sees this as `/tmp`.
    _isolation: Option<Isolation>,
}

/// Sends signals to the plugin of a [`Recorder`].
#[derive(Debug, Clone)]
pub struct Signals(Arc<Mutex<Option<Pid>>>);

impl Signals {
    /// Sends a signal to the plugin's process, and to no other, if it still runs.
    pub fn send(&self, signal: i32) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(pid), Some(signal)) = (*running, Signal::from_named_raw(signal)) {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Recorder {
    /// Launches the plugin with the `argument` of eKuiper, and begins to record.
    ///
    /// The working directory and the environment are those of this process.
    ///
    /// # Errors
    ///
    /// [`RecorderError`] if the trace cannot be written, if no way to stand between the
    /// two works, or if the plugin cannot be launched.
    pub fn start(settings: &Settings, argument: &str) -> Result<Self, RecorderError> {
        let directory = settings::directory()?;
        let place = choose(settings)?;
        let began = SystemTime::now();
        let opened = file::open(&settings.trace, settings, began)?;
        let tape = Tape::start(opened.file, opened.begin, &settings.redact);
        let tape = tape.map_err(RecorderError::Keeper)?;
        tape.write(
            None,
            &What::Launch {
                argument: argument.to_owned(),
                cwd: std::env::current_dir().unwrap_or_default(),
                time: began,
            },
        );
        let (isolation, place) = match place {
            Chosen::Private(isolation) => {
                let folder = isolation.folder().to_owned();
                (Some(isolation), Place::Private { folder })
            }
            Chosen::Renamed => (None, Place::Renamed),
        };
        let switchboard = Switchboard::open(&settings.plugin, place, tape.clone())?;
        let command = command(settings, &directory, argument);
        let launched = launch(command, isolation.as_ref());
        let (supervisor, reports) = launched.map_err(|source| RecorderError::NotLaunched {
            program: settings.program_in(&directory),
            source,
        })?;
        let supervisor = Arc::new(supervisor);
        end_with_parent(&supervisor);
        let running = Pid::from_raw(supervisor.plugin().cast_signed());
        Ok(Self {
            supervisor,
            reports,
            switchboard,
            tape,
            running: Arc::new(Mutex::new(running)),
            _isolation: isolation,
        })
    }

    /// Returns what sends signals to the plugin.
    #[must_use]
    pub fn signals(&self) -> Signals {
        Signals(Arc::clone(&self.running))
    }

    /// Waits for the plugin's exit, ends everything that descends from it, and writes
    /// the last lines of the trace. Returns how the plugin has exited.
    #[must_use]
    pub fn wait(mut self) -> ExitStatus {
        let mut exited = None;
        while let Report::Exited(status) = self.reports.next() {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            *running = None;
            drop(running);
            exited = Some(status);
            self.supervisor.end();
        }
        self.switchboard.drain(LAST_BYTES);
        let status = exited.unwrap_or_default();
        self.tape.push(None, &What::Exit { status });
        self.switchboard.close();
        self.tape.finish();
        status
    }
}

/// How the recorder stands between eKuiper and the plugin.
enum Chosen {
    /// The plugin has a `/tmp` of its own.
    Private(Isolation),
    /// The socket files are renamed.
    Renamed,
}

/// Chooses the way: a `/tmp` of the plugin's own if the system allows it.
fn choose(settings: &Settings) -> Result<Chosen, RecorderError> {
    if !settings.rename {
        match isolate::refused() {
            None => {
                let isolation = Isolation::prepare(&settings.visible)?;
                return Ok(Chosen::Private(isolation));
            }
            Some(error) => say(&format!(
                "the plugin has no /tmp of its own, so eKuiper's socket files are renamed: {error}"
            )),
        }
    }
    Ok(Chosen::Renamed)
}

/// Returns the command that eKuiper would run for the plugin.
fn command(settings: &Settings, directory: &std::path::Path, argument: &str) -> Command {
    let program = settings.program_in(directory);
    let mut command = match &settings.launch {
        Program::Native => Command::new(program),
        Program::Python { interpreter, conda } => {
            let mut command = match conda {
                None => Command::new(interpreter),
                Some(env) => {
                    let mut command = Command::new("conda");
                    command.args(["run", "-n", env]).arg(interpreter);
                    command
                }
            };
            command.arg("-u").arg(program);
            command
        }
    };
    command.arg(argument).stdin(Stdio::null());
    command
}

fn launch(
    mut command: Command,
    isolation: Option<&Isolation>,
) -> std::io::Result<(Supervisor, Reports)> {
    if isolation.is_some()
        && let Ok(here) = std::env::current_dir()
    {
        // It is looked up again below the new /tmp.
        command.current_dir(here);
    }
    let connection = Connection::supervise(&mut command)?;
    let spawned = match isolation {
        None => spawn(command).map_err(SpawnError::Program),
        Some(isolation) => isolation.spawn(command),
    };
    let child = spawned.map_err(|error| match error {
        SpawnError::Program(error) => error,
        SpawnError::Refused(error) => std::io::Error::other(error),
    })?;
    connection.launched(child)
}

/// Ends the plugin when eKuiper's process has ended: nobody would read what it says.
fn end_with_parent(supervisor: &Arc<Supervisor>) {
    let parent = getppid().and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let Some(parent) = parent else { return };
    let supervisor = Arc::clone(supervisor);
    let wait = move || {
        wait_for_end(&parent);
        supervisor.end();
    };
    // Without the thread the plugin lives on, as it does without a recorder.
    let _ = thread::Builder::new()
        .name("parent".to_owned())
        .stack_size(STACK)
        .spawn(wait);
}

fn wait_for_end(process: &OwnedFd) {
    let mut ended = [PollFd::new(process, PollFlags::IN)];
    while !matches!(poll(&mut ended, None), Ok(1..)) {}
}
