//! What happens around the end of a plugin's process: it is killed, replaced, or
//! found to have exited.
//!
//! Rules: docs/protocol.md, sections 3 and 8.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;

use super::error::HostError;
use super::growth::Grown;
use super::inner::{Inner, lock};
use super::process::{Process, named};
use crate::event::What;
use crate::finding::{Finding, Observed};
use crate::release::ProcessLife;
use crate::symbol::{Channel, Kind, Symbol};
use crate::wire::{Command, Order};

impl Inner {
    /// Kills the process, reports what it leaves, and ends that too. Keeps all
    /// channels open for the next process.
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] if the host has not launched the process.
    pub(super) fn kill(&self) -> Result<(), HostError> {
        let process = self.launched()?;
        self.shared.expect_end();
        let holders = process.kill();
        if !holders.is_empty() {
            let text = format!(
                "{} still {} the output of the killed plugin open: eKuiper waits for its end, \
                 and does not start the plugin again",
                named(&holders),
                if holders.len() == 1 { "holds" } else { "hold" },
            );
            self.shared.tell(What::Note { text: &text });
        }
        process.end();
        Ok(())
    }

    /// Ends the process and everything that descends from it.
    ///
    /// # Errors
    ///
    /// Those of [`kill`](Self::kill), and that of [`check_killed`](Self::check_killed).
    pub(super) fn end_process(&self) -> Result<(), HostError> {
        let process = self.launched()?;
        self.shared.expect_end();
        process.end();
        self.check_killed()
    }

    /// Fails if the process that was killed had exited before, and no error has told
    /// of it.
    pub(super) fn check_killed(&self) -> Result<(), HostError> {
        let status = self.process().and_then(|process| process.exit().status());
        // Whatever else its parent was told, it was not killed.
        let by_itself = status.is_some_and(|status| status.signal() != Some(Signal::KILL.as_raw()));
        match by_itself && !self.has_failed() {
            true => Err(self.note(self.exited())),
            false => Ok(()),
        }
    }

    /// Kills the process as somebody else would: all waits end as after a crash.
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] if the host has not launched the process.
    pub(super) fn crash(&self) -> Result<(), HostError> {
        self.launched()?.kill();
        Ok(())
    }

    /// Returns the process, if the host has launched it.
    fn launched(&self) -> Result<Arc<Process>, HostError> {
        self.process().ok_or_else(|| {
            HostError::invalid(
                "the host has not launched this plugin, and neither ends nor starts it: do so in \
                 the debugger or the terminal in which it runs",
            )
        })
    }

    /// Launches the plugin again, and waits for its greeting.
    pub(super) fn relaunch(&self) -> Result<(), HostError> {
        self.kill()?;
        let isolation = lock(&self.isolation);
        let process = Process::launch(&self.launch, isolation.as_ref(), &self.shared)?;
        drop(isolation);
        let mut state = self.state();
        state.process = Some(Arc::new(process));
        let functions = state.running.iter().filter(|o| o.kind == Kind::Function);
        state.not_replayed = functions.map(|order| order.symbol.clone()).collect();
        drop(state);
        self.wait_first_greeting()
    }

    /// Sends a new process the start orders that eKuiper replays: those of the
    /// sources and sinks that run, and of the function that was started last,
    /// arranged by `arrange`.
    pub(super) fn replay(&self, arrange: impl FnOnce(&mut [Order])) -> Result<(), HostError> {
        if !self.shared.profile.replay {
            return Ok(());
        }
        let mut orders = self.state().running.clone();
        let last = orders.iter().rposition(|o| o.kind == Kind::Function);
        let mut place = 0;
        orders.retain(|order| {
            place += 1;
            order.kind != Kind::Function || Some(place - 1) == last
        });
        arrange(&mut orders);
        self.send_starts(&orders)
    }

    /// Sends the start orders of all that runs, as an eKuiper that has come
    /// back starts its rules.
    pub(super) fn restart_rules(&self) -> Result<(), HostError> {
        let mut orders = self.state().running.clone();
        self.shuffle(&mut orders);
        self.send_starts(&orders)
    }

    fn send_starts(&self, orders: &[Order]) -> Result<(), HostError> {
        for order in orders {
            self.demand_ok(Command::Start, order, || {})?;
            self.state().not_replayed.remove(&order.symbol);
            self.shared.note_restart();
        }
        Ok(())
    }

    /// Starts a function again if the present process was not told of it.
    pub(super) fn ensure_function(&self, symbol: &str) -> Result<(), HostError> {
        if self.state().not_replayed.contains(symbol) {
            self.send_starts(&[Order::function(symbol)])?;
        }
        Ok(())
    }

    /// Launches the plugin again if the release has ended it because it was
    /// idle: eKuiper 1.x kills it about a second after its last symbol stopped.
    pub(super) fn wake_up(&self) -> Result<(), HostError> {
        const IDLE: Duration = Duration::from_secs(1);
        let ends =
            self.shared.profile.process_life == ProcessLife::Rules && !self.shared.is_attached();
        let idle_since = self.state().idle_since;
        if ends && idle_since.is_some_and(|since| since.elapsed() >= IDLE) {
            self.relaunch()?;
        }
        Ok(())
    }

    /// Makes the error for a process that has exited.
    pub(super) fn exited(&self) -> HostError {
        let Some(process) = self.process() else {
            return HostError::Interrupted;
        };
        // A process that has replaced it may run already: it is left alone.
        let Some(status) = process.exit().status() else {
            return HostError::Interrupted;
        };
        let log = process.last_lines();
        if let Some(Grown { before, after }) = process.grown() {
            return Finding::new(Observed::Grown { before, after }).into();
        }
        if process.greeted_after().is_none() {
            let control = Channel::control(&self.package.manifest().name);
            let early = Finding::new(Observed::ExitedEarly { status, log });
            return early.on(&control).into();
        }
        let running = self.state().running.clone().into_iter();
        let observed = Observed::Exited {
            status,
            running: running
                .map(|order| Symbol::new(order.kind, order.symbol))
                .collect(),
            log,
        };
        Finding::new(observed).into()
    }
}
