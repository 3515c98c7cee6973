//! What a host and the handles of its symbols share: the process, the control
//! channel, and what runs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ekuiper_sp as sp;

use super::HostError;
use super::breach::{Breach, BreachError};
use super::channel::{Failure, Manner, Outgoing, RequestChannel};
use super::process::{Launch, Process};
use super::pull::PullChannel;
use super::shared::Shared;
use super::turn::Turn;
use super::watchdog::Watchdog;
use crate::event::{Limits, Meaning, Recorder, What};
use crate::isolate::Isolation;
use crate::package::Package;
use crate::profile::ProcessLife;
use crate::symbol::{Channel, Kind};
use crate::wire::{Command, Order, OrderAnswer};

/// The frames and the lines that the report of a failed test shows.
const REPORTED: usize = 40;

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    process: Mutex<Arc<Process>>,
    launch: Launch,
    init_limit: Duration,
    pub(crate) recorder: Arc<Recorder>,
    /// Holds what a zip was unpacked to.
    pub(crate) package: Arc<Package>,
    pub(crate) answer_limit: Duration,
    control: Mutex<RequestChannel>,
    /// What runs, in the order of its start.
    running: Mutex<Vec<Order>>,
    /// Functions that run, as far as the host knows, and that the process does
    /// not: their start is sent again when they are needed.
    unknown: Mutex<BTreeSet<String>>,
    /// Since when nothing runs.
    idle_since: Mutex<Option<Instant>>,
    /// Ack channels that the release never closes.
    kept: Mutex<Vec<PullChannel>>,
    /// Draws what eKuiper leaves to chance; without it the usual happens.
    chance: Option<Mutex<fastrand::Rng>>,
    /// The socket files of the sinks, which a killed plugin leaves behind.
    files: Mutex<BTreeSet<PathBuf>>,
    isolation: Mutex<Option<Isolation>>,
    failed: AtomicBool,
    /// The last to go.
    _turn: Option<Turn>,
}

