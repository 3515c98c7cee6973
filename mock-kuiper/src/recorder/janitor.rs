//! A process that removes the recorder's socket files from `/tmp` when the recorder has
//! ended, even by SIGKILL, and gives eKuiper's sockets their names back.
//!
//! It is this program again. It reads the names of channels from a pipe, and works when
//! the pipe ends. It has the trace open, so that the lock of the trace lasts until then:
//! the next recorder waits for it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::place::Place;

/// The one argument of the process.
pub const ARGUMENT: &str = "remove-socket-files";

/// The process, as the recorder sees it. Dropping it waits until the files are removed.
#[derive(Debug)]
pub(super) struct Janitor {
    process: Child,
    pipe: Option<ChildStdin>,
}

impl Janitor {
    /// Starts the process.
    pub(super) fn start(trace: &File) -> io::Result<Self> {
        let mut process = Command::new("/proc/self/exe")
            .arg0("mock-kuiper-recorder")
            .arg(ARGUMENT)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(trace.try_clone()?)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = process.stdin.take();
        Ok(Self { process, pipe })
    }

    /// Names a channel whose socket file the recorder may replace.
    pub(super) fn note(&mut self, name: &str) {
        if let Some(pipe) = &mut self.pipe {
            // Fails only if the process was killed: then the files stay.
            let _ = pipe.write_all(format!("{name}\0").as_bytes());
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.process.wait();
    }
}

/// Does the work of the process.
pub fn remove_socket_files() {
    let names: BTreeSet<_> = io::stdin()
        .lock()
        .split(0)
        .map_while(Result::ok)
        .filter_map(|name| String::from_utf8(name).ok())
        .collect();
    let listening = Place::Renamed.listening().unwrap_or_default();
    for name in names {
        Place::restore(&name, &listening);
    }
}
