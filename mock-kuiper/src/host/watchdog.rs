//! The plugin's process group, and what ends it if this process cannot.
//!
//! A `sh` leads the group and reads from a pipe that only this process holds.
//! When this process dies, even by SIGKILL, the pipe ends and the `sh` kills its
//! group, itself included. It is started before the plugin, so that there is no
//! moment without it. Until it has been waited for, its process id cannot name
//! another group.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use super::error::HostError;
use crate::isolate::Isolation;

/// Waits for the end of its input, and ignores the signals that a terminal or a
/// plugin might send to the group. Then it removes the directory in its argument,
/// and tries again if the plugin creates a file meanwhile: it cannot do so after
/// the kill, which ends the script too.
const SCRIPT: &str = "trap '' HUP INT QUIT TERM; while read -r _; do :; done; \
    [ -z \"$1\" ] || for _ in 1 2 3 4 5; do rm -rf -- \"$1\" && break; done; kill -KILL 0";

/// A process group that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    leader: Child,
}

impl Watchdog {
    /// Starts a watchdog that also removes the `/tmp` of an isolated plugin.
    pub(super) fn launch(isolation: Option<&Isolation>) -> Result<Self, HostError> {
        Self::start(isolation.map(Isolation::leftover))
            .map_err(|source| HostError::io("start the watchdog, /bin/sh", source))
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

    /// Returns the group's id.
    pub(crate) fn group(&self) -> u32 {
        self.leader.id()
    }

    /// Kills every process of the group.
    pub(crate) fn kill_group(&self) {
        if let Some(group) = Pid::from_raw(self.leader.id() as i32) {
            // The leader has not been waited for: the group still exists.
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
