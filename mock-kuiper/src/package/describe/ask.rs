//! Asking an executable for its description.
//!
//! The executable may do anything: it gets a time limit, its output is bounded, and
//! its process group is killed at the end.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::super::report::CheckLevel;
use crate::foreign::in_sentence;
use crate::spawn::spawn;

/// The argument that a plugin on the Rust SDK answers.
const ARGUMENT: &str = "--describe";

/// The exit status of a plugin on an SDK that does not know the argument.
const UNKNOWN_ARGUMENT: i32 = 2;

/// How long the answer may take.
const TIME: Duration = Duration::from_secs(10);

/// The largest answer: 1 MiB.
const SIZE: u64 = 1024 * 1024;

/// Why there is no description.
#[derive(Debug)]
pub(super) enum Silence {
    /// The system does not run the executable, for example because it is for
    /// another processor.
    CannotRun(io::Error),
    /// The plugin's SDK does not know the argument.
    OldSdk,
    /// The executable failed. The text has its status and its last line.
    Failed(String),
    TooSlow,
    TooLong,
    /// The answer is not a description. The text says why.
    Unclear(String),
}

impl Silence {
    /// Returns how bad it is.
    pub(super) fn level(&self) -> CheckLevel {
        match self {
            Self::CannotRun(_) | Self::OldSdk => CheckLevel::Note,
            _ => CheckLevel::Warning,
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotRun(error) => {
                write!(f, "the executable cannot run on this machine: {error}")
            }
            Self::OldSdk => write!(
                f,
                "the plugin does not know `{ARGUMENT}`; update the crate `ekuiper`"
            ),
            Self::Failed(text) => write!(f, "`{ARGUMENT}` failed: {text}"),
            Self::TooSlow => write!(
                f,
                "`{ARGUMENT}` was not answered within {} s; call `plugin::start` first in `main`",
                TIME.as_secs()
            ),
            Self::TooLong => write!(f, "the answer to `{ARGUMENT}` is larger than 1 MiB"),
            Self::Unclear(text) => write!(f, "the answer to `{ARGUMENT}` is unclear: {text}"),
        }
    }
}

/// Returns what the executable prints about itself. It runs in `directory`.
pub(super) fn ask(executable: &Path, directory: &Path) -> Result<String, Silence> {
    ask_within(executable, directory, TIME)
}

fn ask_within(executable: &Path, directory: &Path, time: Duration) -> Result<String, Silence> {
    let end = Instant::now() + time;
    let mut command = Command::new(executable);
    command
        .arg(ARGUMENT)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = spawn(command).map_err(Silence::CannotRun)?;
    let output = child.stdout.take().map(reading);
    let errors = child.stderr.take().map(reading);
    let answer = output.and_then(|output| output.recv_timeout(left(end)).ok());
    let in_time = answer.is_some() && exits(&child, end);
    let group = Pid::from_child(&child);
    // Before the process is reaped, so that the number is still its own.
    let _ = kill_process_group(group, Signal::KILL);
    let status = child.wait().map_err(Silence::CannotRun)?;
    let Some(answer) = answer else {
        return Err(Silence::TooSlow);
    };
    if answer.len() as u64 > SIZE {
        return Err(Silence::TooLong);
    }
    if !in_time {
        return Err(Silence::TooSlow);
    }
    if !status.success() {
        let errors = errors.and_then(|errors| errors.recv_timeout(Duration::from_secs(1)).ok());
        return Err(failure(status, &errors.unwrap_or_default()));
    }
    String::from_utf8(answer).map_err(|_| Silence::Unclear("it is not UTF-8".to_owned()))
}

/// Reads at most one byte more than is allowed, in a thread: a process that left the
/// group may hold the pipe open for ever.
fn reading(pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.take(SIZE + 1).read_to_end(&mut bytes);
        // Nobody waits any more after the limit.
        let _ = sender.send(bytes);
    });
    receiver
}

