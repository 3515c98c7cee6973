//! What a run knows of itself, and its launch.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use mock_kuiper::engine::wire::Order;
use mock_kuiper::{Builder, Host, HostError, Package, Sink, Source};

use crate::cli::attach;
use crate::cli::error::CliError;
use crate::cli::feed::Feed;
use crate::cli::findings::Findings;
use crate::cli::happening::Happening;
use crate::cli::interrupt::Interrupt;
use crate::cli::interrupted::Done;
use crate::cli::plan::Plan;
use crate::cli::running::{Running, Started};
use crate::cli::stream::Stream;
use crate::cli::summary::Ran;
use crate::cli::terminal::Terminal;
use crate::cli::watch::Watch;

/// A run.
pub(in crate::cli) struct Session<'a> {
    pub(super) plan: &'a Plan,
    pub(super) terminal: Arc<Terminal>,
    pub(super) stream: Arc<Stream>,
    pub(super) findings: Arc<Findings>,
    pub(super) host: Host,
    pub(super) told: Receiver<Happening>,
    pub(super) tell: Sender<Happening>,
    pub(super) feed: Arc<Feed>,
    pub(super) fresh: Fresh,
    pub(super) sources: Vec<Running>,
    pub(super) functions: Vec<Started>,
    pub(super) ran: Vec<Ran>,
    /// When the first start was ordered.
    pub(super) started: Instant,
    pub(super) mistakes: Vec<String>,
    /// Whether somebody else starts the plugin.
    pub(super) attached: bool,
    /// With `--watch`: what watches the plugin's directory.
    pub(super) watch: Option<Watch>,
    /// With `--watch`: what the plugin has refused to start so far.
    pub(super) unstarted: Vec<Todo<'a>>,
    /// Whether the exit of the process that ran last was reported.
    pub(super) end_told: Cell<bool>,
    pub(super) done: Done,
    /// Whether rows of the command line are being sent.
    pub(super) sending: bool,
    /// Whether a signal has ended a fault before its end. What the plugin does
    /// wrong from then on is not reported.
    pub(super) cut_fault: bool,
    /// Whether a signal has ended the run.
    pub(super) quits: Arc<AtomicBool>,
    _interrupt: Interrupt,
}

/// A symbol to start.
#[derive(Debug, Clone, Copy)]
pub(super) enum Todo<'a> {
    Instance(&'a Order),
    Function(&'a str),
}

/// Instances that were started, and that nobody reads or feeds yet.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    pub(super) sources: Vec<Source>,
    pub(super) sinks: Vec<Sink>,
}

impl<'a> Session<'a> {
    /// Launches the plugin; `None` if a signal comes while the host waits for its
    /// turn. `watched` is the directory that the user named, the package in it, and
    /// when it began to be built: the plugin is loaded again whenever it changes.
    ///
    /// # Errors
    ///
    /// Those of a launch, and [`CliError::Trouble`] if the system cannot watch
    /// the directory.
    pub(in crate::cli) fn start(
        plan: &'a Plan,
        host: Builder,
        terminal: Arc<Terminal>,
        stream: &Arc<Stream>,
        watched: Option<(&Path, &Arc<Package>, SystemTime)>,
    ) -> Result<Option<Self>, CliError> {
        let (tell, told) = mpsc::channel();
        let signalled = tell.clone();
        let interrupt = Interrupt::watch(move || {
            let _ = signalled.send(Happening::Signal);
        })?;
        stream.tell_end(tell.clone());
        let watch = match watched {
            None => None,
            // Before the launch, so that no change after it is missed.
            Some((directory, package, since)) => {
                let tell = tell.clone();
                Some(Watch::start(directory, package, since, move |change| {
                    let _ = tell.send(Happening::Changed(change));
                })?)
            }
        };
        let host = host.observer(Arc::clone(stream) as _);
        let host = match host.interrupted_by(interrupt.came()).spawn() {
            Err(HostError::Interrupted) => return Ok(None),
            spawned => spawned?,
        };
        interrupt.concerns(&host);
        let command = host.attach_command();
        if let Some(command) = &command {
            terminal.say(&attach::instructions(command));
        }
        let attached = command.is_some();
        let failed = tell.clone();
        terminal.on_stdout_failure(move |error| {
            // Nobody receives it after the end of the run.
            let _ = failed.send(Happening::StdoutFailed(error));
        });
        let findings = Arc::new(Findings::new(Arc::clone(stream)));
        let quits = Arc::<AtomicBool>::default();
        let outlives = attached || watch.is_some();
        let mut feed = Feed::new(plan.send_single, outlives, Arc::clone(&findings));
        if attached {
            feed = feed.leaves_when(&quits);
        }
        Ok(Some(Self {
            plan,
            feed: Arc::new(feed),
            terminal,
            stream: Arc::clone(stream),
            findings,
            host,
            told,
            tell,
            fresh: Fresh::default(),
            sources: Vec::new(),
            functions: Vec::new(),
            ran: Vec::new(),
            started: Instant::now(),
            mistakes: Vec::new(),
            attached,
            watch,
            unstarted: Vec::new(),
            end_told: Cell::new(false),
            done: Done::default(),
            sending: false,
            cut_fault: false,
            quits,
            _interrupt: interrupt,
        }))
    }
}

impl Session<'_> {
    /// Notes that a signal ends the run: nobody waits for what is missing.
    pub(super) fn quit(&self) {
        self.quits.store(true, Ordering::SeqCst);
        if self.attached {
            // A wait may have begun after the signal.
            self.host.interrupter().interrupt();
        }
    }

    pub(super) fn is_quitting(&self) -> bool {
        self.quits.load(Ordering::SeqCst)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.quit();
        for running in &mut self.sources {
            drop(running.join());
        }
    }
}

/// Starts a thread.
pub(super) fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, HostError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|source| HostError::io("start a thread", source))
}