/// What an [`Inner`] is made of.
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) process: Process,
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
            process: Mutex::new(Arc::new(parts.process)),
            launch: parts.launch,
            init_limit: parts.init_limit,
            recorder: parts.recorder,
            package: parts.package,
            answer_limit: parts.answer_limit,
            control: Mutex::new(parts.control),
            running: Mutex::default(),
            unknown: Mutex::default(),
            idle_since: Mutex::default(),
            kept: Mutex::default(),
            chance: parts
                .seed
                .map(|seed| Mutex::new(fastrand::Rng::with_seed(seed))),
            files: Mutex::default(),
            isolation: Mutex::new(parts.isolation),
            failed: AtomicBool::new(false),
            _turn: parts.turn,
        }
    }

    /// The process that runs now, or ran last.
    pub(super) fn process(&self) -> Arc<Process> {
        Arc::clone(&lock(&self.process))
    }

    /// Kills the process, and keeps all channels open for another one.
    pub(super) fn kill(&self) {
        self.shared.expect_end();
        self.process().end();
    }

    /// Launches the plugin anew, and waits for its greeting.
    pub(super) fn relaunch(&self) -> Result<(), HostError> {
        self.kill();
        let isolation = lock(&self.isolation);
        let watchdog = Watchdog::launch(isolation.as_ref())?;
        self.shared.replace(watchdog.group());
        let process = Process::launch(&self.launch, watchdog, isolation.as_ref(), &self.shared)?;
        drop(isolation);
        *lock(&self.process) = Arc::new(process);
        *lock(&self.unknown) = lock(&self.running)
            .iter()
            .filter(|order| order.kind == Kind::Function)
            .map(|order| order.symbol.clone())
            .collect();
        self.wait_greeting()
    }

    /// Sends a new process the start orders that eKuiper replays: of the
    /// sources and sinks that run, and of the function that was started last,
    /// in the order that `arrange` makes of it.
    pub(super) fn replay(&self, arrange: impl FnOnce(&mut [Order])) -> Result<(), HostError> {
        if !self.shared.profile.replay {
            return Ok(());
        }
        let mut orders = lock(&self.running).clone();
        let last = orders.iter().rposition(|o| o.kind == Kind::Function);
        let mut place = 0;
        orders.retain(|order| {
            place += 1;
            order.kind != Kind::Function || Some(place - 1) == last
        });
        arrange(&mut orders);
        self.order_again(&orders)
    }

    /// Sends the start orders of all that runs, as an eKuiper that has come
    /// back starts its rules.
    pub(super) fn start_all_again(&self) -> Result<(), HostError> {
        let mut orders = lock(&self.running).clone();
        self.shuffle(&mut orders);
        self.order_again(&orders)
    }

    fn order_again(&self, orders: &[Order]) -> Result<(), HostError> {
        for order in orders {
            self.order(Command::Start, order, || {})
                .map_err(|error| self.note(error))?;
            lock(&self.unknown).remove(&order.symbol);
        }
        Ok(())
    }

    /// Closes the control channel.
    pub(super) fn close_control(&self) {
        lock(&self.control).close();
    }

    /// Listens on the control channel again.
    pub(super) fn reopen_control(&self) -> Result<(), HostError> {
        let mut control = lock(&self.control);
        let opened = control.reopen();
        opened.map_err(|error| self.note(HostError::transport(control.channel(), error)))
    }

    /// Starts a function again that the process does not know.
    pub(super) fn ensure_function(&self, symbol: &str) -> Result<(), HostError> {
        if lock(&self.unknown).contains(symbol) {
            self.order(Command::Start, &Order::function(symbol), || {})
                .map_err(|error| self.note(error))?;
            lock(&self.unknown).remove(symbol);
        }
        Ok(())
    }

    /// Whether this stop is one of those that eKuiper sends before it closes
    /// the data channels: one of five.
    ///
    /// Source: protocol.md section 5, 80 of 100 recorded stops.
    fn draws_stop_first(&self) -> bool {
        let chance = self.chance.as_ref();
        chance.is_some_and(|chance| lock(chance).u8(0..5) == 0)
    }

    /// Puts what eKuiper does in no certain order into the order of this run.
    pub(super) fn shuffle<T>(&self, items: &mut [T]) {
        if let Some(chance) = &self.chance {
            lock(chance).shuffle(items);
        }
    }

    /// Keeps an ack channel open for as long as the host lives.
    pub(super) fn keep(&self, acks: PullChannel) {
        lock(&self.kept).push(acks);
    }

    /// Whether an ack channel was kept open.
    pub(super) fn keeps(&self, channel: &Channel) -> bool {
        lock(&self.kept)
            .iter()
            .any(|acks| acks.channel() == channel)
    }

    pub(super) fn wait_greeting(&self) -> Result<(), HostError> {
        self.wait_greeting_within(self.init_limit)
    }

    /// The same of a process that runs already: it has nothing to load.
    pub(super) fn wait_greeting_again(&self) -> Result<(), HostError> {
        self.wait_greeting_within(self.answer_limit)
    }

    fn wait_greeting_within(&self, limit: Duration) -> Result<(), HostError> {
        let mut control = lock(&self.control);
        match control.wait_greeting(limit) {
            Ok(()) => {
                self.process().note_greeting();
                Ok(())
            }
            Err(failure) => Err(self.note(self.failed(&control, failure, limit))),
        }
    }

    pub(super) fn check_alive(&self) -> Result<(), HostError> {
        match self.process().exit().status() {
            None => Ok(()),
            Some(_) => Err(self.note(self.exited())),
        }
    }

    /// Sends an order to start or stop a symbol and waits for `ok`.
    ///
    /// `sent` is called when the order is out, before its answer is awaited.
    fn order(&self, command: Command, order: &Order, sent: impl FnOnce()) -> Result<(), HostError> {
        let answer = self.send_order(command, order, Manner::Plain, sent)?;
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

    /// Sends an order, and gives what is answered.
    pub(super) fn send_order(
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
        self.exchange(outgoing, command, order, sent)
    }

    /// Sends `outgoing` as an order and waits for the answer; `command` and
    /// `order` are for the text of an error.
    pub(super) fn exchange(
        &self,
        outgoing: Outgoing<'_>,
        command: Command,
        order: &Order,
        sent: impl FnOnce(),
    ) -> Result<Vec<u8>, HostError> {
        self.check_alive()?;
        let _order_out = self.shared.order_out();
        if self.shared.take_interrupt() {
            return Err(HostError::Interrupted);
        }
        let regreet = self.shared.profile.regreet_on_control;
        let mut control = lock(&self.control);
        control
            .exchange(outgoing, self.answer_limit, regreet, sent)
            .map_err(|failure| match failure {
                Failure::TimedOut => HostError::NoAnswer {
                    command: command.name(),
                    kind: order.kind,
                    symbol: order.symbol.clone(),
                    limit: self.answer_limit,
                },
                other => self.failed(&control, other, self.answer_limit),
            })
    }

    /// Looks whether the plugin says something on the control channel that was
    /// not asked for, until `limit` from now.
    pub(super) fn overhear(&self, limit: Duration) -> Result<Option<Vec<u8>>, HostError> {
        let mut control = lock(&self.control);
        let heard = control.overhear(limit);
        heard.map_err(|failure| self.failed(&control, failure, limit))
    }

    /// Why nothing was heard on the control channel within `limit`.
    fn failed(&self, control: &RequestChannel, failure: Failure, limit: Duration) -> HostError {
        match failure {
            Failure::TimedOut => HostError::NoGreeting {
                limit,
                address: control.channel().url(),
            },
            Failure::Exited => self.exited(),
            Failure::Interrupted => HostError::Interrupted,
            Failure::Transport(error) => HostError::transport(control.channel(), error),
        }
    }

    /// Starts what runs once more, maybe with other properties.
    pub(super) fn start_again(&self, before: &Order, order: &Order) -> Result<(), HostError> {
        self.order(Command::Start, order, || {})
            .map_err(|error| self.note(error))?;
        for running in lock(&self.running).iter_mut() {
            if running == before {
                *running = order.clone();
            }
        }
        Ok(())
    }

    /// Starts a symbol, and notes that it runs.
    pub(super) fn start(&self, order: &Order) -> Result<(), HostError> {
        if self.shared.take_interrupt() {
            return Err(HostError::Interrupted);
        }
        self.wake_up()?;
        self.order(Command::Start, order, || {})
            .map_err(|error| self.note(error))?;
        lock(&self.running).push(order.clone());
        *lock(&self.idle_since) = None;
        self.shared.tell(What::Started {
            kind: order.kind,
            symbol: &order.symbol,
        });
        Ok(())
    }

    /// Launches the plugin anew where the release has ended an idle one.
    ///
    /// eKuiper 1.x kills it about a second after its last symbol stopped.
    fn wake_up(&self) -> Result<(), HostError> {
        const IDLE: Duration = Duration::from_secs(1);
        let ends = self.shared.profile.process_life == ProcessLife::Rules;
        let idle = lock(&self.idle_since).is_some_and(|since| since.elapsed() >= IDLE);
        if ends && idle {
            self.relaunch()?;
        }
        Ok(())
    }

    /// Stops an instance; `close` closes its data channels on our side, which
    /// eKuiper mostly does before it sends the order.
    pub(super) fn stop(&self, order: &Order, close: impl FnOnce()) -> Result<(), HostError> {
        let stopped = if self.draws_stop_first() {
            self.order(Command::Stop, order, close)
        } else {
            close();
            self.order(Command::Stop, order, || {})
        };
        let mut running = lock(&self.running);
        running.retain(|running| running != order);
        if running.is_empty() {
            *lock(&self.idle_since) = Some(Instant::now());
        }
        drop(running);
        if stopped.is_ok() {
            self.shared.tell(What::Stopped {
                kind: order.kind,
                symbol: &order.symbol,
            });
        }
        stopped.map_err(|error| self.note(error))
    }

    /// Breaks the transport's protocol on the control channel, and waits until
    /// the plugin is back.
    pub(super) fn breach_control(&self, breach: Breach) -> Result<(), HostError> {
        let mut control = lock(&self.control);
        let played = control.breach(breach, self.answer_limit);
        let channel = control.channel().clone();
        drop(control);
        played.map_err(|error| self.note(self.breached(&channel, error)))?;
        self.wait_greeting_again()
    }

    /// The error for a breach that could not be played.
    pub(super) fn breached(&self, channel: &Channel, error: BreachError) -> HostError {
        match error {
            BreachError::NobodyCame => HostError::NotDialed {
                channel: channel.name().to_owned(),
                limit: self.answer_limit,
            },
            BreachError::Exited => self.exited(),
            BreachError::Transport(error) => HostError::transport(channel, error),
            BreachError::System(source) => HostError::System {
                doing: "listen on a plain socket",
                source,
            },
        }
    }

    /// Notes a socket's file that a killed plugin leaves behind.
    pub(super) fn note_file(&self, file: PathBuf) {
        lock(&self.files).insert(file);
    }

    /// The error for a process that has ended.
    pub(super) fn exited(&self) -> HostError {
        let log = self.process().last_lines();
        let Some(status) = self.process().exit().status() else {
            return HostError::Interrupted;
        };
        if self.process().greeted_after().is_none() {
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
        self.process().end();
        for file in std::mem::take(&mut *lock(&self.files)) {
            // A listener of ours removes a file that nobody answers on, and
            // takes its own with it.
            if file.exists() {
                let url = format!("ipc://{}", file.display());
                drop(sp::Pull::listen(&url, sp::Options::default()));
            }
        }
        lock(&self.kept).clear();
        lock(&self.control).close();
        drop(lock(&self.isolation).take());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