/// Waits for the exit, and does not reap the process.
fn exits(child: &Child, end: Instant) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    loop {
        match waitid(WaitId::Pid(Pid::from_child(child)), options) {
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(2)),
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

fn failure(status: ExitStatus, errors: &[u8]) -> Silence {
    if status.code() == Some(UNKNOWN_ARGUMENT) {
        return Silence::OldSdk;
    }
    let errors = String::from_utf8_lossy(errors);
    // A panic has its location in one line and its message in the next; a backtrace or a
    // hint may follow.
    let lines: Vec<_> = errors.trim_end().lines().collect();
    let panic = lines.iter().position(|line| line.contains("panicked at "));
    let told = match panic {
        Some(at) => Some(
            lines[at..]
                .iter()
                .take(2)
                .copied()
                .collect::<Vec<_>>()
                .join(" "),
        ),
        None => lines.last().map(|line| (*line).to_owned()),
    };
    match told.as_deref() {
        Some(line) => Silence::Failed(format!("{status}, after `{}`", in_sentence(line))),
        None => Silence::Failed(status.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;

    /// Asks a script, with a limit of `time`.
    fn ask_script(script: &str, time: Duration) -> (TempDir, Result<String, Silence>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plugin");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let answer = ask_within(&path, directory.path(), time);
        (directory, answer)
    }

    fn silence(script: &str) -> String {
        let (_directory, answer) = ask_script(script, Duration::from_secs(60));
        answer.unwrap_err().to_string()
    }

    #[test]
    fn the_answer_is_what_is_written_to_stdout() {
        let script = "#!/bin/sh\necho noise >&2\necho \"$# $1\"\n";

        let (_directory, answer) = ask_script(script, Duration::from_secs(60));

        assert_eq!(answer.unwrap(), "1 --describe\n");
    }

    #[test]
    fn a_failure_has_the_status_and_the_last_line() {
        assert_eq!(
            silence("#!/bin/sh\necho first >&2\necho 'no luck' >&2\nexit 3\n"),
            "`--describe` failed: exit status: 3, after `no luck`"
        );
        assert_eq!(
            silence("#!/bin/sh\nexit 2\n"),
            "the plugin does not know `--describe`; update the crate `ekuiper`"
        );
        let panics = "#!/bin/sh\nprintf '%s\\n' \"thread 'main' panicked at src/main.rs:3:9:\" 'two functions' 'note: run with' >&2\nexit 101";
        assert_eq!(
            silence(panics),
            "`--describe` failed: exit status: 101, after `thread 'main' panicked at \
             src/main.rs:3:9: two functions`"
        );
    }

    #[test]
    fn a_program_for_another_machine_cannot_run() {
        let mut arm = b"\x7fELF\x02\x01\x01".to_vec();
        arm.resize(64, 0);
        arm[16] = 2;
        arm[18] = 0xb7;

        let text = silence(&String::from_utf8_lossy(&arm).replace('\u{fffd}', "?"));

        assert!(
            text.starts_with("the executable cannot run on this machine: "),
            "{text}"
        );
    }

    #[test]
    fn an_answer_without_end_is_cut_off() {
        let text = silence("#!/bin/sh\nwhile :; do echo 'again and again and again'; done\n");

        assert_eq!(text, "the answer to `--describe` is larger than 1 MiB");
    }

    #[test]
    fn a_plugin_that_does_not_exit_is_killed_with_its_children() {
        let script = "#!/bin/sh\nsleep 1000 &\necho $! >child\nwait\n";

        // A busy machine may need more time to start the child.
        let child = [1, 5, 25, 125].into_iter().find_map(|seconds| {
            let (directory, answer) = ask_script(script, Duration::from_secs(seconds));
            assert!(matches!(answer, Err(Silence::TooSlow)), "{answer:?}");
            let child = fs::read_to_string(directory.path().join("child")).ok()?;
            child.ends_with('\n').then_some(child)
        });
        let child = child.unwrap();

        let end = Instant::now() + Duration::from_secs(20);
        let runs = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", child.trim()));
            // A zombie waits for its new parent.
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        while runs() {
            assert!(Instant::now() < end, "the child still runs");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_process_that_keeps_the_output_open_does_not_delay_the_limit() {
        let script = "#!/bin/sh\nsetsid sleep 60 &\nexit 0\n";
        let start = Instant::now();

        let (_directory, answer) = ask_script(script, Duration::from_millis(300));

        assert!(matches!(answer, Err(Silence::TooSlow)), "{answer:?}");
        assert!(start.elapsed() < Duration::from_secs(50));
    }
}
