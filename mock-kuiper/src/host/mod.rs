//! A host: one plugin, launched, ordered about, and ended.
//!
//! The order of things is the caller's: this says what eKuiper would say, when
//! it is told to, and what came of it.
//!
//! Rules: protocol.md sections 3 to 7.

mod breach;
mod builder;
mod channel;
mod error;
mod function;
mod inner;
mod misfortune;
mod process;
mod pull;
mod restart;
mod shared;
mod sink;
mod source;
mod turn;
mod usage;
mod watchdog;

use std::sync::Arc;
use std::time::Duration;

pub use self::breach::Breach;
pub use self::builder::Builder;
pub use self::error::{HostError, how, process_name};
pub use self::function::{Call, Function};
use self::inner::Inner;
pub use self::process::KEPT_LINES;
pub use self::restart::Instance;
pub use self::sink::{Sink, SinkError, SinkStart};
pub use self::source::{LAST_ROWS, Row, Source, SourceStart, source_order};
pub use self::usage::Usage;
use crate::event::{Frame, What};
use crate::profile::Profile;
use crate::wire::Order;

/// A host with one plugin. The crate's first page has an example.
///
/// Dropping it kills the plugin's process group and leaves nothing behind: no
/// process, no socket file. If the thread panics then, or the host has given
/// out an error, the last messages and the plugin's output are printed on
/// stderr, which a test shows if it failed.
#[derive(Debug)]
pub struct Host {
    inner: Arc<Inner>,
}

/// Ends a host's waits from another thread.
#[derive(Debug, Clone)]
pub struct Interrupter(Arc<Inner>);

impl Interrupter {
    /// Ends the current or the next wait for the plugin with
    /// [`HostError::Interrupted`], once.
    ///
    /// While an order is unanswered, its answer is still awaited and the next wait
    /// ends instead: a source or sink that the plugin has started can then be
    /// stopped. A second interrupt ends the wait for the answer, too.
    pub fn interrupt(&self) {
        self.0.shared.interrupt();
    }
}

impl Host {
    /// Begins to describe a host.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Waits for the plugin's first greeting, at most [`Builder::init_timeout`]
    /// from now.
    ///
    /// [`Builder::launch`] has done so; this is for a plugin that was only
    /// [spawned](Builder::spawn). What the greeting says is not looked at.
    ///
    /// # Errors
    ///
    /// [`HostError::ExitedEarly`] if the process ends first, else
    /// [`HostError::NoGreeting`] at the limit.
    pub fn wait_greeting(&self) -> Result<(), HostError> {
        self.inner.wait_greeting()
    }

    /// Kills the plugin's process group with SIGKILL, and waits for its end.
    ///
    /// All channels stay open, as after a crash. Handles that wait go on to
    /// wait for what a new process brings; see [`reload`](Self::reload).
    pub fn kill(&self) {
        self.inner.kill();
    }

    /// Replaces the plugin's process by a new one, as eKuiper does when a
    /// plugin is updated or has crashed: it is killed if it runs, launched,
    /// and gets the start orders of the sources and sinks that ran, and of the
    /// function that was started last. The other functions are started again
    /// when they are called.
    ///
    /// The handles stay good. A release before 1.8 replays nothing.
    ///
    /// # Errors
    ///
    /// Those of a launch, of a greeting, and of an order.
    pub fn reload(&self) -> Result<(), HostError> {
        self.reload_with(|orders| self.shuffle(orders))
    }

    /// Does as [`reload`](Self::reload), with the start orders in the order
    /// that `arrange` makes of them; it finds them in that of their first start.
    ///
    /// # Errors
    ///
    /// As [`reload`](Self::reload).
    pub fn reload_with(&self, arrange: impl FnOnce(&mut [Order])) -> Result<(), HostError> {
        self.inner.relaunch()?;
        self.inner.replay(arrange)
    }

    /// Puts `items` into an order that [`Builder::seed`] draws; without a seed
    /// they stay as they are. For what a rule starts at the same time.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        self.inner.shuffle(items);
    }

    /// Gives a handle that ends waits from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.inner))
    }

    /// Forgets all interrupts so far. The next wait is not interrupted, and the
    /// next interrupt counts as the first.
    pub fn clear_interrupt(&self) {
        self.inner.shared.clear_interrupt();
    }

    /// Takes an interrupt, if there was one.
    pub(crate) fn take_interrupt(&self) -> bool {
        self.inner.shared.take_interrupt()
    }

    /// Tells the observers of something that happens now.
    pub(crate) fn tell(&self, what: What<'_>) {
        self.inner.shared.tell(what);
    }

    /// How long an answer may take.
    pub(crate) fn answer_limit(&self) -> Duration {
        self.inner.answer_limit
    }

    /// Returns the release that is played.
    #[must_use]
    pub fn release(&self) -> &'static Profile {
        self.inner.shared.profile
    }

    /// Returns the plugin's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.inner.process().pid()
    }

    /// Returns the last messages that went over the plugin's channels, the
    /// oldest first; see [`Builder::record`].
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.inner.recorder.frames()
    }

    /// Returns the last lines that the plugin wrote to its stdout and stderr.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.inner.recorder.lines()
    }

    /// Fails if the plugin's process has ended.
    ///
    /// # Errors
    ///
    /// [`HostError::Crashed`], with what was running and the last lines of the
    /// plugin's output.
    pub fn check_alive(&self) -> Result<(), HostError> {
        self.inner.check_alive()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.inner.end();
        if std::thread::panicking() || self.inner.has_failed() {
            self.inner.print_report();
        }
    }
}
