//! [`Host`]: what a test, the command and the suite drive a plugin with.

use std::sync::Arc;
use std::time::Duration;

use super::attach_command::AttachCommand;
use super::error::HostError;
use super::function::Function;
use super::inner::Inner;
use super::restart::{Instance, go_and_come};
use super::sink::{AckMode, Sink};
use super::source::Source;
use super::start::{SinkStart, SourceStart};
use super::usage;
use crate::event::{Frame, What};
use crate::release::Release;
use crate::usage::Usage;
use crate::wire::Order;

/// How long the exit of a process is awaited whose memory is freed already.
const DYING: Duration = Duration::from_millis(500);

/// A host with one plugin. The crate's documentation has an example.
///
/// Dropping it kills the plugin and everything that descends from it, unless it was
/// [attached](super::Builder::attach), and leaves
/// nothing behind: no process, no socket file. If the thread panics at that moment, or if the host
/// has returned an error, a report is printed to stderr: the error with its
/// advice, the last messages, and the plugin's output. A test shows it if it
/// failed.
#[derive(Debug)]
pub struct Host {
    pub(super) inner: Arc<Inner>,
}

/// Ends a host's waits from another thread.
#[derive(Debug, Clone)]
pub struct Interrupter(Arc<Inner>);

impl Interrupter {
    /// Ends the current or the next wait for the plugin with
    /// [`HostError::Interrupted`], once.
    ///
    /// An order that has been sent is an exception: its answer is awaited first,
    /// so that a source or sink that the plugin has started can be stopped. A
    /// second interrupt ends the wait for the answer, too.
    pub fn interrupt(&self) {
        self.0.shared.interrupt();
    }
}

