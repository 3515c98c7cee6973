//! Fuzz targets: the json and the yaml of a plugin, and zips.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::archive::{self, Limits};
use super::config;
use super::error::PackageError;
use super::manifest;
use super::ordered::Json;
use super::spelling::{Names, parse_json};
use super::yaml::{self as any_yaml, Node};
use crate::release::YamlKeys;

/// Small limits, so that a short zip can exceed them.
const LIMITS: Limits = Limits {
    entries: 8,
    size: 64 * 1024,
    ratio: 20,
    free: 16 * 1024,
};

/// A manifest is accepted or has mistakes; JSON that is rewritten keeps its meaning and
/// its order.
pub(crate) fn manifest(data: &[u8]) {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("plugin.json");
    fs::write(&file, data).expect("a file");
    fs::write(place.path().join("run"), "#!/bin/sh").expect("a file");
    for zipped in [false, true] {
        let examined = manifest::examine(&file, place.path(), zipped);
        let read = manifest::read(&file, place.path(), zipped);
        match (examined, read) {
            (Ok(examined), Ok(manifest)) => {
                assert!(examined.mistakes.is_empty());
                let count =
                    manifest.sources.len() + manifest.sinks.len() + manifest.functions.len();
                assert!(count > 0);
                assert!(manifest.executable.starts_with(place.path()));
            }
            (Ok(examined), Err(_)) => assert!(!examined.mistakes.is_empty()),
            (Err(_), read) => assert!(read.is_err()),
        }
    }
    let names = Names::parse(data);
    assert!(names.is_err() || parse_json(data).is_ok_and(|value| value.is_object()));

    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let parsed = Json::parse(text);
    let plain = serde_json::from_str::<Value>(text);
    assert_eq!(parsed.is_ok(), plain.is_ok());
    let (Ok(parsed), Ok(plain)) = (parsed, plain) else {
        return;
    };
    let written = parsed.to_file();
    let again = Json::parse(&written).expect("what is written is JSON");
    assert_eq!(again, parsed);
    assert!(again.means(&parsed));
    assert_eq!(again.to_file(), written);
    assert_eq!(serde_json::from_str::<Value>(&written).ok(), Some(plain));
}

/// A yaml is read in bounded memory, and a release gives JSON or says what it ignores.
/// An empty line separates the yaml from the json that has the spellings.
pub(crate) fn yaml(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (text, json) = text.split_once("\n\0\n").unwrap_or((&text, ""));
    if let Ok(document) = any_yaml::parse(text) {
        assert!(size(&document.root) <= 400_000);
        assert_eq!(any_yaml::parse(text).as_ref(), Ok(&document));
    }
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("source.yaml");
    fs::write(&file, text).expect("a file");
    if !json.is_empty() {
        fs::write(file.with_extension("json"), json).expect("a file");
    }
    for keys in [YamlKeys::AsWritten, YamlKeys::LowerCase] {
        let default = config::read(&file, None, keys);
        let Ok(default) = default else {
            continue;
        };
        // The section `default` over itself changes nothing.
        let twice = config::read(&file, Some("default"), keys).expect("as without the key");
        assert_eq!(twice, default);
        let other = config::read(&file, Some("conf"), keys);
        if let (Ok(other), YamlKeys::AsWritten) = (other, keys) {
            let names = |config: &config::SourceConfig| config.properties.len();
            assert!(names(&other) >= names(&default));
        }
    }
}

