//! A plugin for one test, and runs of `mock-kuiper`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use zip::write::{SimpleFileOptions, ZipWriter};

pub(crate) const JSON: &str = r#"{"version":"1.0.0","language":"go","executable":"mirror",
    "sources":["ticks"],"sinks":["lines"],"functions":["same"]}"#;

pub(crate) const SCRIPT: &str = "#!/bin/sh\nexit 0\n";

/// The files of a valid plugin.
pub(crate) const FILES: [(&str, &str); 6] = [
    ("mirror.json", JSON),
    ("mirror", SCRIPT),
    (
        "sources/ticks.yaml",
        "default:\n  period: 10\nfast:\n  period: 1\n",
    ),
    ("sources/ticks.json", r#"{"about":{},"properties":{}}"#),
    ("sinks/lines.json", r#"{"about":{},"properties":[]}"#),
    ("functions/same.json", r#"{"functions":[{"name":"same"}]}"#),
];

/// A directory that holds the plugin's directory `mirror`.
pub(crate) struct Plugin {
    place: TempDir,
}

impl Plugin {
    /// Writes a valid plugin.
    pub(crate) fn new() -> Self {
        let plugin = Self::empty();
        for (name, text) in FILES {
            plugin.write(name, text);
        }
        plugin
    }

    pub(crate) fn empty() -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir(place.path().join("mirror")).unwrap();
        Plugin { place }
    }

    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place().join("mirror").join(name)
    }

    /// Writes a file. `mirror` is made executable.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        if name == "mirror" {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Runs `mock-kuiper COMMAND mirror ARGS` in the directory that holds `mirror`.
    pub(crate) fn run(&self, command: &str, args: &[&str]) -> Done {
        self.run_on("mirror", command, args)
    }

    pub(crate) fn run_on(&self, plugin: &str, command: &str, args: &[&str]) -> Done {
        let mut process = mock_kuiper();
        process.arg(command).arg(plugin).args(args);
        Done::of(process.current_dir(self.place()))
    }
}

/// Writes a zip, entry by entry. A name that ends with `/` is that of a directory.
pub(crate) fn write_zip(path: &Path, entries: &[(&str, u32, &[u8])]) {
    let mut zip = ZipWriter::new(fs::File::create(path).unwrap());
    for (name, mode, bytes) in entries {
        let options = SimpleFileOptions::default().unix_permissions(*mode);
        if name.ends_with('/') {
            zip.add_directory(*name, options).unwrap();
        } else {
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
    }
    zip.finish().unwrap();
}

/// Returns the names in a directory, hidden ones included.
pub(crate) fn listed(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn mock_kuiper() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    command.stdin(Stdio::null()).env_remove("GITHUB_ACTIONS");
    command
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Done {
            status: status.code().unwrap(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Returns the errors and warnings of a report.
    pub(crate) fn findings(&self) -> Vec<&str> {
        let lines = self.stdout.lines();
        let is_finding = |line: &&str| line.starts_with("error ") || line.starts_with("warning ");
        lines.filter(is_finding).collect()
    }

    #[track_caller]
    pub(crate) fn assert_findings(&self, status: i32, findings: &[&str]) {
        assert_eq!(self.findings(), findings, "{self:#?}");
        assert_eq!(self.status, status, "{self:#?}");
    }
}
