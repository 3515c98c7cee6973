//! What a host and the handles of its symbols share: the process, the control
//! channel, and what runs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ekuiper_sp as sp;
use serde_json::{Map, Value};

use super::answer::require_ok;
use super::channel::{Manner, Outgoing, RequestChannel};
use super::error::HostError;
use super::failure::Failure;
use super::process::{Launch, Process};
use super::pull::PullChannel;
use super::shared::Shared;
use super::state::State;
use super::turn::Turn;
use crate::breach::Breach;
use crate::event::{Limits, Meaning, Recorder, What};
use crate::finding::{Finding, Observed};
use crate::isolate::Isolation;
use crate::package::Package;
use crate::symbol::Channel;
use crate::wire::{Command, Order};

/// The messages and lines that the report of a failed test shows.
const REPORTED: usize = 40;

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(super) launch: Launch,
    init_limit: Duration,
    pub(crate) recorder: Arc<Recorder>,
    /// Owns the directory that a zip was unpacked to.
    pub(crate) package: Arc<Package>,
    pub(crate) answer_limit: Duration,
    control: Mutex<RequestChannel>,
    state: Mutex<State>,
    pub(super) isolation: Mutex<Option<Isolation>>,
    /// When no order waits for its answer any more; see
    /// [`limit_orders`](Self::limit_orders).
    orders_end: OnceLock<Instant>,
    /// Whether an error was returned; see [`note`](Self::note).
    failed: AtomicBool,
    /// Dropped last.
    _turn: Option<Turn>,
}

/// What an [`Inner`] is made of.
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    /// `None` if the host launches no plugin.
    pub(super) process: Option<Process>,
    pub(super) launch: Launch,
    pub(super) init_limit: Duration,
    pub(super) seed: Option<u64>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) package: Arc<Package>,
    pub(super) answer_limit: Duration,
    pub(super) control: RequestChannel,
    pub(super) isolation: Option<Isolation>,
    pub(super) turn: Option<Turn>,
}

