//! The commands of `setup` and `teardown`.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::stop::Stop;
use super::waits::Deadline;
use crate::finding::describe_status;
use crate::foreign::in_sentence;
use crate::host::{Connection, Report, Supervisor};
use crate::scenario::model::{Command, Ready};
use crate::scenario::node::Place;
use crate::scenario::pattern::{Pattern, Template, Variables};
use crate::scenario::result::Failure;

/// The lines of one command's output that are kept, the last ones.
const LINES: usize = 200;

/// The bytes of a line that are kept.
const LINE: u64 = 16 * 1024;

/// Runs commands, and ends those in the background when it is dropped.
#[derive(Debug)]
pub(in crate::scenario) struct Commands {
    directory: PathBuf,
    scale: f64,
    stop: Stop,
    running: Vec<Running>,
    /// What commands that have ended wrote.
    output: Vec<String>,
}

/// Why a command failed.
#[derive(Debug, Clone)]
pub(super) struct CommandFailure {
    pub(super) command: String,
    pub(super) place: Place,
    pub(super) text: String,
}

impl CommandFailure {
    /// Makes the failure of a system that refuses a directory or a port.
    pub(super) fn system(error: &io::Error) -> Self {
        Self {
            command: "setup".to_owned(),
            place: Place { line: 1, column: 1 },
            text: format!("cannot make a temporary directory and find a free port: {error}"),
        }
    }
}

impl From<CommandFailure> for Failure {
    fn from(failure: CommandFailure) -> Self {
        let CommandFailure {
            command,
            place,
            text,
        } = failure;
        Self {
            step: "command".to_owned(),
            place,
            text: match command.is_empty() {
                true => text,
                false => format!("`{command}` {text}"),
            },
            differences: Vec::new(),
            finding: None,
        }
    }
}

/// A command that runs, below a supervisor that ends all that it has started.
#[derive(Debug)]
struct Running {
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

impl Commands {
    /// Makes a place for commands, which run in `directory`. `scale` lengthens
    /// their limits.
    pub(in crate::scenario) fn new(directory: &Path, scale: f64, stop: &Stop) -> Self {
        Self {
            directory: directory.to_owned(),
            scale,
            stop: stop.clone(),
            running: Vec::new(),
            output: Vec::new(),
        }
    }

    /// Runs commands one after another, until one fails.
    pub(super) fn run(
        &mut self,
        commands: &[Command],
        variables: &Variables,
    ) -> Result<(), CommandFailure> {
        commands
            .iter()
            .try_for_each(|command| self.run_one(command, variables))
    }

    /// Runs all commands, also after one has failed. Returns the first failure.
    pub(super) fn run_all(
        &mut self,
        commands: &[Command],
        variables: &Variables,
    ) -> Result<(), CommandFailure> {
        let failures = commands
            .iter()
            .map(|command| self.run_one(command, variables));
        failures.fold(Ok(()), Result::and)
    }

    /// Ends the commands in the background, and returns what all commands wrote.
    pub(super) fn finish(&mut self) -> Vec<String> {
        for running in self.running.drain(..) {
            self.output.extend(running.end());
        }
        std::mem::take(&mut self.output)
    }

    fn run_one(&mut self, command: &Command, variables: &Variables) -> Result<(), CommandFailure> {
        let failed = |command_line: &str, text: String| CommandFailure {
            command: command_line.to_owned(),
            place: command.place,
            text,
        };
        let line = text(&command.run, variables).map_err(|text| failed("", text))?;
        let limit = command.within.mul_f64(self.scale);
        let deadline = Deadline::after(limit);
        let running = Running::start(&line, &self.directory)
            .map_err(|error| failed(&line, format!("cannot be started: {error}")))?;
        if !command.background {
            let ended = running.wait_exit(deadline, &self.stop);
            self.output.extend(running.end());
            return match ended {
                Some(status) if status.success() => Ok(()),
                Some(status) => Err(failed(&line, describe_status(status))),
                None => Err(failed(&line, format!("has not ended within {limit:?}"))),
            };
        }
        let ready = match &command.ready {
            Some(ready) => self.wait_ready(ready, &running, deadline, variables),
            None => Ok(()),
        };
        self.running.push(running);
        ready.map_err(|text| failed(&line, text))
    }

    /// Waits until a command in the background is ready.
    fn wait_ready(
        &self,
        ready: &Ready,
        running: &Running,
        deadline: Deadline,
        variables: &Variables,
    ) -> Result<(), String> {
        let condition = Condition::of(ready, variables)?;
        loop {
            if condition.holds(&self.directory, &running.state) {
                return Ok(());
            }
            if let Some(status) = running.state.lock().exit {
                let status = describe_status(status);
                return Err(format!("{status} before {condition}"));
            }
            if self.stop.is_stopped() {
                return Err("was interrupted".to_owned());
            }
            if !deadline.pause() {
                return Err(format!("is not ready: not yet {condition}"));
            }
        }
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A readiness condition with the values of its variables.
enum Condition {
    Port(u16),
    File(String),
    Log(Pattern),
    Run(String),
}

impl Condition {
    fn of(ready: &Ready, variables: &Variables) -> Result<Self, String> {
        Ok(match ready {
            Ready::Port(port) => {
                let port = text(port, variables)?;
                let number = port.parse();
                Self::Port(number.map_err(|_| format!("`{port}` is not a port"))?)
            }
            Ready::File(path) => Self::File(text(path, variables)?),
            Ready::Log(pattern) => Self::Log(pattern.resolve(variables)?),
            Ready::Run(command) => Self::Run(text(command, variables)?),
        })
    }

    fn holds(&self, directory: &Path, state: &State) -> bool {
        match self {
            Self::Port(port) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_ok()
            }
            Self::File(path) => directory.join(path).exists(),
            Self::Log(pattern) => {
                let seen = state.lock();
                let matches = |line: &String| {
                    let differences = pattern.compare(&Value::String(line.clone()));
                    differences.is_empty()
                };
                seen.lines.iter().any(matches)
            }
            Self::Run(command) => {
                let mut shell = shell(command, directory);
                shell.stdout(Stdio::null()).stderr(Stdio::null());
                shell.status().is_ok_and(|status| status.success())
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port} was open"),
            Self::File(path) => write!(f, "the file `{}` existed", in_sentence(path)),
            Self::Log(_) => f.write_str("a line of its output matched `log`"),
            Self::Run(command) => write!(f, "`{}` succeeded", in_sentence(command)),
        }
    }
}

impl Running {
    fn start(command: &str, directory: &Path) -> io::Result<Self> {
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

    /// Waits for the exit of the command; `None` at the limit or when the run is
    /// stopped.
    fn wait_exit(&self, deadline: Deadline, stop: &Stop) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.state.lock().exit {
                return Some(status);
            }
            if stop.is_stopped() || !deadline.pause() {
                return None;
            }
        }
    }

    /// Ends the command and all that it has started. Returns what it wrote.
    fn end(self) -> Vec<String> {
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

/// Returns the text that a template stands for; a number is one, too.
pub(super) fn text(template: &Template, variables: &Variables) -> Result<String, String> {
    Ok(match template.resolve(variables)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}
