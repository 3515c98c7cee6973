//! What a package has in it: the files of a plugin, under their names.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::error::{Mistake, PackageError};
use super::parts::{PARTS, Packable, names_in};

/// What is packed, sorted by name.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) entries: Vec<Entry>,
    pub(super) left_out: Vec<String>,
    /// What links lead to outside of the plugin, and the names under which it is packed.
    /// The executable may be anywhere, since the json names it.
    pub(super) outside: Vec<(String, PathBuf)>,
    /// The real paths of the plugin's directories.
    roots: Vec<PathBuf>,
    mistakes: Vec<Mistake>,
}

/// A file or a directory in a package.
#[derive(Debug)]
pub(super) struct Entry {
    /// The name in the package. The name of a directory ends with `/`.
    pub(super) name: String,
    pub(super) content: Content,
    pub(super) executable: bool,
}

/// What an entry has in it.
#[derive(Debug)]
pub(super) enum Content {
    Directory,
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Contents {
    /// Lists what is packed to `output`, which is not a part of it.
    ///
    /// # Errors
    ///
    /// [`PackageError::Mistakes`] for names that are not UTF-8 and for links that cannot
    /// be followed, and those of [`PackageError::io`].
    pub(super) fn of(plugin: &Packable, output: Option<&Path>) -> Result<Contents, PackageError> {
        let roots = [&plugin.directory, &plugin.origin].into_iter();
        let mut contents = Contents {
            roots: roots.filter_map(|root| root.canonicalize().ok()).collect(),
            ..Contents::default()
        };
        let json = plugin.json.file_name().unwrap_or_default();
        let output = output.and_then(|output| output.canonicalize().ok());
        let executable = Path::new(&plugin.executable);
        for name in names_in(&plugin.directory)? {
            let path = plugin.directory.join(&name);
            let named = PARTS.contains(&name.as_str()) || json == name.as_str();
            if output.is_some() && path.canonicalize().ok() == output {
                continue;
            }
            if named || plugin.takes_all || executable == Path::new(&name) {
                contents.add(&path, name, plugin, &mut Vec::new())?;
            } else if !executable.starts_with(&name) {
                contents.left_out.push(name);
            }
        }
        // The executable may be in a directory of which nothing else is packed.
        let has = |entry: &Entry| entry.name == plugin.executable;
        if !contents.entries.iter().any(has) {
            for directory in executable.ancestors().skip(1) {
                if directory != Path::new("") {
                    contents.directory(format!("{}/", directory.display()));
                }
            }
            contents.entries.push(Entry {
                name: plugin.executable.clone(),
                content: Content::File(plugin.directory.join(executable)),
                executable: true,
            });
        }
        contents.entries.sort_by(|a, b| a.name.cmp(&b.name));
        if contents.mistakes.is_empty() {
            Ok(contents)
        } else {
            Err(PackageError::Mistakes(contents.mistakes))
        }
    }

    /// Adds a file, or a directory with everything in it. `above` holds the real
    /// paths of the directories around it.
    fn add(
        &mut self,
        path: &Path,
        name: String,
        plugin: &Packable,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), PackageError> {
        let unreadable = |error| PackageError::io(path, error);
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => {
                let text = broken_link(path, &error).ok_or_else(|| unreadable(error))?;
                self.mistakes.push(Mistake::new(path, None, text));
                return Ok(());
            }
        };
        if name != plugin.executable
            && path.is_symlink()
            && above.last().is_none_or(|directory| self.is_own(directory))
            && let Some(real) = path.canonicalize().ok().filter(|real| !self.is_own(real))
        {
            self.outside.push((name.clone(), real));
        }
        if metadata.is_file() {
            let own = metadata.permissions().mode() & 0o100 != 0;
            let executable = name == plugin.executable || name == "install.sh";
            self.entries.push(Entry {
                content: Content::File(path.to_owned()),
                executable: executable || plugin.takes_all && own,
                name,
            });
            return Ok(());
        }
        if !metadata.is_dir() {
            self.left_out.push(name);
            return Ok(());
        }
        if path.join("pyvenv.cfg").is_file() {
            self.left_out.push(format!("{name}/"));
            return Ok(());
        }
        let real = path.canonicalize().map_err(unreadable)?;
        if above.contains(&real) {
            let text = "is a link to a directory that contains it; remove it";
            self.mistakes.push(Mistake::new(path, None, text));
            return Ok(());
        }
        above.push(real);
        // eKuiper 2.4 creates the directory of a file, and none above it. The
        // directories in `PARTS` exist there, and an entry would create others.
        if !PARTS.contains(&name.as_str()) {
            self.directory(format!("{name}/"));
        }
        for inner in names_in(path)? {
            self.add(&path.join(&inner), format!("{name}/{inner}"), plugin, above)?;
        }
        above.pop();
        Ok(())
    }

    /// Returns whether a real path is in the plugin.
    fn is_own(&self, real: &Path) -> bool {
        self.roots.iter().any(|root| real.starts_with(root))
    }

    fn directory(&mut self, name: String) {
        self.entries.push(Entry {
            name,
            content: Content::Directory,
            executable: false,
        });
    }
}

/// Returns what is wrong with a symbolic link that cannot be followed; `None` if the
/// path is none, or if the system refuses what it leads to.
fn broken_link(path: &Path, error: &io::Error) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    let target = target.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Some(format!(
            "is a symbolic link to `{target}`, which does not exist; remove it, or correct it"
        )),
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Some(format!(
            "is a symbolic link to `{target}`, and so one of a circle of links; remove it, or \
             correct it"
        )),
        _ => None,
    }
}
