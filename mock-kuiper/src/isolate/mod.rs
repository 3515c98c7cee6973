//! A `/tmp` of its own for a plugin: eKuiper's addresses lie there, fixed, so
//! without one a second host on the machine is in the way of the first.
//!
//! The host stays where it is. It listens in a folder, and the plugin's process
//! sees that folder as `/tmp`, in a mount namespace of its own. What the plugin
//! needs of the real `/tmp` is bound into the folder: always by whole entries
//! of `/tmp`, so that what lies beside the plugin (a venv's libraries, say) is
//! there too.
//!
//! What happens between fork and exec, and all that is `unsafe`, is in
//! `namespace`; which entries a path needs, in `visible`.

mod error;
mod namespace;
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

use tempfile::TempDir;

pub use error::IsolationError;
use namespace::Namespace;
use visible::look_up;

/// The length, in bytes, that a folder's path stays below: there is room for
/// the longest names of eKuiper's sockets in the 107 bytes of an address.
const LONGEST_FOLDER: usize = 40;

/// Variables that name directories in which programs find their code.
const SEARCHED: [&str; 5] = [
    "HOME",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
];

/// Why no isolated plugin can be launched here, if so.
///
/// Found by trying, once in a process.
#[must_use]
pub fn refused() -> Option<&'static IsolationError> {
    static REFUSED: OnceLock<Option<IsolationError>> = OnceLock::new();
    REFUSED
        .get_or_init(|| {
            let isolation = match Isolation::prepare(&[]) {
                Ok(isolation) => isolation,
                Err(error) => return Some(error),
            };
            // Nothing is run: that the program is missing is told only once
            // the namespace has been entered.
            let missing = Command::new(isolation.folder().join("none"));
            match isolation.spawn(missing) {
                Err(SpawnError::Refused(error)) => Some(error),
                Err(SpawnError::Program(_)) | Ok(_) => None,
            }
        })
        .as_ref()
}

/// A folder that stands for `/tmp` in a plugin's eyes.
///
/// Dropping it removes the folder; the plugin must have ended by then. The
/// user's own files, bound into the folder for the plugin, are out of reach of
/// that: outside of the plugin's namespace there are only empty mount points.
#[derive(Debug)]
pub(crate) struct Isolation {
    /// Keeps other users out.
    guard: TempDir,
    /// Lies in the guarded directory, open to all as `/tmp` is: a plugin may
    /// well change its user.
    folder: PathBuf,
    /// `/tmp`, without symbolic links.
    tmp: PathBuf,
    /// The entries of `/tmp` that stay visible.
    visible: BTreeSet<OsString>,
}

/// Why an isolated program was not started.
#[derive(Debug)]
pub(crate) enum SpawnError {
    /// The program cannot be run; so it would be without isolation.
    Program(io::Error),
    /// The system does not isolate it.
    Refused(IsolationError),
}

impl From<IsolationError> for SpawnError {
    fn from(error: IsolationError) -> Self {
        Self::Refused(error)
    }
}

impl Isolation {
    /// Makes the folder: in `TMPDIR` if that is short enough, else in `/tmp`,
    /// else in `/dev/shm`.
    ///
    /// `visible` are paths that the plugin must see even if they lie under
    /// `/tmp`, wherever their symbolic links lead. What a command itself says
    /// need not be among them, see [`spawn`](Self::spawn).
    ///
    /// # Errors
    ///
    /// [`IsolationError::NoFolder`] where none can be made, and
    /// [`IsolationError::TmpItself`] if one of the paths is `/tmp`.
    pub(crate) fn prepare(visible: &[PathBuf]) -> Result<Self, IsolationError> {
        Self::over(Path::new("/tmp"), visible)
    }

    /// Makes a folder that stands for `tmp`.
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
            entries.extend(found.entries);
        }
        let guard = make_guard()?;
        let folder = guard.path().join("tmp");
        fs::create_dir(&folder)
            .and_then(|()| fs::set_permissions(&folder, Permissions::from_mode(0o1777)))
            .map_err(no_folder(&folder))?;
        Ok(Self {
            guard,
            folder,
            tmp,
            visible: entries,
        })
    }

    /// The folder's path, below 40 bytes.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The directory that has to be removed if this is never dropped; the folder
    /// is in it.
    pub(crate) fn leftover(&self) -> &Path {
        self.guard.path()
    }

    /// Spawns a command that sees the folder as `/tmp`.
    ///
    /// Visible are, beside what [`prepare`](Self::prepare) was told: the
    /// working directory, the program, arguments that are paths of something,
    /// and the directories of [`SEARCHED`]. A working directory that is `/tmp`
    /// itself is the folder. `TMPDIR` is taken away if it leads to nothing.
    ///
    /// # Errors
    ///
    /// [`SpawnError::Program`] if the program cannot be run, and
    /// [`SpawnError::Refused`] if it cannot be isolated.
    pub(crate) fn spawn(&self, mut command: Command) -> Result<Child, SpawnError> {
        let directory = working_directory(&command);
        let mut visible = self.visible.clone();
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
            binds.extend(self.mount_point(entry)?);
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

    /// Makes what an entry of `/tmp` is bound over; says what to bind where.
    ///
    /// A symbolic link is made anew instead. Sockets and the like stay behind.
    fn mount_point(&self, entry: &OsStr) -> Result<Option<(CString, CString)>, IsolationError> {
        let (source, target) = (self.tmp.join(entry), self.folder.join(entry));
        let Ok(kind) = source.symlink_metadata().map(|found| found.file_type()) else {
            return Ok(None); // Gone by now: whoever needs it will say so.
        };
        let made = if kind.is_symlink() {
            fs::read_link(&source).and_then(|leads| std::os::unix::fs::symlink(leads, &target))
        } else if kind.is_dir() {
            fs::create_dir(&target)
        } else if kind.is_file() {
            fs::File::create_new(&target).map(drop)
        } else {
            return Ok(None);
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

/// Makes a directory of a short name that only its owner may enter.
fn make_guard() -> Result<TempDir, IsolationError> {
    let mut last = None;
    for base in [&env::temp_dir(), Path::new("/tmp"), Path::new("/dev/shm")] {
        let made = tempfile::Builder::new()
            .prefix("mk-")
            .rand_bytes(8)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(base);
        match made {
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
    // The last that is tried is short enough.
    Err(last.unwrap_or_else(|| unreachable!("/dev/shm is a short path")))
}

/// The absolute path of the directory in which a command will run.
fn working_directory(command: &Command) -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    match command.get_current_dir() {
        Some(directory) => here.join(directory),
        None => here,
    }
}

/// The paths that a command speaks of; many lead to nothing.
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
    for name in SEARCHED {
        if let Some(value) = variable(command, name) {
            paths.extend(env::split_paths(&value).map(|path| directory.join(path)));
        }
    }
    paths
}

/// Where execvp looks for a program.
fn candidates(command: &Command, directory: &Path, program: &OsStr) -> Vec<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return vec![directory.join(program)];
    }
    let path = variable(command, "PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|path| directory.join(path).join(program))
        .collect()
}

/// The words after `#!`: an interpreter, and what `env` is to find.
fn first_line(program: &Path) -> Vec<OsString> {
    if !program.is_file() {
        return Vec::new(); // A pipe would make us wait.
    }
    // As much as Linux looks at.
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

/// The value that a variable will have for a command.
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
