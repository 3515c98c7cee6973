//! What a host and the handles of its symbols share: the process, the control
//! channel, and what runs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ekuiper_sp as sp;

use super::HostError;
use super::channel::{Failure, RequestChannel};
use super::process::Process;
use super::shared::Shared;
use crate::event::{Limits, Meaning, Recorder, What};
use crate::isolate::Isolation;
use crate::package::Package;
use crate::wire::{Command, Order, OrderAnswer};

/// The frames and the lines that the report of a failed test shows.
const REPORTED: usize = 40;

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) process: Process,
    pub(crate) recorder: Arc<Recorder>,
    /// Holds what a zip was unpacked to.
    pub(crate) package: Package,
    pub(crate) answer_limit: Duration,
    control: Mutex<RequestChannel>,
    /// What runs, for the report of a crash.
    running: Mutex<Vec<Order>>,
    /// The socket files of the sinks, which a killed plugin leaves behind.
    files: Mutex<BTreeSet<PathBuf>>,
    isolation: Mutex<Option<Isolation>>,
    failed: AtomicBool,
}

/// What an [`Inner`] is made of.
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) process: Process,
    pub(super) recorder: Arc<Recorder>,
    pub(super) package: Package,
    pub(super) answer_limit: Duration,
    pub(super) control: RequestChannel,
    pub(super) isolation: Option<Isolation>,
}

impl Inner {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            shared: parts.shared,
            process: parts.process,
            recorder: parts.recorder,
            package: parts.package,
            answer_limit: parts.answer_limit,
            control: Mutex::new(parts.control),
            running: Mutex::default(),
            files: Mutex::default(),
            isolation: Mutex::new(parts.isolation),
            failed: AtomicBool::new(false),
        }
    }

    pub(super) fn wait_greeting(&self, limit: Duration) -> Result<(), HostError> {
        let mut control = lock(&self.control);
        match control.wait_greeting(limit) {
            Ok(()) => Ok(()),
            Err(Failure::TimedOut) => Err(HostError::NoGreeting {
                limit,
                address: control.channel().url(),
            }),
            Err(Failure::Exited) => Err(self.exited(true)),
            Err(Failure::Interrupted) => Err(HostError::Interrupted),
            Err(Failure::Transport(error)) => Err(HostError::transport(control.channel(), error)),
        }
        .map_err(|error| self.note(error))
    }

    pub(super) fn check_alive(&self) -> Result<(), HostError> {
        match self.process.exit().status() {
            None => Ok(()),
            Some(_) => Err(self.note(self.exited(false))),
        }
    }

    /// Sends an order to start or stop a symbol and waits for `ok`.
    fn order(&self, command: Command, order: &Order) -> Result<(), HostError> {
        self.check_alive()?;
        let profile = self.shared.profile;
        let bytes = order.encode(command, profile);
        let meaning = Meaning::Order {
            command,
            kind: order.kind,
            symbol: &order.symbol,
        };
        let mut control = lock(&self.control);
        let answer = control
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
                Failure::Transport(error) => HostError::transport(control.channel(), error),
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
    pub(super) fn start(&self, order: &Order) -> Result<(), HostError> {
        self.order(Command::Start, order)
            .map_err(|error| self.note(error))?;
        lock(&self.running).push(order.clone());
        self.shared.tell(What::Started {
            kind: order.kind,
            symbol: &order.symbol,
        });
        Ok(())
    }

    /// Stops an instance whose data channels are closed on our side.
    pub(super) fn stop(&self, order: &Order) -> Result<(), HostError> {
        let stopped = self.order(Command::Stop, order);
        lock(&self.running).retain(|running| running != order);
        if stopped.is_ok() {
            self.shared.tell(What::Stopped {
                kind: order.kind,
                symbol: &order.symbol,
            });
        }
        stopped.map_err(|error| self.note(error))
    }

    /// Notes a socket's file that a killed plugin leaves behind.
    pub(super) fn note_file(&self, file: PathBuf) {
        lock(&self.files).insert(file);
    }

    /// The error for a process that has ended.
    pub(super) fn exited(&self, early: bool) -> HostError {
        let log = self.process.last_lines();
        let Some(status) = self.process.exit().status() else {
            return HostError::Interrupted;
        };
        if early {
            return HostError::ExitedEarly { status, log };
        }
        let running = lock(&self.running)
            .iter()
            .map(|running| format!("{} `{}`", running.kind, running.symbol))
            .collect();
        HostError::Crashed {
            status,
            running,
            log,
        }
    }

    /// Remembers that an error was given out, and gives it back.
    pub(super) fn note(&self, error: HostError) -> HostError {
        self.failed.store(true, Ordering::Relaxed);
        error
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Prints what was recorded, for a test that failed.
    pub(super) fn print_report(&self) {
        if self.recorder.limits() != Limits::NONE {
            // Through the macro, which a test's harness captures.
            eprint!("{}", self.recorder.report(REPORTED));
        }
    }

    /// Kills the plugin's process group and removes what is left of it.
    pub(super) fn end(&self) {
        // Its sockets close with it.
        self.process.end();
        for file in std::mem::take(&mut *lock(&self.files)) {
            // A listener of ours removes a file that nobody answers on, and
            // takes its own with it.
            if file.exists() {
                let url = format!("ipc://{}", file.display());
                drop(sp::Pull::listen(&url, sp::Options::default()));
            }
        }
        lock(&self.control).close();
        drop(lock(&self.isolation).take());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
