//! What several tests across the crates need.

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

/// A copy of a plugin of `tests/plugins`, ready to run; it is removed when
/// dropped.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    _parent: TempDir,
}

impl Staged {
    /// The directory of the plugin, which has the plugin's name.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Copies the plugin `name`, without Rust sources, to a temporary directory.
///
/// `binary` becomes the executable of a plugin that has to be built.
///
/// # Errors
///
/// The error of a file that cannot be copied.
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
