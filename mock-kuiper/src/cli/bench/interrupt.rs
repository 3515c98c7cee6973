//! Ctrl-C: ends the wait that is on, and with it the bench.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mock_kuiper::host::{Host, HostError, Interrupter};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::cli::{CliError, session::spawn};

/// Whether the bench was asked to end.
pub(super) struct Interrupt {
    state: Arc<State>,
    signals: Handle,
}

#[derive(Default)]
struct State {
    came: AtomicBool,
    /// Of the host that runs now.
    interrupter: Mutex<Option<Interrupter>>,
}

impl State {
    fn pass_on(&self) {
        let interrupter = self.interrupter.lock();
        if let Some(interrupter) = &*interrupter.unwrap_or_else(PoisonError::into_inner) {
            interrupter.interrupt();
        }
    }
}

impl Interrupt {
    /// Begins to watch for signals.
    pub(super) fn watch() -> Result<Self, CliError> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
            .map_err(|error| CliError::Trouble(format!("cannot watch for signals: {error}")))?;
        let state = Arc::<State>::default();
        let (handle, told) = (signals.handle(), Arc::clone(&state));
        spawn("signals", move || {
            for _ in signals.forever() {
                // The first ends the bench in order, the next whatever waits then.
                told.came.store(true, Ordering::SeqCst);
                told.pass_on();
            }
        })?;
        Ok(Self {
            state,
            signals: handle,
        })
    }

    /// Has the waits of this host end.
    pub(super) fn concerns(&self, host: &Host) {
        let interrupter = self.state.interrupter.lock();
        *interrupter.unwrap_or_else(PoisonError::into_inner) = Some(host.interrupter());
        if self.state.came.load(Ordering::SeqCst) {
            self.state.pass_on();
        }
    }

    /// Fails once the bench was asked to end.
    pub(super) fn check(&self) -> Result<(), HostError> {
        if self.state.came.load(Ordering::SeqCst) {
            Err(HostError::Interrupted)
        } else {
            Ok(())
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.signals.close();
    }
}
