//! A temporary directory that does not outlive this process.
//!
//! A `sh` reads from a pipe that only this process holds. When this process ends,
//! even by SIGKILL, the pipe ends and the `sh` removes the directory.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Reads the directory's name, and removes the directory at the end of its input.
/// It ignores the signals that a terminal sends. It tries again if a process
/// that is about to end creates a file meanwhile.
const SCRIPT: &str = "trap '' HUP INT QUIT TERM; cd / || exit; read -r name || exit; \
    while read -r _; do :; done; \
    for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- \"$1/$name\" && exit; sleep 1; done";

/// The random letters of a directory's name.
const LETTERS: usize = 8;

/// A directory that is removed when this is dropped, or when this process ends in
/// any way.
#[derive(Debug)]
pub struct Scratch {
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
    pub fn new(prefix: &str) -> io::Result<Self> {
        Self::new_in(prefix, &std::env::temp_dir())
    }

    /// Makes a directory like [`new`](Self::new) in `base`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn new_in(prefix: &str, base: &Path) -> io::Result<Self> {
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
        // The remover has the name first. No other directory has it.
        let letters = std::iter::repeat_with(fastrand::alphanumeric).take(LETTERS);
        let name = format!("{prefix}{}", letters.collect::<String>());
        let path = base.join(&name);
        let pipe = remover.stdin.as_mut();
        let told = pipe.map_or(Ok(()), |pipe| writeln!(pipe, "{name}"));
        let made = told.and_then(|()| DirBuilder::new().mode(0o700).create(&path));
        match made {
            Ok(()) => Ok(Self { path, remover }),
            Err(error) => {
                let _ = remover.kill();
                let _ = remover.wait();
                Err(error)
            }
        }
    }

    /// Returns the directory's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::fs::remove_dir_all(&self.path).is_ok() {
            let _ = self.remover.kill();
        }
        // Otherwise the end of its input makes it try again.
        let _ = self.remover.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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

        // As at the death of this process.
        drop(scratch.remover.stdin.take());
        scratch.remover.wait().unwrap();

        assert!(!path.exists());
    }
}
