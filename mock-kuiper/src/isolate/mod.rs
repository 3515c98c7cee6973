//! Isolation: a plugin gets a `/tmp` of its own. eKuiper's addresses are fixed
//! paths in `/tmp`, so two hosts on one machine would otherwise collide.
//!
//! Only the plugin's process enters a mount namespace. The host listens in a
//! folder, and the process sees that folder as `/tmp`. What the plugin needs from
//! the real `/tmp` is bound into the folder, always as a whole entry of `/tmp`, so
//! that the files beside it (the libraries of a venv, for example) are there too.
//!
//! `namespace` has what happens between fork and exec, and all `unsafe`; `visible`
//! finds the entries that a path needs; `error` names the setting that prevents
//! isolation.

mod error;
mod namespace;
mod step;
#[cfg(test)]
mod tests;
mod visible;

use std::collections::BTreeSet;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

pub use error::IsolationError;
pub(crate) use error::SpawnError;
use namespace::Namespace;
use visible::look_up;

use crate::scratch::Scratch;

/// A folder's path is shorter than this, in bytes. That leaves room for the longest
/// names of eKuiper's sockets in the 107 bytes of an address.
const LONGEST_FOLDER: usize = 40;

/// Environment variables of the host that name files or directories which programs
/// need: their code, and certificates. Of the variables that are set for the
/// plugin alone, all count.
const NEEDED: [&str; 13] = [
    "CONDA_PREFIX",
    "CURL_CA_BUNDLE",
    "HOME",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "NODE_EXTRA_CA_CERTS",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "VIRTUAL_ENV",
];

/// Returns why this machine refuses to isolate a plugin; `None` if it does not.
///
/// The answer is found by an attempt, once per process.
#[must_use]
pub fn refused() -> Option<&'static IsolationError> {
    static REFUSED: OnceLock<Option<IsolationError>> = OnceLock::new();
    REFUSED
        .get_or_init(|| {
            let isolation = match Isolation::prepare(&[]) {
                Ok(isolation) => isolation,
                Err(error) => return Some(error),
            };
            // No program is run. A missing one is reported only after the child
            // has entered the namespace.
            let missing = Command::new(isolation.folder().join("none"));
            match isolation.spawn(missing) {
                Err(SpawnError::Refused(error)) => Some(error),
                Err(SpawnError::Program(_)) | Ok(_) => None,
            }
        })
        .as_ref()
}

/// A folder that a plugin sees as `/tmp`.
///
/// Dropping it removes the folder. The plugin must have exited before. The user's
/// files that are bound into the folder are safe: outside of the plugin's
/// namespace the folder has only empty mount points.
#[derive(Debug)]
pub(crate) struct Isolation {
    /// A directory that other users cannot enter. It is removed even if the host is
    /// killed.
    _guard: Scratch,
    /// The folder in that directory. It is writable for everyone, like `/tmp`,
    /// since a plugin may change its user.
    folder: PathBuf,
    /// The path of `/tmp` without symbolic links.
    tmp: PathBuf,
    /// The entries of `/tmp` that stay visible.
    visible: BTreeSet<OsString>,
}

impl Isolation {
    /// Makes the folder: in `TMPDIR` if its path is short enough, otherwise in
    /// `/tmp` or `/dev/shm`.
    ///
    /// `visible` are paths that the plugin must see even if they, or their
    /// symbolic links, lead through `/tmp`. Paths of the command itself need not
    /// be among them, see [`spawn`](Self::spawn).
    ///
    /// # Errors
    ///
    /// [`IsolationError::NoFolder`] if the folder cannot be made,
    /// [`IsolationError::NotThere`] if one of the paths cannot be found, and
    /// [`IsolationError::TmpItself`] if one of them is `/tmp`.
    pub(crate) fn prepare(visible: &[PathBuf]) -> Result<Self, IsolationError> {
        Self::over(Path::new("/tmp"), visible)
    }

