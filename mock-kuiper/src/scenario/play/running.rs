//! A command that runs, and what it has written.

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command as Process, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::waits::Deadline;
use crate::host::{Connection, Report, Supervisor};

/// The lines of one command's output that are kept, the last ones.
const LINES: usize = 200;

/// The bytes of a line that are kept.
const LINE: u64 = 16 * 1024;

/// A command that runs, below a supervisor that ends all that it has started.
#[derive(Debug)]
pub(super) struct Running {
    supervisor: Supervisor,
    state: Arc<State>,
}

/// What is known of a command.
#[derive(Debug, Default)]
struct State {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    lines: Vec<String>,
    exit: Option<ExitStatus>,
    /// Whether everything that the command has started has ended.
    ended: bool,
    /// The streams that are open.
    open: u32,
}

impl Running {
    /// Starts a command for `sh -c`.
    pub(super) fn start(command: &str, directory: &Path) -> io::Result<Self> {
        let mut shell = shell(command, directory);
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        let connection = Connection::supervise(&mut shell)?;
        let mut child = shell.spawn()?;
        // The command holds the supervisor's end of the connection.
        drop(shell);
        let state = Arc::<State>::default();
        let streams = (child.stdout.take(), child.stderr.take());
        let (supervisor, mut reports) = connection.launched(child)?;
        if let Some(stdout) = streams.0 {
            read_lines(stdout, &state)?;
        }
        if let Some(stderr) = streams.1 {
            read_lines(stderr, &state)?;
        }
        let watched = Arc::clone(&state);
        let watch = move || {
            while let Report::Exited(status) = reports.next() {
                watched.lock().exit = Some(status);
                watched.changed.notify_all();
            }
            watched.lock().ended = true;
            watched.changed.notify_all();
        };
        thread::Builder::new()
            .name("command".to_owned())
            .spawn(watch)?;
        Ok(Self { supervisor, state })
    }

    /// Returns the exit status of the command, once it has one.
    pub(super) fn exit(&self) -> Option<ExitStatus> {
        self.state.lock().exit
    }

    /// Whether a line of its output is as `matches` says.
    pub(super) fn has_line(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.state.lock().lines.iter().any(|line| matches(line))
    }

    /// Waits for the exit of the command; `None` at the limit, or as soon as
    /// `ends` says so.
    pub(super) fn wait_exit(
        &self,
        deadline: Deadline,
        ends: impl Fn() -> bool,
    ) -> Option<ExitStatus> {
        loop {
            let exit = self.exit();
            if exit.is_some() || ends() || !deadline.pause() {
                return exit;
            }
        }
    }

    /// Ends the command: with SIGTERM, so that it can clean up, and after `patience`
    /// with SIGKILL. Then ends all that it has started. Returns what it wrote.
    pub(super) fn end(self, patience: Duration) -> Vec<String> {
        if self.exit().is_none() {
            self.supervisor.terminate();
            self.wait_exit(Deadline::after(patience), || false);
        }
        self.supervisor.end();
        let seen = self.state.lock();
        let wait = self
            .state
            .changed
            .wait_timeout_while(seen, Duration::from_secs(10), |seen| {
                !seen.ended || seen.open > 0
            });
        let mut seen = wait.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::take(&mut seen.lines)
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shell(command: &str, directory: &Path) -> Process {
    let mut shell = Process::new("/bin/sh");
    shell
        .args(["-c", command])
        .current_dir(directory)
        .stdin(Stdio::null());
    shell
}

fn read_lines(stream: impl Read + Send + 'static, state: &Arc<State>) -> io::Result<()> {
    state.lock().open += 1;
    let state = Arc::clone(state);
    let read = move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while let Ok(1..) = stream.by_ref().take(LINE).read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line);
            let mut seen = state.lock();
            if seen.lines.len() == LINES {
                seen.lines.remove(0);
            }
            seen.lines
                .push(text.trim_end_matches(['\n', '\r']).to_owned());
            line.clear();
        }
        state.lock().open -= 1;
        state.changed.notify_all();
    };
    let thread = thread::Builder::new().name("command-log".to_owned());
    thread.spawn(read).map(drop)
}
