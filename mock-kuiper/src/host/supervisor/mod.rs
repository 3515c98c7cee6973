//! The plugin's supervisor, as the host sees it: it launches the plugin, kills
//! it, and ends everything that descends from it.
//!
//! What runs in the supervisor's own process is in `process`.

mod process;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus};

use rustix::net::SendFlags;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use self::process::{END, KILL, RECORD, Record, launch_below};

/// Gives orders to the supervisor. Dropping it, and the [`Reports`], ends
/// everything that descends from the plugin.
#[derive(Debug)]
pub(crate) struct Supervisor {
    stream: UnixStream,
    group: u32,
    plugin: u32,
}

/// Reports what the supervisor sees.
#[derive(Debug)]
pub(crate) struct Reports {
    stream: UnixStream,
    supervisor: Child,
    exited: bool,
}

/// A report of the supervisor.
#[derive(Debug)]
pub(crate) enum Report {
    /// The plugin's process has exited.
    Exited(ExitStatus),
    /// Everything that descends from the plugin has ended. These processes, with
    /// their names, had to be killed.
    Ended(BTreeMap<u32, String>),
}

/// The supervisor's connection before the launch.
#[derive(Debug)]
pub(crate) struct Connection(UnixStream);

impl Connection {
    /// Lets `command` be launched below a supervisor, which leads a process group
    /// of its own. What the caller lets run before the exec, and adds afterwards,
    /// runs in the plugin's process.
    pub(crate) fn supervise(command: &mut Command) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        command.process_group(0);
        launch_below(command, theirs);
        Ok(Self(ours))
    }

    /// Takes over what was launched: `supervisor` is the child of the host.
    pub(crate) fn launched(mut self, supervisor: Child) -> io::Result<(Supervisor, Reports)> {
        let pid = loop {
            match read(&mut self.0) {
                Some(Record::Plugin {
                    pid,
                    supervisor: of,
                }) if of == supervisor.id() => break pid,
                // Of an attempt before, at which the program was still being written.
                Some(_) => {}
                None => return Err(io::Error::other("it has ended")),
            }
        };
        let orders = Supervisor {
            stream: self.0.try_clone()?,
            group: supervisor.id(),
            plugin: pid,
        };
        let reports = Reports {
            stream: self.0,
            supervisor,
            exited: false,
        };
        Ok((orders, reports))
    }
}

impl Supervisor {
    /// Returns the id of the plugin's process group, which the supervisor leads.
    pub(crate) fn group(&self) -> u32 {
        self.group
    }

    /// Returns the id of the plugin's process.
    pub(crate) fn plugin(&self) -> u32 {
        self.plugin
    }

    /// Kills the plugin's process, and no other, as eKuiper does.
    pub(crate) fn kill_plugin(&self) {
        self.order(KILL);
    }

    /// Asks the launched process, and no other, to end with SIGTERM. The caller knows
    /// of no exit.
    pub(crate) fn terminate(&self) {
        let pid = Pid::from_raw(self.plugin.cast_signed());
        // Fails if the process has just exited.
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    }

    /// Ends everything that descends from the plugin.
    pub(crate) fn end(&self) {
        self.order(END);
    }

    fn order(&self, order: u8) {
        // Fails if the supervisor has ended already.
        let _ = rustix::net::send(&self.stream, &[order], SendFlags::NOSIGNAL);
    }
}

impl Reports {
    /// Waits for the next report; [`Report::Ended`] is the last one.
    pub(crate) fn next(&mut self) -> Report {
        let mut left = BTreeMap::new();
        loop {
            match read(&mut self.stream) {
                Some(Record::Exited { status }) => {
                    self.exited = true;
                    return Report::Exited(ExitStatus::from_raw(status));
                }
                Some(Record::Left { pid, name }) => {
                    let end = name.iter().position(|byte| *byte == 0);
                    let name = &name[..end.unwrap_or(name.len())];
                    left.insert(pid, String::from_utf8_lossy(name).into_owned());
                }
                Some(Record::Plugin { .. }) => {}
                None if !self.exited => {
                    // Somebody has killed the supervisor.
                    self.exited = true;
                    self.kill_group();
                    return Report::Exited(ExitStatus::from_raw(Signal::KILL.as_raw()));
                }
                None => {
                    let _ = self.supervisor.wait();
                    return Report::Ended(left);
                }
            }
        }
    }

    fn kill_group(&self) {
        if let Some(group) = Pid::from_raw(self.supervisor.id().cast_signed()) {
            // The leader was not waited for: the group still exists.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads a record; `None` at the end of the connection.
fn read(stream: &mut UnixStream) -> Option<Record> {
    let mut bytes = [0; RECORD];
    stream.read_exact(&mut bytes).ok()?;
    Record::decode(&bytes)
}
