//! A run from its launch to its end.
//!
//! One thread gives the orders; each source has a thread that reads, prints and
//! passes on its rows. What the others notice (the end of a source, of the
//! plugin, of stdout, a signal) they tell the first as a [`Happening`].

mod start;
mod stop;
mod wait;

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mock_kuiper::host::{Builder, Host, HostError};
use mock_kuiper::package::Package;

use self::start::{Instances, Todo};
use super::feed::Feed;
use super::findings::Findings;
use super::interrupt::Interrupt;
use super::plan::Plan;
use super::running::{Running, Started};
use super::stream::Stream;
use super::summary::Line;
use super::terminal::Terminal;
use super::watch::{Change, Watch};
use super::{CliError, Exit};

/// How long sinks may still take rows once all is sent.
const SETTLE: Duration = Duration::from_secs(5);

/// The same where a person waits for the end, who has asked for it.
const SETTLE_AT_SIGNAL: Duration = Duration::from_millis(500);

/// What the ordering thread is told.
#[derive(Debug)]
pub(super) enum Happening {
    /// A source's thread has ended; its channel is closed.
    SourceEnded(usize),
    /// The rows of the command line are sent.
    InputEnded(Result<(), Vec<String>>),
    PluginEnded,
    Signal,
    StdoutFailed(io::Error),
    /// The plugin was changed, and built if it has to be.
    Changed(Change),
}

/// A run.
pub(super) struct Session<'a> {
    plan: &'a Plan,
    terminal: Arc<Terminal>,
    stream: Arc<Stream>,
    findings: Arc<Findings>,
    host: Host,
    told: Receiver<Happening>,
    tell: Sender<Happening>,
    _interrupt: Interrupt,
    feed: Arc<Feed>,
    /// Started, and not yet read and fed.
    fresh: Instances,
    sources: Vec<Running>,
    functions: Vec<Started>,
    ran: Vec<Line>,
    started: Instant,
    mistakes: Vec<String>,
    settle: Duration,
    /// With --watch: what keeps an eye on the plugin.
    watch: Option<Watch>,
    /// What the plugin has refused to start, with --watch until it does.
    unstarted: Vec<Todo<'a>>,
    /// Whether the end of the process that ran last was said.
    end_told: Cell<bool>,
    /// Whether rows of the command line are being sent.
    sending: bool,
    /// Whether a signal has ended a fault half-way. What the plugin does from
    /// then on is not held against it.
    cut_fault: bool,
}

impl<'a> Session<'a> {
    /// Launches the plugin. `watched` is the directory that the user gave, and
    /// what is in it: it is loaded anew whenever it changes.
    ///
    /// # Errors
    ///
    /// Those of a launch, and [`CliError::Trouble`] where the system watches no
    /// directory.
    pub(super) fn start(
        plan: &'a Plan,
        host: Builder,
        terminal: Arc<Terminal>,
        stream: &Arc<Stream>,
        watched: Option<(&Path, Arc<Package>)>,
    ) -> Result<Self, CliError> {
        let (tell, told) = mpsc::channel();
        let signalled = tell.clone();
        let interrupt = Interrupt::watch(move || {
            let _ = signalled.send(Happening::Signal);
        })?;
        stream.tell_end(tell.clone());
        let watch = match watched {
            None => None,
            // Before the launch: what changes from then on is not missed.
            Some((directory, package)) => {
                let tell = tell.clone();
                Some(Watch::start(directory, package, move |change| {
                    let _ = tell.send(Happening::Changed(change));
                })?)
            }
        };
        let host = host.observer(Arc::clone(stream) as _).spawn()?;
        interrupt.concerns(&host);
        let failed = tell.clone();
        terminal.on_stdout_failure(move |error| {
            // Nobody is told where the run has ended already.
            let _ = failed.send(Happening::StdoutFailed(error));
        });
        let findings = Arc::new(Findings::new(Arc::clone(stream)));
        Ok(Self {
            plan,
            feed: Arc::new(Feed::new(plan.send_single, Arc::clone(&findings))),
            terminal,
            stream: Arc::clone(stream),
            findings,
            host,
            told,
            tell,
            _interrupt: interrupt,
            fresh: Instances::default(),
            sources: Vec::new(),
            functions: Vec::new(),
            ran: Vec::new(),
            started: Instant::now(),
            mistakes: Vec::new(),
            settle: SETTLE,
            watch,
            unstarted: Vec::new(),
            end_told: Cell::new(false),
            sending: false,
            cut_fault: false,
        })
    }

    /// Drives the run to its end.
    pub(super) fn finish(mut self) -> Result<Exit, CliError> {
        match self.host.wait_greeting() {
            Ok(()) => {}
            // Nothing ran yet.
            Err(HostError::Interrupted) => return Ok(Exit::Fine),
            Err(error) if self.watch.is_some() => {
                self.survive("", Err::<(), _>(error))?;
                if !self.wait_for_a_greeting()? {
                    return Ok(Exit::PluginFellShort);
                }
            }
            Err(error) => return Err(error.into()),
        }
        let driven = self.drive();
        let stopped = self.stop();
        self.terminal.close();
        // What was printed without anybody waiting: the results of calls.
        let printed = self.told.try_iter().try_for_each(|told| match told {
            Happening::StdoutFailed(error) => wait::unwritten(error),
            _ => Ok(()),
        });
        match driven.and(stopped).and(printed) {
            // What it did before it ended is worth a summary.
            Err(CliError::Finding(error)) => self.findings.report("", &error.to_string()),
            other => other?,
        }
        self.summarize();
        if !self.mistakes.is_empty() {
            return Err(CliError::Input(std::mem::take(&mut self.mistakes)));
        }
        Ok(if self.findings.total() == 0 {
            Exit::Fine
        } else {
            Exit::PluginFellShort
        })
    }

    /// Starts what is to be started and waits until there is no more to do.
    fn drive(&mut self) -> Result<(), CliError> {
        match self.start_all() {
            Ok(()) => self.wait(),
            Err(HostError::Interrupted) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, HostError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|source| HostError::System {
            doing: "start a thread",
            source,
        })
}
