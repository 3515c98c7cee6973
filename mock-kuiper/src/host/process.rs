//! The plugin's process: launched as eKuiper launches it, watched, and killed.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::error::{HostError, InputError};
use super::exit::Exit;
use super::growth::{Grown, GrowthLimit};
use super::shared::Shared;
use super::supervisor::{Connection, Report, Supervisor};
use super::usage;
use crate::event::What;
use crate::finding::Advice;
use crate::foreign::in_sentence;
use crate::isolate::{Isolation, SpawnError};
use crate::spawn::spawn;

/// The lines of the plugin's output that are kept for a finding.
pub const KEPT_LINES: usize = 20;

/// The bytes of one line of the plugin's output that are read.
const LONGEST_LINE: u64 = 64 * 1024;

/// How long the plugin's output is still read after its process has ended. A
/// process that it has started may hold it open for longer.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long the end of a killed process is awaited.
const DYING: Duration = Duration::from_secs(10);

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
    /// By how much it may grow.
    pub(super) growth: Option<Arc<GrowthLimit>>,
}

/// A running plugin.
#[derive(Debug)]
pub(crate) struct Process {
    supervisor: Arc<Supervisor>,
    exit: Arc<Exit>,
    output: Arc<Output>,
    waiter: Mutex<Option<JoinHandle<()>>>,
    launched: Instant,
    /// How long after the launch its first greeting was read.
    greeted: Arc<OnceLock<Duration>>,
    /// The growth for which it was ended.
    grown: Arc<OnceLock<Grown>>,
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
    /// The names in `/proc` of the pipes that the streams are.
    pipes: Vec<PathBuf>,
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