impl Host {
    /// Describes the start of a source.
    pub fn source(&self, symbol: impl Into<String>) -> SourceStart<'_> {
        SourceStart::new(&self.inner, symbol.into())
    }

    /// Opens the channel of a source and starts the source with this order.
    ///
    /// # Errors
    ///
    /// A finding if the start is refused or not answered, or if the plugin
    /// exits; [`HostError::System`] if the address is in use. The channel is
    /// closed again then.
    pub fn start_source(&self, order: Order) -> Result<Source, HostError> {
        Source::start(&self.inner, order)
    }

    /// Describes the start of a sink.
    pub fn sink(&self, symbol: impl Into<String>) -> SinkStart<'_> {
        SinkStart::new(&self.inner, symbol.into())
    }

    /// Opens a sink's ack channel, if the release has one, starts the sink with
    /// this order and connects to it.
    ///
    /// An ack may take as long as the answer to an order; see
    /// [`Builder::answer_timeout`](super::Builder::answer_timeout).
    ///
    /// # Errors
    ///
    /// A finding if the start is refused or not answered, if the plugin exits,
    /// or if the sink answers `ok` before it listens, in which case it is
    /// stopped again. [`HostError::System`] if an address is in use.
    pub fn start_sink(&self, order: Order, acks: AckMode) -> Result<Sink, HostError> {
        Sink::start(&self.inner, order, acks)
    }

    /// Opens a function's channel and starts the function.
    ///
    /// # Errors
    ///
    /// A finding if the start is refused or not answered, if the plugin exits,
    /// or if the release waits for a greeting on the channel and none arrives.
    /// [`HostError::System`] if the address is in use.
    pub fn function(&self, symbol: &str) -> Result<Function, HostError> {
        Function::start(&self.inner, symbol)
    }

    /// Waits for the plugin's first greeting, at most
    /// [`Builder::init_timeout`](super::Builder::init_timeout) from now. The
    /// content of the greeting is ignored.
    ///
    /// [`Builder::launch`](super::Builder::launch) has done this already; it is
    /// for a plugin that was [spawned](super::Builder::spawn).
    ///
    /// # Errors
    ///
    /// A finding: [`Code::PluginExitedEarly`](crate::Code::PluginExitedEarly) if
    /// the process exits first, otherwise
    /// [`Code::PluginNoGreeting`](crate::Code::PluginNoGreeting) at the limit.
    pub fn wait_greeting(&self) -> Result<(), HostError> {
        self.inner.wait_first_greeting()
    }

    /// Kills the plugin's process, and no other, with SIGKILL, as eKuiper does, and
    /// waits for its exit. Reports the processes that then still hold the plugin's
    /// output open as a [`What::Note`](crate::What::Note), since eKuiper would wait
    /// for them, and ends everything that descends from the plugin.
    ///
    /// All channels stay open, as after a crash. Handles that wait go on waiting
    /// for a new process; see [`reload`](Self::reload).
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] if the host has not launched the plugin; see
    /// [`Builder::attach`](super::Builder::attach). The finding
    /// [`Code::PluginExited`](crate::Code::PluginExited) if the process had exited
    /// before, and this host has returned no finding yet.
    pub fn kill(&self) -> Result<(), HostError> {
        self.inner.kill()?;
        self.inner.check_killed()
    }

    /// Ends the plugin's process and everything that descends from it. The errors are
    /// those of [`kill`](Self::kill).
    pub(crate) fn end_process(&self) -> Result<(), HostError> {
        self.inner.end_process()
    }

    /// Kills the plugin's process, and no other, with SIGKILL, as somebody else
    /// would, and waits for its exit. For the host it is a crash: all waits end
    /// with [`Code::PluginExited`](crate::Code::PluginExited).
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] if the host has not launched the plugin.
    #[doc(hidden)]
    pub fn crash(&self) -> Result<(), HostError> {
        self.inner.crash()
    }

    /// Replaces the plugin's process, as eKuiper does when a plugin is updated
    /// or has crashed. The old process is killed if it runs. The new one gets
    /// the start orders of the sources and sinks that ran, and of the function
    /// that was started last. Other functions are started again when they are
    /// called.
    ///
    /// The handles stay valid. A release before 1.8 replays nothing.
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] if the host has not launched the plugin, and those of a
    /// launch, of a greeting, and of an order.
    pub fn reload(&self) -> Result<(), HostError> {
        self.reload_with(|orders| self.shuffle(orders))
    }

    /// Replaces the plugin's process like [`reload`](Self::reload), and lets
    /// `arrange` reorder the start orders, which it receives in the order of
    /// their first start.
    ///
    /// # Errors
    ///
    /// Those of [`reload`](Self::reload).
    pub fn reload_with(&self, arrange: impl FnOnce(&mut [Order])) -> Result<(), HostError> {
        self.inner.relaunch()?;
        self.inner.replay(arrange)
    }

    /// Closes the control channel and those of `instances` at once, as a host
    /// that is killed does; opens them again after `away`, waits for the
    /// plugin's greeting, and sends the start orders of all that runs.
    ///
    /// The process lives on. The plugin survives if it dials and greets again,
    /// answers the starts of what it runs already with `ok`, does not double
    /// rows, and answers calls.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), mock_kuiper::HostError> {
    /// # let host = mock_kuiper::Host::launch("mirror")?;
    /// use std::time::Duration;
    ///
    /// let mut random = host.source("random").start()?;
    /// let mut echo = host.function("echo")?;
    /// host.restart(Duration::from_secs(1), &mut [&mut random, &mut echo])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A finding if the plugin does not come back, those of an order, and
    /// [`HostError::System`] if an address is in use.
    pub fn restart(
        &self,
        away: Duration,
        instances: &mut [&mut dyn Instance],
    ) -> Result<(), HostError> {
        let host = &self.inner;
        go_and_come(host, away, instances, || host.wait_next_greeting())
    }

    /// Begins again with a new process and new channels, whatever happened to
    /// the old ones: starts all that runs in the new process, on any release.
    ///
    /// # Errors
    ///
    /// Those of a launch, of a greeting, and of an order.
    pub fn renew(&self, instances: &mut [&mut dyn Instance]) -> Result<(), HostError> {
        let host = &self.inner;
        host.kill()?;
        go_and_come(host, Duration::ZERO, instances, || host.relaunch())
    }

    /// Arranges `items` in an order drawn by
    /// [`Builder::seed`](super::Builder::seed). Without a seed they stay as they
    /// are. For what a rule starts at the same time.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        self.inner.shuffle(items);
    }

    /// Returns a handle that ends waits from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.inner))
    }

    /// Forgets the interrupts so far: the next wait is not ended by one, and the
    /// next interrupt counts as the first.
    pub fn clear_interrupt(&self) {
        self.inner.shared.clear_interrupt();
    }

    /// Takes an interrupt; returns whether there was one.
    pub(crate) fn take_interrupt(&self) -> bool {
        self.inner.shared.take_interrupt()
    }

    /// Sends the observers an event that happens now.
    pub(crate) fn tell(&self, what: What<'_>) {
        self.inner.shared.tell(what);
    }

    /// Returns how long an answer may take.
    #[doc(hidden)]
    #[must_use]
    pub fn answer_limit(&self) -> Duration {
        self.inner.answer_limit
    }

    /// Lets all orders from now on have their answers within `limit`, together. For the
    /// end of a run, when nobody waits.
    #[doc(hidden)]
    pub fn limit_orders(&self, limit: Duration) {
        self.inner.limit_orders(limit);
    }

    /// Returns the release that is played.
    #[must_use]
    pub fn release(&self) -> &'static Release {
        self.inner.shared.profile
    }

    /// Returns the plugin's process id. It is 0 while no plugin is
    /// [attached](super::Builder::attach), and if the system does not tell.
    #[must_use]
    pub fn pid(&self) -> u32 {
        match self.inner.process() {
            Some(process) => process.pid(),
            None => self.inner.attached_pid().unwrap_or(0),
        }
    }

    /// Whether a debugger or a signal has stopped the plugin's process.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.inner.is_stopped()
    }

    /// Returns how to start the plugin, if the host does not launch it itself; see
    /// [`Builder::attach`](super::Builder::attach).
    #[must_use]
    pub fn attach_command(&self) -> Option<AttachCommand> {
        let launch = &self.inner.launch;
        self.inner.shared.is_attached().then(|| AttachCommand {
            command: launch.command.clone(),
            environment: launch.environment.clone(),
            directory: launch.directory.clone(),
        })
    }

    /// Returns the last messages on the plugin's channels, the oldest first; see
    /// [`Builder::record`](super::Builder::record).
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.inner.recorder.frames()
    }

    /// Returns the last lines that the plugin wrote to its stdout and stderr.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.inner.recorder.lines()
    }

    /// Returns what the plugin's process group uses now; of an attached plugin, what
    /// its process uses.
    ///
    /// # Errors
    ///
    /// The finding that the launched process has exited; [`HostError::Input`] if no
    /// plugin is attached.
    pub fn usage(&self) -> Result<Usage, HostError> {
        let Some(process) = self.inner.process() else {
            let pid = self.inner.attached_pid();
            let no_plugin = || HostError::invalid("no plugin is attached now: start it first");
            return pid.and_then(usage::of_process).ok_or_else(no_plugin);
        };
        usage::of_group(process.pid(), process.group()).ok_or_else(|| {
            // It disappears from /proc a moment before its exit is known.
            let _ = process.exit().wait(DYING);
            self.inner.note(self.inner.exited())
        })
    }

    /// Returns for how long the threads of the plugin that run now have used a processor
    /// or waited for one, together; `None` if it has exited. On a busy machine this is
    /// more than [`Usage::processor_time`]; on a system that does not count how long a
    /// thread waits, it is the same.
    #[must_use]
    pub fn wanted_time(&self) -> Option<Duration> {
        self.inner.wanted_time()
    }

    /// Returns how long the plugin took from its launch to its first greeting;
    /// `None` before that was [read](Self::wait_greeting). After a
    /// [`reload`](Self::reload) it is that of the new process. Of an attached plugin it
    /// counts from its connection, and is `None` while no plugin is attached.
    #[must_use]
    pub fn time_to_greeting(&self) -> Option<Duration> {
        match self.inner.process() {
            Some(process) => process.greeted_after(),
            None => self.inner.shared.attachment()?.greeted_after(),
        }
    }

    /// Whether the process has exited although the host had not ended it.
    #[doc(hidden)]
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.inner.shared.crashes_within(Duration::ZERO)
    }

    /// Fails if the plugin's process has exited. An attached plugin may be started
    /// again, so that its exit is no failure.
    ///
    /// # Errors
    ///
    /// The finding that it has, with what was running and the last lines of the
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
