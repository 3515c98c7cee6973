//! The namespace of a plugin's process, entered between fork and exec.
//!
//! Only system calls happen there, no allocation and no lock: the host has other
//! threads, and what they held at the fork stays held. All paths are made
//! before. What failed comes back through a pipe: the standard library passes
//! on the error's number alone.

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

use super::SpawnError;
use super::error::IsolationError;
use crate::spawn::spawn;

/// What a plugin's process enters before its program is run.
#[derive(Debug)]
pub(super) struct Namespace {
    /// Stands for `/tmp`.
    pub(super) folder: CString,
    /// `/tmp`.
    pub(super) tmp: CString,
    /// The working directory, if it is looked up anew.
    pub(super) directory: Option<CString>,
    /// Entries of `/tmp`, and where in the folder each is bound.
    pub(super) binds: Vec<(CString, CString)>,
}

/// A step on the way in, in their order. Sent as one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    /// A mount namespace.
    MountNamespace,
    /// A user namespace, in which an ordinary user may have the former.
    UserNamespace,
    /// The user's and the group's id in it.
    Ids,
    /// Mounts that tell nobody outside.
    Private,
    /// An entry of `/tmp` in the folder.
    Bind,
    /// The folder over `/tmp`.
    Cover,
    /// The working directory.
    Directory,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::MountNamespace,
        Self::UserNamespace,
        Self::Ids,
        Self::Private,
        Self::Bind,
        Self::Cover,
        Self::Directory,
    ];
}

/// The files in which the ids of a user namespace are written, and their text.
struct Ids {
    user: String,
    group: String,
}

impl Namespace {
    /// Spawns a command inside.
    pub(super) fn spawn(self, mut command: Command) -> Result<Child, SpawnError> {
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (told, tell) = pipe_with(flags).map_err(|error| IsolationError::Refused {
            doing: "a pipe to its process",
            source: error.into(),
            advice: "close files, or raise the limit of open ones".to_owned(),
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
                    let _ = rustix::io::write(&tell, &[step as u8]);
                    io::Error::from(error)
                })
            });
        }
        spawn(&mut command).map_err(|source| match failed_step(&told) {
            Some(step) => SpawnError::Refused(IsolationError::at(step, source)),
            None => SpawnError::Program(source),
        })
    }

    /// Enters. Runs in the child, single-threaded, where only system calls are
    /// allowed.
    fn enter(&self, ids: &Ids) -> Result<(), (Step, Errno)> {
        match unshare(UnshareFlags::NEWNS) {
            // Its privileges are of no use here: a namespace in which it has
            // its own.
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
            // First, as they are out of sight once `/tmp` is covered.
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
    /// Lets both ids be what they are outside; runs in the child.
    fn write(&self) -> Result<(), Errno> {
        // Without a say about its groups a process may map its own.
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
    // SAFETY: it is unsafe for `CLONE_FILES` alone, which is never asked for.
    unsafe { unshare_unsafe(what) }
}

fn at(step: Step) -> impl Fn(Errno) -> (Step, Errno) {
    move |error| (step, error)
}

/// The step that failed in the child, which has ended, if one did.
fn failed_step(told: &OwnedFd) -> Option<Step> {
    let mut byte = [0];
    // Not `read_exact`: another thread's child may hold the other end for a
    // moment, so that there is no end to read up to.
    match rustix::io::read(told, &mut byte) {
        Ok(1) => Step::ALL.get(usize::from(byte[0])).copied(),
        _ => None,
    }
}
