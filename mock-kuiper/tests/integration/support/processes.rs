//! Runs of `mock-kuiper` that cannot hang, and what they may leave behind.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::wait_until_within;

/// The limit of a run, and of each wait in a test.
pub(crate) const LIMIT: Duration = Duration::from_secs(180);

/// The environment variable that marks the processes of a test.
pub(crate) const MARK: &str = "MOCK_KUIPER_TEST";

/// Links the probe at `path`.
pub(crate) fn link_probe(path: &Path) {
    let binary = Path::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    let probe = binary.with_file_name("examples").join("probe");
    assert!(
        probe.is_file(),
        "run `cargo build -p mock-kuiper --examples`"
    );
    // A copy might still be open for writing when another test's fork runs it.
    if fs::hard_link(&probe, path).is_err() {
        fs::copy(&probe, path).unwrap();
    }
}

/// A run that has not ended. Dropping it kills it.
pub(crate) struct Live {
    id: String,
    pub(crate) child: Child,
    stdout: Collected,
    stderr: Collected,
    started: Instant,
}

/// The output of a run so far, and the thread that reads it.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn start(stream: Option<impl Read + Send + 'static>) -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let to = Arc::clone(&bytes);
        let reader = stream.map(|mut stream| {
            thread::spawn(move || {
                let mut chunk = [0; 65536];
                while let Ok(read @ 1..) = stream.read(&mut chunk) {
                    to.lock().unwrap().extend_from_slice(&chunk[..read]);
                }
            })
        });
        Self { bytes, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}

