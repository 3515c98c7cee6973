//! A temporary directory that does not outlive this process.
//!
//! A `sh` reads from a pipe that only this process holds. When this process ends,
//! even by SIGKILL, the pipe ends and the `sh` removes the directory.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Reads the directory's name, and removes the directory at the end of its input.
/// It ignores the signals that a terminal sends. It tries again if a process
/// that is about to end creates a file meanwhile.
const SCRIPT: &str = "trap '' HUP INT QUIT TERM; cd / || exit; read -r name || exit; \
    while read -r _; do :; done; \
    for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- \"$1/$name\" && exit; sleep 1; done";

/// A directory that is removed when this is dropped, or when this process ends in
/// any way.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// `None` once its removal was tried.
    directory: Option<TempDir>,
    path: PathBuf,
    remover: Child,
}

impl Scratch {
    /// Makes a directory in the system's temporary directory, with a name that
    /// begins with `prefix`. Only its owner may enter it.
    ///
    /// # Errors
    ///
    /// The system's answer if it refuses the directory or `/bin/sh`.
    pub(crate) fn new(prefix: &str) -> io::Result<Self> {
        Self::new_in(prefix, &std::env::temp_dir())
    }

    /// Makes a directory like [`new`](Self::new) in `base`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub(crate) fn new_in(prefix: &str, base: &Path) -> io::Result<Self> {
        let base = std::path::absolute(base)?;
        // Before the directory, so that there is no moment without it.
        let mut remover = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&base)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let made = tempfile::Builder::new()
            .prefix(prefix)
            .rand_bytes(8)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&base)
            .and_then(|directory| {
                let name = directory.path().file_name().unwrap_or_default();
                let line = format!("{}\n", name.to_string_lossy());
                let pipe = remover.stdin.as_mut();
                pipe.map_or(Ok(()), |pipe| pipe.write_all(line.as_bytes()))?;
                Ok(directory)
            });
        match made {
            Ok(directory) => Ok(Self {
                path: directory.path().to_owned(),
                directory: Some(directory),
                remover,
            }),
            Err(error) => {
                let _ = remover.kill();
                let _ = remover.wait();
                Err(error)
            }
        }
    }

    /// Returns the directory's absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let directory = self.directory.take();
        if directory.is_some_and(|directory| directory.close().is_ok()) {
            let _ = self.remover.kill();
        }
        // Otherwise the end of its input makes it try again.
        let _ = self.remover.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_directory_is_private_and_is_removed_when_it_is_dropped() {
        let scratch = Scratch::new("scratch-test-").unwrap();
        let path = scratch.path().to_owned();
        std::fs::create_dir_all(path.join("a/b")).unwrap();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;

        drop(scratch);

        assert_eq!(mode, 0o700);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_that_was_not_removed_is_removed_at_the_end_of_the_pipe() {
        let mut scratch = Scratch::new("scratch-test-").unwrap();
        let path = scratch.path().to_owned();
        std::fs::create_dir_all(path.join("a/b")).unwrap();
        let kept = scratch.directory.take().map(TempDir::keep);

        drop(scratch);

        assert_eq!(kept, Some(path.clone()));
        assert!(!path.exists());
    }
}
