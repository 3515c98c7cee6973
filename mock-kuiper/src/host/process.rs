//! The plugin's process: launched as eKuiper launches it, watched, and killed.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::error::{HostError, InputError};
use super::exit::Exit;
use super::shared::Shared;
use super::watchdog::Watchdog;
use crate::event::What;
use crate::finding::Advice;
use crate::isolate::{Isolation, SpawnError};
use crate::spawn::spawn;

/// The lines of the plugin's output that are kept for a finding.
pub const KEPT_LINES: usize = 20;

/// The bytes of one line of the plugin's output that are read.
const LONGEST_LINE: u64 = 64 * 1024;

/// How long the plugin's output is still read after its group was killed. Only
/// a process that has left the group holds it open for longer.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What to run, where, with which environment.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// Program and arguments; at least the program.
    pub(crate) command: Vec<String>,
    /// The working directory; `None` for the host's own.
    pub(crate) directory: Option<PathBuf>,
    /// Variables that are added to the host's environment.
    pub(crate) environment: Vec<(String, String)>,
    /// What to do if the program cannot be run.
    pub(crate) advice: Advice,
}

/// A running plugin.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    watchdog: Watchdog,
    exit: Arc<Exit>,
    output: Arc<Output>,
    waiter: Mutex<Option<JoinHandle<()>>>,
    launched: Instant,
    /// How long after the launch its first greeting was read.
    greeted: OnceLock<Duration>,
}

/// The last lines that the plugin wrote, and whether more may follow.
#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Lines>,
    closed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    last: VecDeque<String>,
    /// The number of streams that are still open.
    open: u32,
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until both streams have ended, at most [`LAST_WORDS`].
    fn wait_closed(&self) -> MutexGuard<'_, Lines> {
        self.closed
            .wait_timeout_while(self.lock(), LAST_WORDS, |lines| lines.open > 0)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl Process {
    /// Starts the plugin in the watchdog's group.
    ///
    /// All waits for the plugin are woken when the process has exited.
    ///
    /// # Errors
    ///
    /// [`InputError::CannotLaunch`] if the program cannot be run,
    /// [`HostError::System`] if the system refuses a thread.
    pub(crate) fn launch(
        launch: &Launch,
        watchdog: Watchdog,
        isolation: Option<&Isolation>,
        shared: &Arc<Shared>,
    ) -> Result<Self, HostError> {
        let no_thread = |source| HostError::io("start a thread", source);
        let mut command = Command::new(&launch.command[0]);
        command
            .args(&launch.command[1..])
            .envs(launch.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(watchdog.group() as i32);
        if let Some(directory) = &launch.directory {
            command.current_dir(directory);
        }
        let launched = Instant::now();
        let spawned = match isolation {
            None => spawn(&mut command).map_err(SpawnError::Program),
            Some(isolation) => isolation.spawn(command),
        };
        let mut child = spawned.map_err(|error| match error {
            SpawnError::Program(source) => HostError::Input(Box::new(InputError::CannotLaunch {
                program: launch.command[0].clone(),
                advice: match source.kind() {
                    io::ErrorKind::ExecutableFileBusy => {
                        Advice::Do("close it first: a process has it open for writing".to_owned())
                    }
                    _ => launch.advice.clone(),
                },
                source,
            })),
            SpawnError::Refused(error) => HostError::isolation(error),
        })?;
        let pid = child.id();
        shared.tell(What::Launched {
            command: &launch.command,
            directory: launch.directory.as_deref(),
            pid,
        });
        let output = Arc::default();
        if let Some(stdout) = child.stdout.take() {
            read_lines(stdout, &output, shared).map_err(no_thread)?;
        }
        if let Some(stderr) = child.stderr.take() {
            read_lines(stderr, &output, shared).map_err(no_thread)?;
        }
        let waiter = {
            let (shared, exit) = (Arc::clone(shared), shared.exit());
            thread::Builder::new()
                .name("plugin-exit".to_owned())
                .spawn(move || {
                    // Fails only if the process was waited for elsewhere: it
                    // has exited all the same.
                    let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
                    exit.set(status);
                    shared.tell(What::Exited { status });
                    shared.note_end(&exit);
                })
                .map_err(no_thread)?
        };
        Ok(Self {
            pid,
            watchdog,
            exit: shared.exit(),
            output,
            waiter: Mutex::new(Some(waiter)),
            launched,
            greeted: OnceLock::new(),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the id of its process group, which its watchdog leads.
    pub(super) fn group(&self) -> u32 {
        self.watchdog.group()
    }

    /// Notes that a greeting was read; only the first counts.
    pub(super) fn note_greeting(&self) {
        let _ = self.greeted.set(self.launched.elapsed());
    }

    pub(super) fn greeted_after(&self) -> Option<Duration> {
        self.greeted.get().copied()
    }

    pub(crate) fn exit(&self) -> &Arc<Exit> {
        &self.exit
    }

    /// Kills the whole group, as eKuiper kills its plugins.
    pub(crate) fn kill(&self) {
        self.watchdog.kill_group();
    }

    /// Returns the last lines that the plugin wrote, at most [`KEPT_LINES`].
    ///
    /// Kills what is left of the group, so that no process in it holds the
    /// pipes open.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.kill();
        self.output.wait_closed().last.iter().cloned().collect()
    }

    /// Kills the group, and waits until its exit and its last lines have been
    /// reported. A process cannot delay a SIGKILL.
    pub(crate) fn end(&self) {
        self.kill();
        drop(self.output.wait_closed());
        let waiter = self
            .waiter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let _ = waiter.map(JoinHandle::join);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a process, in the plugin's group or not, has exited or does so within
/// `limit`. A zombie has exited.
pub(super) fn ends_within(pid: u32, limit: Duration) -> bool {
    const PAUSE: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + limit;
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").map_or("X", |(_, rest)| rest);
        if state.starts_with(['Z', 'X']) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
}

/// Reads a stream of the plugin line by line until its end.
fn read_lines(
    stream: impl Read + Send + 'static,
    output: &Arc<Output>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    output.lock().open += 1;
    let (output, shared) = (Arc::clone(output), Arc::clone(shared));
    thread::Builder::new()
        .name("plugin-log".to_owned())
        .spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut bytes = Vec::new();
            while let Ok(true) = read_line(&mut stream, &mut bytes) {
                let line = String::from_utf8_lossy(&bytes);
                let line = line.trim_end_matches(['\n', '\r']);
                shared.tell(What::Log { line });
                let mut lines = output.lock();
                if lines.last.len() == KEPT_LINES {
                    lines.last.pop_front();
                }
                lines.last.push_back(line.to_owned());
            }
            output.lock().open -= 1;
            output.closed.notify_all();
        })
        .map(drop)
}

/// Reads one line; returns `false` at the end of the stream. A line longer than
/// [`LONGEST_LINE`] bytes is cut there and ends with `…`.
fn read_line(stream: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = stream.by_ref().take(LONGEST_LINE).read_until(b'\n', line)?;
    if read as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
        stream.skip_until(b'\n')?;
        line.extend("…".as_bytes());
    }
    Ok(!line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_cut() {
        let limit = usize::try_from(LONGEST_LINE).unwrap();
        let output = [&vec![b'x'; 3 * limit], &b"\nnext\nlast"[..]].concat();
        let mut stream = BufReader::new(&*output);
        let mut line = Vec::new();
        let mut lines = Vec::new();

        while read_line(&mut stream, &mut line).unwrap() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }

        assert_eq!(lines[0], format!("{}…", "x".repeat(limit)));
        assert_eq!(lines[1..], ["next\n", "last"]);
    }
}