impl Live {
    /// Starts a command, and reads its stdout and stderr.
    pub(crate) fn spawn(mut command: Command, id: &str) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn_as_is(command, id)
    }

    /// Starts a command, and returns the other end of its stdin, too.
    pub(crate) fn spawn_with_stdin(mut command: Command, id: &str) -> (Self, ChildStdin) {
        command.stdin(Stdio::piped());
        let mut live = Self::spawn(command, id);
        let stdin = live.child.stdin.take().unwrap();
        (live, stdin)
    }

    pub(crate) fn spawn_as_is(mut command: Command, id: &str) -> Self {
        Self::of(command.spawn().unwrap(), id)
    }

    /// Takes over a started command. Streams that were taken away are not read.
    pub(crate) fn of(mut child: Child, id: &str) -> Self {
        Live {
            id: id.to_owned(),
            stdout: Collected::start(child.stdout.take()),
            stderr: Collected::start(child.stderr.take()),
            child,
            started: Instant::now(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until stdout has `text`.
    pub(crate) fn wait_for_stdout(&self, text: &str) {
        self.wait_until(text, || self.stdout().contains(text));
    }

    /// Waits until stderr has `text`.
    pub(crate) fn wait_for_stderr(&self, text: &str) {
        self.wait_until(text, || self.stderr().contains(text));
    }

    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !is_so() {
            assert!(
                Instant::now() < deadline,
                "no `{what}` in\n{}\n{}",
                self.stdout(),
                self.stderr()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    /// How often the thread that takes signals has waited, if it waits for one.
    fn waits_for_signals(&self) -> Option<u64> {
        let task = named_thread(self.pid(), "signals")?;
        let status = fs::read_to_string(task.join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1).map(str::to_owned)
        };
        let count = field("voluntary_ctxt_switches:")?.parse::<u64>().ok()?;
        (field("State:")? == "S").then_some(count)
    }

    /// Waits until a signal is not too early.
    pub(crate) fn wait_for_signals(&self) {
        wait_until("a thread that waits for signals", || {
            self.waits_for_signals().is_some()
        });
    }

    /// Sends a signal, and waits until the run has taken it. The run must go on.
    pub(crate) fn signal_and_wait(&self, signal: Signal) {
        self.wait_for_signals();
        let before = self.waits_for_signals();
        self.signal(signal);
        // The thread waits for the next signal.
        wait_until("the end of a signal", || self.waits_for_signals() > before);
    }

    /// Waits for the end, and until no process and no file of the test is left.
    pub(crate) fn finish(self) -> Done {
        let id = self.id.clone();
        let done = self.end();
        assert_clean(&id);
        done
    }

    /// Waits for the end. Processes and files may be left.
    pub(crate) fn end(mut self) -> Done {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "it runs on after\n{}\n{}",
                self.stdout(),
                self.stderr()
            );
            thread::sleep(Duration::from_millis(2));
        };
        let took = self.started.elapsed();
        for reader in [&mut self.stdout.reader, &mut self.stderr.reader] {
            reader.take().map(JoinHandle::join);
        }
        Done {
            status: number(status),
            stdout: self.stdout(),
            stderr: self.stderr(),
            took,
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the exit status, or the negative number of the signal.
fn number(status: ExitStatus) -> i32 {
    let killed = status.signal().map(|signal| -signal);
    status.code().or(killed).unwrap()
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Done {
    #[track_caller]
    pub(crate) fn assert_status(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Returns the lines that the plugin wrote.
    pub(crate) fn log(&self) -> Vec<&str> {
        let lines = self.stderr.lines();
        lines
            .filter_map(|line| Some(line.strip_prefix("[probe")?.split_once("] ")?.1))
            .collect()
    }

    /// Returns the lines that the plugin wrote after `prefix`, without it.
    pub(crate) fn logged(&self, prefix: &str) -> Vec<&str> {
        let lines = self.log().into_iter();
        lines.filter_map(|line| line.strip_prefix(prefix)).collect()
    }

    /// Returns the lines on stderr that are not the plugin's.
    pub(crate) fn said(&self) -> String {
        let lines = self.stderr.lines();
        let said: Vec<_> = lines.filter(|line| !line.starts_with("[probe")).collect();
        said.join("\n")
    }

    #[track_caller]
    pub(crate) fn assert_says(&self, text: &str) -> &Self {
        assert!(self.said().contains(text), "no `{text}` in {self}");
        self
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "status {}\n{}\n{}",
            self.status, self.stdout, self.stderr
        )
    }
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    let _ = kill_process(pid, signal);
}

/// Stops a process as a debugger does. It may do something before all of its threads
/// have stopped.
pub(crate) fn suspend(pid: u32) {
    kill(pid, Signal::STOP);
    wait_until("a process that has stopped", || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        tasks.flatten().all(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            state.starts_with('T')
        })
    });
}

/// Runs a command where the system refuses namespaces. It is run in a user namespace,
/// which has limits of its own.
pub(crate) const REFUSE: &str = "echo 0 >/proc/sys/user/max_user_namespaces; \
                                 exec setpriv --bounding-set=-sys_admin -- \"$@\"";

/// Makes a command that runs where the system refuses to isolate a plugin.
pub(crate) fn without_isolation(command: &Command) -> Command {
    let mut refused = Command::new("unshare");
    refused
        .args(["--user", "--map-root-user", "--", "/bin/sh", "-ec", REFUSE])
        .arg("sh")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        refused.env(name, value.expect("a variable that is set"));
    }
    refused
}

/// Waits until a condition holds.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    wait_until_within(LIMIT, what, is_so);
}

/// Finds the directory in /proc of a thread by its name.
fn named_thread(pid: u32, name: &str) -> Option<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let mut tasks = tasks.map(|task| task.path());
    tasks.find(|task| {
        let comm = fs::read_to_string(task.join("comm")).unwrap_or_default();
        comm.trim_end() == name
    })
}

pub(crate) fn assert_clean(id: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (processes, files) = (processes(id), files(id));
        if processes.is_empty() && files.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "left over: processes {processes:?}, files {files:?}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// Finds the processes that carry a test's mark, as far as /proc shows them.
pub(crate) fn processes(id: &str) -> Vec<u32> {
    let mark = format!("{MARK}={id}");
    let carries = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes())
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(carries).collect()
}

pub(crate) fn files(id: &str) -> Vec<String> {
    let names = fs::read_dir("/tmp").unwrap().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    // Whole names: `probe1x1` is a part of `probe1x11`.
    let is_ours = |name: &String| {
        name.find(id).is_some_and(|at| {
            let after = name[at + id.len()..].chars().next();
            !after.is_some_and(|c| c.is_ascii_digit())
        })
    };
    names.filter(is_ours).collect()
}

/// Removes the socket files that processes have left which the test has killed.
pub(crate) fn remove_files(id: &str) {
    for name in files(id) {
        fs::remove_file(Path::new("/tmp").join(name)).unwrap();
    }
}

/// Writes an executable script. `sh` writes it, so that no fork of this process
/// has it open for writing when it is run.
pub(crate) fn write_script(path: &Path, script: &str) {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!("#!/bin/sh\n{script}\n");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
}