impl Inner {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            shared: parts.shared,
            launch: parts.launch,
            init_limit: parts.init_limit,
            recorder: parts.recorder,
            package: parts.package,
            answer_limit: parts.answer_limit,
            control: Mutex::new(parts.control),
            state: Mutex::new(State {
                process: parts.process.map(Arc::new),
                running: Vec::new(),
                not_replayed: BTreeSet::new(),
                idle_since: None,
                kept_acks: Vec::new(),
                files: BTreeSet::new(),
                chance: parts.seed.map(fastrand::Rng::with_seed),
            }),
            isolation: Mutex::new(parts.isolation),
            orders_end: OnceLock::new(),
            failed: AtomicBool::new(false),
            _turn: parts.turn,
        }
    }

    /// Lets all orders from now on have their answers within `limit`, together.
    pub(super) fn limit_orders(&self, limit: Duration) {
        let _ = self.orders_end.set(Instant::now() + limit);
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Returns the process that runs now, or ran last; `None` if the host launches no
    /// plugin.
    pub(super) fn process(&self) -> Option<Arc<Process>> {
        self.state().process.clone()
    }

    /// Takes the control channel, which the thread that attends to it gives up.
    pub(super) fn control(&self) -> MutexGuard<'_, RequestChannel> {
        let Some(attachment) = self.shared.attachment() else {
            return lock(&self.control);
        };
        attachment.want();
        self.shared.wake();
        let control = lock(&self.control);
        attachment.got();
        control
    }

    /// Takes the control channel for the thread that attends to it.
    pub(super) fn control_to_attend(&self) -> MutexGuard<'_, RequestChannel> {
        lock(&self.control)
    }

    /// Closes the control channel.
    pub(super) fn close_control(&self) {
        self.control().close();
    }

    /// Listens on the control channel again.
    pub(super) fn reopen_control(&self) -> Result<(), HostError> {
        let opened = self.control().reopen();
        opened.map_err(|error| self.note(error))
    }

    /// Draws whether a stop is sent before the data channels are closed: one of
    /// five.
    ///
    /// Source: docs/protocol.md, section 5, 80 of 100 recorded stops.
    fn draws_stop_first(&self) -> bool {
        let chance = &mut self.state().chance;
        chance.as_mut().is_some_and(|chance| chance.u8(0..5) == 0)
    }

    /// Arranges what eKuiper does in no certain order.
    pub(super) fn shuffle<T>(&self, items: &mut [T]) {
        if let Some(chance) = &mut self.state().chance {
            chance.shuffle(items);
        }
    }

    /// Keeps an ack channel open for as long as the host lives.
    pub(super) fn keep_acks(&self, acks: PullChannel) {
        self.state().kept_acks.push(acks);
    }

    /// Whether an ack channel is kept open.
    pub(super) fn keeps_acks(&self, channel: &Channel) -> bool {
        let state = self.state();
        state.kept_acks.iter().any(|acks| acks.channel() == channel)
    }

    /// Waits for the greeting of a process that was just launched, or that is to be
    /// attached.
    pub(super) fn wait_first_greeting(&self) -> Result<(), HostError> {
        let limit = self.init_limit;
        let Some(attachment) = self.shared.attachment() else {
            return self.wait_greeting(limit);
        };
        match attachment.wait_greeted(limit, || self.shared.take_interrupt()) {
            Some(true) => Ok(()),
            Some(false) => Err(self.note(self.no_greeting(&self.control(), limit).into())),
            None => Err(HostError::Interrupted),
        }
    }

    /// Waits for the greeting of a process that runs already: it has nothing to
    /// load.
    pub(super) fn wait_next_greeting(&self) -> Result<(), HostError> {
        self.wait_greeting(self.answer_limit)
    }

    fn wait_greeting(&self, limit: Duration) -> Result<(), HostError> {
        let mut control = self.control();
        match control.wait_greeting(limit) {
            Ok(()) => {
                if let Some(process) = self.process() {
                    process.note_greeting();
                }
                Ok(())
            }
            Err(failure) => {
                let late = || self.no_greeting(&control, limit);
                Err(self.note(self.error(failure, late)))
            }
        }
    }

    pub(super) fn check_alive(&self) -> Result<(), HostError> {
        let process = self.process();
        match process.and_then(|process| process.exit().status()) {
            None => Ok(()),
            Some(_) => Err(self.note(self.exited())),
        }
    }

    /// Sends an order to start or stop a symbol, and waits for `ok`.
    ///
    /// `sent` is called once the order is sent, before its answer is awaited.
    pub(super) fn demand_ok(
        &self,
        command: Command,
        order: &Order,
        sent: impl FnOnce(),
    ) -> Result<(), HostError> {
        let answer = self.answer_to(command, order, Manner::Plain, sent)?;
        require_ok(command, order, &answer).map_err(|error| self.note(error))
    }

    /// Sends an order, and returns the answer's bytes.
    pub(super) fn answer_to(
        &self,
        command: Command,
        order: &Order,
        manner: Manner,
        sent: impl FnOnce(),
    ) -> Result<Vec<u8>, HostError> {
        let bytes = order.encode(command, self.shared.profile);
        let meaning = Meaning::Order {
            command,
            kind: order.kind,
            symbol: &order.symbol,
        };
        let outgoing = Outgoing {
            bytes: &bytes,
            meaning,
            manner,
        };
        self.answer_to_bytes(outgoing, sent)
    }

    /// Sends `outgoing` as an order, and returns the answer's bytes.
    pub(super) fn answer_to_bytes(
        &self,
        outgoing: Outgoing<'_>,
        sent: impl FnOnce(),
    ) -> Result<Vec<u8>, HostError> {
        self.check_alive()?;
        let _order_out = self.shared.order_out();
        if self.shared.take_interrupt() {
            return Err(HostError::Interrupted);
        }
        let limit = match self.orders_end.get() {
            None => self.answer_limit,
            Some(end) => end.saturating_duration_since(Instant::now()),
        };
        let regreet = self.shared.profile.regreet_on_control;
        let mut control = self.control();
        // The thread that had the channel before may have lost the wake-up.
        if self.shared.is_attached() && self.shared.take_interrupt() {
            return Err(HostError::Interrupted);
        }
        self.catch_up(&mut control)?;
        let answered = control.round_trip(outgoing, limit, regreet, sent);
        if answered.is_ok() {
            self.catch_up(&mut control)?;
        }
        answered.map_err(|failure| {
            let late = || {
                let seen = self.look(control.peers());
                let unanswered = |command| Observed::OrderUnanswered {
                    command,
                    limit,
                    seen,
                };
                let finding = match outgoing.meaning {
                    Meaning::Order {
                        command,
                        kind,
                        symbol,
                    } => Finding::new(unanswered(Some(command))).of(kind, symbol),
                    _ => Finding::new(unanswered(None)),
                };
                finding.on(control.channel())
            };
            self.note(self.error(failure, late))
        })
    }

    /// Waits at most `limit` for a message on the control channel that nobody
    /// asked for, and returns it.
    pub(super) fn overhear(&self, limit: Duration) -> Result<Option<Vec<u8>>, HostError> {
        let mut control = self.control();
        let heard = control.overhear(limit);
        heard.map_err(|failure| {
            let late = || self.no_greeting(&control, limit);
            self.note(self.error(failure, late))
        })
    }

    /// Makes the host's error from a failure; `late` makes the finding for one
    /// that timed out.
    pub(super) fn error(&self, failure: Failure, late: impl FnOnce() -> Finding) -> HostError {
        match failure {
            Failure::TimedOut | Failure::Woken | Failure::Disconnected => late().into(),
            Failure::Exited => self.exited(),
            Failure::Interrupted => HostError::Interrupted,
            Failure::Host(error) => error,
        }
    }

    /// Sends the start of a running instance once more. `config` overlays its
    /// properties.
    pub(super) fn send_start_again(
        &self,
        order: &mut Order,
        config: Map<String, Value>,
    ) -> Result<(), HostError> {
        let before = order.clone();
        order.config.extend(config);
        self.demand_ok(Command::Start, order, || {})?;
        let mut state = self.state();
        for running in state.running.iter_mut().filter(|o| **o == before) {
            *running = order.clone();
        }
        Ok(())
    }

    /// Starts a symbol, and notes that it runs.
    pub(super) fn start(&self, order: &Order) -> Result<(), HostError> {
        if self.shared.take_interrupt() {
            return Err(HostError::Interrupted);
        }
        self.wake_up()?;
        self.demand_ok(Command::Start, order, || {})?;
        let mut state = self.state();
        state.running.push(order.clone());
        state.idle_since = None;
        drop(state);
        self.shared.tell(What::Started {
            kind: order.kind,
            symbol: &order.symbol,
        });
        Ok(())
    }

    /// Stops an instance. `close` closes its data channels on the host's side,
    /// which eKuiper mostly does before it sends the order.
    pub(super) fn stop(&self, order: &Order, close: impl FnOnce()) -> Result<(), HostError> {
        let stopped = if self.draws_stop_first() {
            self.demand_ok(Command::Stop, order, close)
        } else {
            close();
            self.demand_ok(Command::Stop, order, || {})
        };
        let mut state = self.state();
        state.running.retain(|running| running != order);
        if state.running.is_empty() {
            state.idle_since = Some(Instant::now());
        }
        drop(state);
        if stopped.is_ok() {
            self.shared.tell(What::Stopped {
                kind: order.kind,
                symbol: &order.symbol,
            });
        }
        stopped
    }

    /// Breaks the transport's protocol on the control channel, and waits until
    /// the plugin is back.
    pub(super) fn breach_control(&self, breach: Breach) -> Result<(), HostError> {
        let mut control = self.control();
        let played = control.breach(breach, self.answer_limit);
        let channel = control.channel().clone();
        drop(control);
        played.map_err(|error| self.note(self.breached(&channel, error)))?;
        self.wait_next_greeting()
    }

    /// Notes a socket file that a killed plugin leaves behind.
    pub(super) fn note_file(&self, file: PathBuf) {
        self.state().files.insert(file);
    }

    /// Remembers that an error was returned.
    pub(super) fn note(&self, error: HostError) -> HostError {
        self.failed.store(true, Ordering::Relaxed);
        self.recorder.keep_error(format!("{error:?}"));
        error
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Prints what was recorded, for a test that failed.
    pub(super) fn print_report(&self) {
        if self.recorder.limits() != Limits::NONE {
            // The macro's output is captured by a test's harness.
            eprint!("{}", self.recorder.report(REPORTED));
        }
    }

    /// Ends everything that descends from the plugin, and removes its socket files.
    pub(super) fn end(&self) {
        // Its sockets close with it.
        if let Some(process) = self.process() {
            process.end();
        }
        self.end_attending();
        let mut state = self.state();
        let mut files = std::mem::take(&mut state.files);
        let kept_acks = std::mem::take(&mut state.kept_acks);
        drop(state);
        if self.attached_pid().is_some() {
            // It goes on, and listens there.
            files.clear();
        }
        for file in files {
            // A listener removes a file that nobody answers on, and its own
            // when it is dropped.
            if file.exists() {
                let url = format!("ipc://{}", file.display());
                drop(sp::Pull::listen(&url, sp::Options::default()));
            }
        }
        drop(kept_acks);
        self.control().close();
        drop(lock(&self.isolation).take());
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
