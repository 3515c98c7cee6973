//! The namespace of a plugin's process, which the child enters between fork and
//! exec.
//!
//! There the child only makes system calls, and neither allocates nor takes a
//! lock: a lock that another thread held at the fork stays held. All paths are
//! made before. The step that failed comes back through a pipe, since the standard
//! library passes on only the number of the error.
//!
//! All `unsafe` of isolation is in this file.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_bind_recursive, mount_change};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{chdir, getegid, geteuid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::error::{IsolationError, SpawnError};
use super::step::Step;
use crate::spawn::spawn;

/// What a plugin's process enters before it runs its program.
#[derive(Debug)]
pub(super) struct Namespace {
    /// The folder that the process sees as `/tmp`.
    pub(super) folder: CString,
    /// The real path of `/tmp`.
    pub(super) tmp: CString,
    /// The working directory, if it must be looked up again under the new `/tmp`.
    pub(super) directory: Option<CString>,
    /// Entries of `/tmp`, each with the place in the folder where it is bound.
    pub(super) binds: Vec<(CString, CString)>,
}

/// The texts of `uid_map` and `gid_map` in a user namespace.
struct Ids {
    user: String,
    group: String,
}

impl Namespace {
    /// Spawns a command in the namespace.
    pub(super) fn spawn(self, mut command: Command) -> Result<Child, SpawnError> {
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (read, write) = pipe_with(flags).map_err(|error| IsolationError::Refused {
            doing: "a pipe to its process",
            source: error.into(),
            advice: "close files, or raise the limit of open files (`ulimit -n`)".to_owned(),
        })?;
        let (user, group) = (geteuid().as_raw(), getegid().as_raw());
        let ids = Ids {
            user: format!("{user} {user} 1"),
            group: format!("{group} {group} 1"),
        };
        // SAFETY: the closure runs in the forked child. `enter` and `write`
        // make system calls on memory that was there before the fork; nothing
        // in them allocates, takes a lock or panics.
        unsafe {
            command.pre_exec(move || {
                self.enter(&ids).map_err(|(step, error)| {
                    let _ = rustix::io::write(&write, &[step as u8]);
                    io::Error::from(error)
                })
            });
        }
        spawn(command).map_err(|source| match failed_step(&read) {
            Some(step) => SpawnError::Refused(IsolationError::at(step, source)),
            None => SpawnError::Program(source),
        })
    }

    /// Enters the namespace. Runs in the child, where only system calls are
    /// allowed.
    fn enter(&self, ids: &Ids) -> Result<(), (Step, Errno)> {
        match unshare(UnshareFlags::NEWNS) {
            // The process lacks the privilege, so it enters a user namespace in
            // which it has all privileges.
            Err(Errno::PERM) => {
                unshare(UnshareFlags::NEWUSER).map_err(at(Step::UserNamespace))?;
                ids.write().map_err(at(Step::Ids))?;
                unshare(UnshareFlags::NEWNS).map_err(at(Step::MountNamespace))?;
            }
            other => other.map_err(at(Step::MountNamespace))?,
        }
        let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
        mount_change(c"/", private).map_err(at(Step::Private))?;
        for (source, target) in &self.binds {
            // First, since they are hidden once `/tmp` is covered.
            mount_bind_recursive(source.as_c_str(), target.as_c_str()).map_err(at(Step::Bind))?;
        }
        mount_bind_recursive(self.folder.as_c_str(), self.tmp.as_c_str())
            .map_err(at(Step::Cover))?;
        if let Some(directory) = &self.directory {
            chdir(directory.as_c_str()).map_err(at(Step::Directory))?;
        }
        Ok(())
    }
}

impl Ids {
    /// Maps both ids to themselves. Runs in the child.
    fn write(&self) -> Result<(), Errno> {
        // A process that gives up `setgroups` may map its own group.
        write_file(c"/proc/self/setgroups", b"deny")?;
        write_file(c"/proc/self/uid_map", self.user.as_bytes())?;
        write_file(c"/proc/self/gid_map", self.group.as_bytes())
    }
}

fn write_file(path: &CStr, text: &[u8]) -> Result<(), Errno> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text).map(drop)
}

fn unshare(what: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: only `CLONE_FILES` is unsafe, and no caller passes it.
    unsafe { unshare_unsafe(what) }
}

fn at(step: Step) -> impl Fn(Errno) -> (Step, Errno) {
    move |error| (step, error)
}

/// Returns the step that failed in the child, if one did. The child has ended.
fn failed_step(pipe: &OwnedFd) -> Option<Step> {
    let mut byte = [0];
    // Not a read to the end: a child of another thread may hold the other end of
    // the pipe open for a moment.
    match rustix::io::read(pipe, &mut byte) {
        Ok(1) => Step::ALL.get(usize::from(byte[0])).copied(),
        _ => None,
    }
}
