//! Tests across the crates; here is what several of them need.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

#[cfg(feature = "nng")]
pub mod nng_plugin;
#[cfg(feature = "nng")]
pub mod yardstick;

/// A copy of a plugin of `tests/plugins`, complete and ready to be run; it is
/// removed when dropped.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    _parent: TempDir,
}

impl Staged {
    /// The plugin's directory; its name is the plugin's.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Copies the plugin `name` to a directory of its own, without Rust sources, and
/// puts `binary` in as its executable where it has to be built.
///
/// # Errors
///
/// Whatever copying a file fails with.
pub fn stage(name: &str, binary: Option<&Path>) -> io::Result<Staged> {
    let origin = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("plugins")
        .join(name);
    let parent = tempfile::tempdir()?;
    let path = parent.path().join(name);
    copy_directory(&origin, &path)?;
    if let Some(binary) = binary {
        let executable = path.join(name);
        fs::copy(binary, &executable)?;
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o755))?;
    }
    Ok(Staged {
        path,
        _parent: parent,
    })
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            copy_directory(&path, &target)?;
        } else if path.extension().is_none_or(|extension| extension != "rs") {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
