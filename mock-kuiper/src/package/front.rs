//! Writing a plugin whose executable is another program, which runs the plugin's own.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::archive;
use super::check::Checked;
use super::contents::{Content, Contents, Entry};
use super::error::PackageError;
use super::files;
use super::ordered::Json;
use super::pack::{Packed, beside, write_zip};

/// A program that takes the place of a plugin's executable, beside it.
#[derive(Debug)]
pub struct Front<'a> {
    /// The program.
    pub program: &'a Path,
    /// The name of its file.
    pub name: &'a str,
    /// The name and the text of a file beside it.
    pub settings: (&'a str, &'a str),
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The zip that eKuiper installs.
    Zip,
    /// A directory, as eKuiper unpacks a zip.
    Directory,
}

/// Writes a plugin that was checked with a program in front of its executable. Returns
/// `None` if the check found an error.
///
/// The json is the plugin's own but for `language` and `executable`. What is at `output`
/// is replaced, when everything else is written.
///
/// # Errors
///
/// [`PackageError::Mistakes`] if the plugin has a file of the program's name, and
/// otherwise those of [`pack`](super::pack()).
pub fn put_in_front(
    checked: &Checked,
    front: &Front<'_>,
    shape: Shape,
    output: &Path,
) -> Result<Option<Packed>, PackageError> {
    let Some(plugin) = &checked.plugin else {
        return Ok(None);
    };
    let mut contents = Contents::of(plugin, Some(output))?;
    let directory = Path::new(&plugin.executable).parent();
    let directory = directory.unwrap_or(Path::new(""));
    let named = |name: &str| directory.join(name).display().to_string();
    let (executable, settings) = (named(front.name), named(front.settings.0));
    for name in [&executable, &settings] {
        if contents.entries.iter().any(|entry| entry.name == *name) {
            let text = "is a file of the recorder, so this plugin is recorded already; give the \
                        plugin that it was made from";
            return Err(PackageError::one(Path::new(name), None, text));
        }
    }
    let json = plugin.json.file_name().unwrap_or_default();
    let manifest = manifest(&plugin.json, &executable)?;
    for entry in &mut contents.entries {
        if json == entry.name.as_str() {
            entry.content = Content::Bytes(manifest.clone().into_bytes());
        }
    }
    contents.entries.push(Entry {
        name: executable,
        content: Content::File(front.program.to_owned()),
        executable: true,
    });
    contents.entries.push(Entry {
        name: settings,
        content: Content::Bytes(front.settings.1.as_bytes().to_vec()),
        executable: false,
    });
    contents.entries.sort_by(|a, b| a.name.cmp(&b.name));
    match shape {
        Shape::Zip => write_zip(contents, output),
        Shape::Directory => write_directory(contents, output),
    }
    .map(Some)
}

/// Returns a plugin's json with another executable.
fn manifest(path: &Path, executable: &str) -> Result<String, PackageError> {
    let bytes = files::read(path, files::TEXT_LIMIT)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    let mut json = Json::parse(text)
        .map_err(|error| PackageError::one(path, None, format!("is not JSON: {error}")))?;
    json.set("language", Json::text("go"));
    json.set("executable", Json::text(executable));
    Ok(json.to_file())
}

/// Writes a directory beside `output`, which is renamed at the end.
fn write_directory(contents: Contents, output: &Path) -> Result<Packed, PackageError> {
    let refused = |source| PackageError::Write {
        path: output.to_owned(),
        source,
    };
    let place = tempfile::Builder::new()
        .prefix(".mock-kuiper-")
        .tempdir_in(beside(output))
        .map_err(refused)?;
    let new = place.path().join("new");
    fs::create_dir(&new).map_err(refused)?;
    let mut files = Vec::new();
    let mut size = 0;
    for entry in contents.entries {
        let path = new.join(&entry.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(refused)?;
        }
        let written = match entry.content {
            Content::Directory => {
                fs::create_dir_all(&path).map_err(refused)?;
                continue;
            }
            Content::Bytes(bytes) => {
                let mut file = create(&path, entry.executable).map_err(refused)?;
                file.write_all(&bytes).map_err(refused)?;
                bytes.len() as u64
            }
            Content::File(from) => copy(&from, &path, entry.executable, size)?,
        };
        size += written;
        files.push((entry.name, written));
    }
    let old = place.path().join("old");
    match fs::rename(output, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    fs::rename(&new, output).map_err(refused)?;
    Ok(Packed {
        files,
        left_out: contents.left_out,
        size,
    })
}

/// Copies a file. `before` are the bytes of those before it.
fn copy(from: &Path, to: &Path, executable: bool, before: u64) -> Result<u64, PackageError> {
    let unreadable = |error| PackageError::io(from, error);
    let mut source = files::open(from)?;
    let size = source.metadata().map_err(unreadable)?.len();
    if size > archive::LIMITS.size.saturating_sub(before) {
        let text = "this file and those before it have more than 2 GiB, the limit; leave something \
                    out";
        return Err(PackageError::one(from, None, text));
    }
    let mut target = create(to, executable).map_err(|source| PackageError::Write {
        path: PathBuf::from(to),
        source,
    })?;
    io::copy(&mut source, &mut target).map_err(unreadable)
}

fn create(path: &Path, executable: bool) -> io::Result<fs::File> {
    let mode = if executable { 0o755 } else { 0o644 };
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    // Whatever the umask is, eKuiper's user may run it.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(file)
}