fn size(node: &Node) -> usize {
    match node {
        Node::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Node::Map(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
        _ => 1,
    }
}

/// Any bytes that claim to be a zip unpack to files within the limits, below the target.
pub(crate) fn zip(data: &[u8]) {
    let place = Place::new();
    fs::write(&place.file, data).expect("a file");
    let _ = archive::names(&place.file);
    let _ = place.unpack();
    place.check();
}

/// A zip unpacks to what was packed, or is refused. The input has names and contents,
/// which NUL bytes separate; a name that begins with `*` repeats its content.
pub(crate) fn zipped(data: &[u8]) {
    let parts: Vec<&[u8]> = data.split(|byte| *byte == 0).collect();
    let place = Place::new();
    let mut zip = ZipWriter::new(File::create(&place.file).expect("a file"));
    let mut packed = Vec::new();
    for (index, pair) in parts.chunks(2).enumerate() {
        let [name, content] = pair else { continue };
        let Ok(name) = std::str::from_utf8(name) else {
            continue;
        };
        let (name, content) = match name.strip_prefix('*') {
            Some(name) => (name, content.repeat(1000)),
            None => (name, content.to_vec()),
        };
        let options = SimpleFileOptions::default().unix_permissions(0o777);
        let started = match index % 4 {
            3 => zip.add_symlink(name, "/etc/passwd", options),
            _ => zip.start_file(name, options),
        };
        if started.is_ok() && index % 4 != 3 {
            zip.write_all(&content).expect("a write to a file");
        }
        if started.is_ok() {
            packed.push((name.to_owned(), content, index % 4 == 3));
        }
    }
    zip.finish().expect("a zip");
    let unpacked = place.unpack();
    place.check();
    if unpacked.is_err() {
        return;
    }
    for (index, (name, content, is_link)) in packed.iter().enumerate() {
        assert!(!is_link, "a link was unpacked: {name}");
        // Names such as `a`, `./a` and `/a` are one file, and the last one counts.
        let path = |name: &str| {
            let below = place.target.join(name.trim_start_matches('/'));
            below.components().collect::<PathBuf>()
        };
        let is_last = packed[index + 1..]
            .iter()
            .all(|(other, ..)| path(other) != path(name));
        let is_plain = !name.starts_with('/') && !name.ends_with('/') && !name.contains("..");
        if is_last && is_plain {
            assert_eq!(fs::read(path(name)).expect("the file"), *content, "{name}");
        }
    }
}

/// A directory with a zip, and the directory to unpack it to.
struct Place {
    directory: tempfile::TempDir,
    file: PathBuf,
    target: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("plugin.zip");
        let target = directory.path().join("target");
        fs::create_dir(&target).expect("a directory");
        Self {
            directory,
            file,
            target,
        }
    }

    fn unpack(&self) -> Result<(), PackageError> {
        archive::open(&self.file, LIMITS)?.unpack(&self.target)
    }

    /// Checks that nothing was written beside the target, that there are only files and
    /// directories, and that they are within the limits.
    fn check(&self) {
        let beside = fs::read_dir(self.directory.path()).expect("a directory");
        assert_eq!(beside.count(), 2);
        let (mut files, mut bytes) = (0, 0);
        walk(&self.target, &mut |size| {
            files += 1;
            bytes += size;
        });
        assert!(
            files <= LIMITS.entries && bytes <= LIMITS.size,
            "{files} files, {bytes} bytes"
        );
    }
}

fn walk(directory: &Path, file: &mut impl FnMut(u64)) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let metadata = entry.metadata().expect("its metadata");
        if metadata.is_dir() {
            walk(&entry.path(), file);
        } else {
            assert!(metadata.is_file(), "{:?}", entry.path());
            file(metadata.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_plugin_pass() {
        manifest(include_bytes!("../../../sdk/examples/mirror/mirror.json"));
        manifest(br#"{"language":"go","executable":"run","sources":["a"],"functions":[]}"#);
        yaml(include_bytes!(
            "../../../sdk/examples/mirror/sources/random.yaml"
        ));
        yaml(b"Default: &x {}\nconf: {<<: *x, 1: 2, 1: 2}\0");
        yaml(b"Default: {A: &x 017, b: *x}\nconf: {c: 2023-01-01}\n\0\n{\"properties\":{\"A\":{\"name\":\"A\"}}}");
    }

    #[test]
    fn zips_that_were_packed_and_others_pass() {
        zipped(b"plugin.json\0{}\0sources/a.yaml\0a: 1\0../up\0x");
        zipped(b"c:x\0in c:x\0x\0in x");
        zipped(b"*bomb\0bombbombbombbombbombbombbombbombbombbomb");
        zipped(b"a\0\0/a\0y");
        zipped(b"a\0\0b\0\0c\0\0link\0\0");
        zip(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        zip(b"no zip");
    }
}
