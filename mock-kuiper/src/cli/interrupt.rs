//! What asks a command to end: the signals SIGINT, SIGTERM and SIGHUP, and the end of
//! stdin.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use mock_kuiper::engine::host::Interrupter;
use mock_kuiper::{Host, HostError};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::error::CliError;

/// Interrupts the host at each signal, until it is dropped.
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

impl Interrupt {
    /// Begins to watch for signals. `came` is called after each, when the host
    /// is interrupted.
    ///
    /// # Errors
    ///
    /// [`CliError::Trouble`] if the system refuses.
    pub(super) fn watch(came: impl Fn() + Send + 'static) -> Result<Self, CliError> {
        let trouble = |error| CliError::Trouble(format!("cannot watch for signals: {error}"));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(trouble)?;
        let state = Arc::<State>::default();
        let (handle, shared) = (signals.handle(), Arc::clone(&state));
        let watch = move || {
            for _ in signals.forever() {
                shared.interrupt();
                came();
            }
        };
        // Tests look for this thread by its name.
        let thread = thread::Builder::new().name("signals".to_owned());
        thread.spawn(watch).map_err(trouble)?;
        Ok(Self {
            state,
            signals: handle,
        })
    }

    /// Names the host to interrupt. A signal that has come already interrupts it
    /// once.
    pub(super) fn concerns(&self, host: &Host) {
        self.state.concerns(host.interrupter());
    }

    /// Fails once a signal has come.
    pub(super) fn check(&self) -> Result<(), HostError> {
        match self.state.came.load(Ordering::SeqCst) {
            true => Err(HostError::Interrupted),
            false => Ok(()),
        }
    }

    /// Returns a function that tells whether a signal has come.
    pub(super) fn came(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let state = Arc::clone(&self.state);
        move || state.came.load(Ordering::SeqCst)
    }
}

/// Calls `ended` when stdin ends. What arrives before is dropped.
///
/// # Errors
///
/// [`CliError::Trouble`] if the system refuses.
pub(super) fn watch_stdin(ended: impl FnOnce() + Send + 'static) -> Result<(), CliError> {
    let watch = move || {
        // What cannot be read has ended, too.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        ended();
    };
    let thread = thread::Builder::new().name("stdin".to_owned()).spawn(watch);
    let trouble = |error| CliError::Trouble(format!("cannot watch stdin: {error}"));
    thread.map(drop).map_err(trouble)
}

impl State {
    fn interrupter(&self) -> MutexGuard<'_, Option<Interrupter>> {
        let interrupter = self.interrupter.lock();
        interrupter.unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts the host. A wait that this ends finds that a signal has come.
    fn interrupt(&self) {
        let interrupter = self.interrupter();
        self.came.store(true, Ordering::SeqCst);
        if let Some(interrupter) = &*interrupter {
            interrupter.interrupt();
        }
    }

    fn concerns(&self, new: Interrupter) {
        let mut interrupter = self.interrupter();
        if self.came.load(Ordering::SeqCst) {
            new.interrupt();
        }
        *interrupter = Some(new);
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        // The thread may outlive the run, and with the host it would keep the
        // directory that a zip was unpacked to.
        *self.state.interrupter() = None;
        self.signals.close();
    }
}