    /// Returns the other processes that have one of the pipes open, with their
    /// names.
    fn holders(&self) -> BTreeMap<u32, String> {
        let pipes = self.lock().pipes.clone();
        let holds = |pid: &u32| {
            let files = fs::read_dir(format!("/proc/{pid}/fd"))
                .into_iter()
                .flatten();
            let mut files = files
                .flatten()
                .filter_map(|file| file.path().read_link().ok());
            *pid != std::process::id() && files.any(|file| pipes.contains(&file))
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(holds)
            .map(|pid| {
                let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                (pid, name.trim_end().to_owned())
            })
            .collect()
    }
}

impl Process {
    /// Starts the plugin below a supervisor, in a process group of its own.
    ///
    /// All waits for the plugin are woken when the process has exited.
    ///
    /// # Errors
    ///
    /// [`InputError::CannotLaunch`] if the program cannot be run,
    /// [`HostError::System`] if the system refuses a process or a thread.
    pub(crate) fn launch(
        launch: &Launch,
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
            .stderr(Stdio::piped());
        if let Some(directory) = &launch.directory {
            command.current_dir(directory);
        }
        let launched = Instant::now();
        let no_supervisor = |source| HostError::io("start the plugin's supervisor", source);
        let connection = Connection::supervise(&mut command).map_err(no_supervisor)?;
        let spawn = || {
            // Ends with the command, which holds the supervisor's end.
            let spawned = match isolation {
                None => spawn(command).map_err(SpawnError::Program),
                Some(isolation) => isolation.spawn(command),
            };
            let mut child = spawned.map_err(|error| not_launched(error, launch))?;
            let streams = (child.stdout.take(), child.stderr.take());
            let (supervisor, reports) = connection.launched(child).map_err(no_supervisor)?;
            Ok::<_, HostError>((supervisor.group(), (supervisor, reports, streams)))
        };
        let (exit, (supervisor, mut reports, (stdout, stderr))) = shared.launch(spawn)?;
        shared.tell(What::Launched {
            command: &launch.command,
            directory: launch.directory.as_deref(),
            pid: supervisor.plugin(),
        });
        let output = Arc::<Output>::default();
        if let Some(stdout) = stdout {
            read_lines(stdout, &output, shared).map_err(no_thread)?;
        }
        if let Some(stderr) = stderr {
            read_lines(stderr, &output, shared).map_err(no_thread)?;
        }
        let waiter = {
            let (shared, exit) = (Arc::clone(shared), Arc::clone(&exit));
            thread::Builder::new()
                .name("plugin-exit".to_owned())
                .spawn(move || {
                    loop {
                        match reports.next() {
                            Report::Exited(status) => {
                                exit.set(status);
                                shared.note_end(&exit, status);
                            }
                            Report::Ended(left) => {
                                tell_left(&left, &shared);
                                break;
                            }
                        }
                    }
                })
                .map_err(no_thread)?
        };
        let supervisor = Arc::new(supervisor);
        let (greeted, grown) = (Arc::default(), Arc::default());
        if let Some(limit) = &launch.growth {
            watch_growth(limit, &supervisor, &exit, &greeted, &grown).map_err(no_thread)?;
        }
        Ok(Self {
            supervisor,
            exit,
            output,
            waiter: Mutex::new(Some(waiter)),
            launched,
            greeted,
            grown,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.supervisor.plugin()
    }

    /// Returns the id of its process group, which its supervisor leads.
    pub(super) fn group(&self) -> u32 {
        self.supervisor.group()
    }

    /// Notes that a greeting was read; only the first counts.
    pub(super) fn note_greeting(&self) {
        let _ = self.greeted.set(self.launched.elapsed());
    }

    pub(super) fn greeted_after(&self) -> Option<Duration> {
        self.greeted.get().copied()
    }

    /// Returns the growth for which the process was ended, if it was.
    pub(super) fn grown(&self) -> Option<Grown> {
        self.grown.get().copied()
    }

    pub(crate) fn exit(&self) -> &Arc<Exit> {
        &self.exit
    }

    /// Kills the plugin's process, and no other, as eKuiper does. Waits for its
    /// exit, and returns the processes that then hold its output open: eKuiper
    /// waits for them.
    pub(crate) fn kill(&self) -> BTreeMap<u32, String> {
        self.supervisor.kill_plugin();
        // A process cannot delay a SIGKILL.
        let _ = self.exit.wait(DYING);
        let is_open = self.output.wait_closed().open > 0;
        if is_open {
            self.output.holders()
        } else {
            BTreeMap::new()
        }
    }

    /// Returns the last lines that the plugin wrote, at most [`KEPT_LINES`].
    ///
    /// Ends everything that descends from the plugin, so that no process holds the
    /// pipes open.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.supervisor.end();
        self.output.wait_closed().last.iter().cloned().collect()
    }

    /// Ends everything that descends from the plugin, and waits until that, its
    /// exit and its last lines have been reported.
    pub(crate) fn end(&self) {
        self.supervisor.end();
        let waiter = self
            .waiter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let _ = waiter.map(JoinHandle::join);
        drop(self.output.wait_closed());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn not_launched(error: SpawnError, launch: &Launch) -> HostError {
    match error {
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
    }
}

/// Reports the processes that had to be killed at the end.
fn tell_left(left: &BTreeMap<u32, String>, shared: &Shared) {
    if !left.is_empty() {
        let text = format!(
            "the plugin left {} running, which eKuiper does not end; the host has killed {}",
            named(left),
            if left.len() == 1 { "it" } else { "them" },
        );
        shared.tell(What::Note { text: &text });
    }
}

/// Writes processes as `process 12 (sleep)`, or `3 processes: 12 (sleep), …`.
pub(super) fn named(processes: &BTreeMap<u32, String>) -> String {
    /// The processes that are named.
    const NAMED: usize = 5;
    let mut names: Vec<_> = processes
        .iter()
        .take(NAMED)
        .map(|(pid, name)| format!("{pid} ({})", in_sentence(name)))
        .collect();
    if processes.len() > NAMED {
        names.push("…".to_owned());
    }
    match processes.len() {
        1 => format!("process {}", names.join("")),
        number => format!("{number} processes ({})", names.join(", ")),
    }
}

/// Whether a process, in the plugin's group or not, has exited or does so within
/// `limit`. A zombie has exited.
pub(super) fn ends_within(pid: u32, limit: Duration) -> bool {
    const PAUSE: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + limit;
    loop {
        if usage::has_exited(pid) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
}

/// Ends a process that grows beyond the limit.
fn watch_growth(
    limit: &Arc<GrowthLimit>,
    supervisor: &Arc<Supervisor>,
    exit: &Arc<Exit>,
    greeted: &Arc<OnceLock<Duration>>,
    grown: &Arc<OnceLock<Grown>>,
) -> io::Result<()> {
    let (limit, supervisor) = (Arc::clone(limit), Arc::clone(supervisor));
    let (exit, greeted, grown) = (Arc::clone(exit), Arc::clone(greeted), Arc::clone(grown));
    let memory = {
        let (pid, group) = (supervisor.plugin(), supervisor.group());
        move || {
            greeted.get()?;
            usage::memory_of_group(pid, group)
        }
    };
    let watch = move || {
        if let Some(growth) = limit.watch(&exit, memory) {
            // Before the exit, which is explained by it.
            let _ = grown.set(growth);
            supervisor.end();
        }
    };
    let thread = thread::Builder::new().name("plugin-memory".to_owned());
    thread.spawn(watch).map(drop)
}

/// Reads a stream of the plugin line by line until its end.
fn read_lines(
    stream: impl Read + AsFd + Send + 'static,
    output: &Arc<Output>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let mut lines = output.lock();
    lines.open += 1;
    if let Ok(found) = rustix::fs::fstat(&stream) {
        lines.pipes.push(format!("pipe:[{}]", found.st_ino).into());
    }
    drop(lines);
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
