//! The plugin's process group, and who ends it when we cannot.
//!
//! A `sh` leads the group and reads from a pipe that only we hold. When we die,
//! in whatever way, the pipe ends and the `sh` kills its group, itself included.
//! It is there before the plugin is, so that there is no moment without it; and
//! as long as it has not been waited for, its process id names no other group.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use super::HostError;
use crate::isolate::Isolation;

/// Waits for the end of its input with the signals ignored that a terminal or a
/// polite plugin might send to the group. Then it removes the directory that it
/// was given, again if the plugin makes a file meanwhile; it cannot do so after
/// the kill, which ends itself.
const SCRIPT: &str = "trap '' HUP INT QUIT TERM; while read -r _; do :; done; \
    [ -z \"$1\" ] || for _ in 1 2 3 4 5; do rm -rf -- \"$1\" && break; done; kill -KILL 0";

/// A process group that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    leader: Child,
}

impl Watchdog {
    /// Starts a watchdog that removes an isolated plugin's `/tmp`, too.
    pub(super) fn launch(isolation: Option<&Isolation>) -> Result<Self, HostError> {
        Self::start(isolation.map(Isolation::leftover)).map_err(|source| HostError::System {
            doing: "start the watchdog, /bin/sh",
            source,
        })
    }

    fn start(leftover: Option<&Path>) -> io::Result<Self> {
        let leader = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "sh"])
            .args(leftover)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { leader })
    }

    /// The group's id.
    pub(crate) fn group(&self) -> u32 {
        self.leader.id()
    }

    /// Kills every process of the group.
    pub(crate) fn kill_group(&self) {
        if let Some(group) = Pid::from_raw(self.leader.id() as i32) {
            // The leader has not been waited for: the group exists, and is ours.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.kill_group();
        let _ = self.leader.wait();
    }
}