    /// Makes a folder that is seen as `tmp`.
    fn over(tmp: &Path, visible: &[PathBuf]) -> Result<Self, IsolationError> {
        let no_folder = |path: &Path| {
            let path = path.to_owned();
            |source| IsolationError::NoFolder { path, source }
        };
        let tmp = fs::canonicalize(tmp).map_err(no_folder(tmp))?;
        let here = env::current_dir().unwrap_or_default();
        let mut entries = BTreeSet::new();
        for path in visible {
            let found = look_up(&tmp, &here.join(path));
            if found.is_tmp {
                return Err(IsolationError::TmpItself { path: path.clone() });
            }
            fs::metadata(here.join(path)).map_err(|source| IsolationError::NotThere {
                path: path.clone(),
                source,
            })?;
            entries.extend(found.entries);
        }
        let guard = make_guard()?;
        let folder = guard.path().join("tmp");
        fs::create_dir(&folder)
            .and_then(|()| fs::set_permissions(&folder, Permissions::from_mode(0o1777)))
            .map_err(no_folder(&folder))?;
        Ok(Self {
            _guard: guard,
            folder,
            tmp,
            visible: entries,
        })
    }

    /// Returns the folder's path, which is shorter than 40 bytes.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Spawns a command that sees the folder as `/tmp`.
    ///
    /// The command sees the paths given to [`prepare`](Self::prepare), and also its
    /// working directory, its program, arguments that are existing paths, and what
    /// is named by its own environment variables and by [`NEEDED`]. If its working directory is `/tmp`, it
    /// gets the folder. `TMPDIR` is removed from its environment if it names
    /// something that the command does not see.
    ///
    /// # Errors
    ///
    /// [`SpawnError::Program`] if the program cannot be run, and
    /// [`SpawnError::Refused`] if it cannot be isolated.
    pub(crate) fn spawn(&self, mut command: Command) -> Result<Child, SpawnError> {
        let directory = working_directory(&command);
        let mut chosen = self.visible.clone();
        for path in paths_of_environment(&command, &directory) {
            chosen.extend(look_up(&self.tmp, &path).entries);
        }
        let mut visible = chosen.clone();
        for path in paths_of(&command, &directory) {
            visible.extend(look_up(&self.tmp, &path).entries);
        }
        if let Some(path) = variable(&command, "TMPDIR") {
            let found = look_up(&self.tmp, &directory.join(path));
            if !visible.is_superset(&found.entries) {
                command.env_remove("TMPDIR");
            }
        }
        let mut binds = Vec::new();
        for entry in &visible {
            binds.extend(self.mount_point(entry, chosen.contains(entry))?);
        }
        let of_directory = look_up(&self.tmp, &directory);
        let under_tmp = of_directory.is_tmp || !of_directory.entries.is_empty();
        let namespace = Namespace {
            folder: c_string(&self.folder)?,
            tmp: c_string(&self.tmp)?,
            directory: under_tmp.then(|| c_string(&directory)).transpose()?,
            binds,
        };
        namespace.spawn(command)
    }

    /// Makes the mount point for an entry of `/tmp`. Returns what to bind, and
    /// where.
    ///
    /// A symbolic link is copied instead. Sockets and other special files are
    /// skipped unless they were `chosen`, and where the host has a socket of its
    /// own.
    fn mount_point(
        &self,
        entry: &OsStr,
        chosen: bool,
    ) -> Result<Option<(CString, CString)>, IsolationError> {
        let (source, target) = (self.tmp.join(entry), self.folder.join(entry));
        let Ok(kind) = source.symlink_metadata().map(|found| found.file_type()) else {
            return Ok(None); // Gone by now: the program that needs it will complain.
        };
        let made = if kind.is_symlink() {
            fs::read_link(&source).and_then(|leads| std::os::unix::fs::symlink(leads, &target))
        } else if kind.is_dir() {
            fs::create_dir(&target)
        } else if kind.is_file() {
            fs::File::create_new(&target).map(drop)
        } else {
            let is_taken = target
                .symlink_metadata()
                .is_ok_and(|found| !found.file_type().is_file());
            if !chosen || is_taken {
                return Ok(None);
            }
            fs::File::create_new(&target).map(drop)
        };
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(IsolationError::NoFolder {
                    path: target,
                    source: error,
                })
            }
            _ if kind.is_symlink() => Ok(None),
            _ => Ok(Some((c_string(&source)?, c_string(&target)?))),
        }
    }
}

/// Makes a directory with a short path that only its owner may enter.
fn make_guard() -> Result<Scratch, IsolationError> {
    let mut last = None;
    for base in [&env::temp_dir(), Path::new("/tmp"), Path::new("/dev/shm")] {
        match Scratch::new_in("mk-", base) {
            Ok(guard) if guard.path().as_os_str().len() + "/tmp".len() < LONGEST_FOLDER => {
                return Ok(guard);
            }
            Ok(_) => {}
            Err(source) => {
                last = Some(IsolationError::NoFolder {
                    path: base.to_owned(),
                    source,
                });
            }
        }
    }
    // The last base is short enough.
    Err(last.unwrap_or_else(|| unreachable!("/dev/shm is a short path")))
}

/// Returns the absolute path of the directory in which a command will run.
fn working_directory(command: &Command) -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    match command.get_current_dir() {
        Some(directory) => here.join(directory),
        None => here,
    }
}

/// Returns the paths that a command may refer to. Many of them do not exist.
fn paths_of(command: &Command, directory: &Path) -> Vec<PathBuf> {
    let mut paths = vec![directory.to_owned()];
    paths.extend(command.get_args().map(|argument| directory.join(argument)));
    let programs = candidates(command, directory, command.get_program());
    for program in &programs {
        for word in first_line(program) {
            paths.extend(candidates(command, directory, &word));
        }
    }
    paths.extend(programs);
    for name in NEEDED {
        if let Some(value) = variable(command, name) {
            paths.extend(env::split_paths(&value).map(|path| directory.join(path)));
        }
    }
    paths
}

/// Returns the absolute paths in the variables that are set for a command alone.
/// `TMPDIR` is none of them: it names where files are made.
fn paths_of_environment(command: &Command, directory: &Path) -> Vec<PathBuf> {
    let set = command.get_envs().filter(|(name, _)| *name != "TMPDIR");
    let values = set.filter_map(|(_, value)| value);
    values
        .flat_map(env::split_paths)
        .filter(|path| path.is_absolute())
        .map(|path| directory.join(path))
        .collect()
}

/// Returns the paths at which execvp looks for a program.
fn candidates(command: &Command, directory: &Path, program: &OsStr) -> Vec<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return vec![directory.join(program)];
    }
    let path = variable(command, "PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|path| directory.join(path).join(program))
        .collect()
}

/// Returns the words after `#!`: an interpreter, and its arguments, among them the
/// program that `env` runs.
fn first_line(program: &Path) -> Vec<OsString> {
    if !program.is_file() {
        return Vec::new(); // Reading from a pipe would block.
    }
    // Linux reads as much.
    let mut start = Vec::new();
    let read = fs::File::open(program).and_then(|file| file.take(256).read_to_end(&mut start));
    let line = start.split(|byte| *byte == b'\n').next();
    match (read, line.and_then(|line| line.strip_prefix(b"#!"))) {
        (Ok(_), Some(line)) => line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .map(|word| OsStr::from_bytes(word).to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the value that an environment variable has for a command.
fn variable(command: &Command, name: &str) -> Option<OsString> {
    let set = command.get_envs().find(|(key, _)| *key == name);
    match set {
        Some((_, value)) => value.map(OsStr::to_owned),
        None => env::var_os(name),
    }
}

fn c_string(path: &Path) -> Result<CString, IsolationError> {
    CString::new(path.as_os_str().as_bytes()).map_err(|source| IsolationError::NoFolder {
        path: path.to_owned(),
        source: source.into(),
    })
}
