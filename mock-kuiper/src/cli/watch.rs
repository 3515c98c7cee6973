//! `run --watch`: notices changes of the plugin, and builds the plugin after them.
//!
//! A plugin runs in its directory, and so writes data there: a sink's rows, a database.
//! Who wrote a file is not known, so only what a plugin consists of is watched, by its
//! name, and what its build has read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use mock_kuiper::{Package, PackageError};
use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::error::CliError;

/// The pause after the last change that ends a burst.
const QUIET: Duration = Duration::from_millis(100);

/// The longest burst.
const BURST: Duration = Duration::from_secs(2);

/// Directories that are not a part of a plugin, besides hidden ones.
const IGNORED: [&str; 2] = ["target", "__pycache__"];

/// Files that a build writes, and whose changes by the author lead to a build.
const BUILT: [&str; 2] = ["Cargo.lock", "go.sum"];

/// Directories in which every file is a part of the plugin.
const PARTS: [&str; 4] = ["sources", "sinks", "functions", "src"];

/// Endings of code, and of configurations that people write.
const CODE: [&str; 19] = [
    "rs", "toml", "go", "mod", "c", "h", "cc", "cpp", "hpp", "s", "py", "pyi", "so", "js", "mjs",
    "jar", "sh", "yaml", "yml",
];

/// A change of the plugin, which was built if it is built from source.
#[derive(Debug)]
pub(super) struct Change {
    /// The files that changed, in short.
    pub(super) what: String,
    /// How long the build took; `None` if there is nothing to build.
    pub(super) built: Result<Option<Duration>, PackageError>,
}

/// Watches a directory until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches the directory that the user named, builds the package after each
    /// burst of changes, and calls `changed`. What has changed after `since`, before
    /// the package was built for the first time, is a change, too.
    ///
    /// # Errors
    ///
    /// [`CliError::Trouble`] if the system cannot watch the directory.
    pub(super) fn start(
        directory: &Path,
        package: &Arc<Package>,
        since: SystemTime,
        changed: impl Fn(Change) + Send + 'static,
    ) -> Result<Self, CliError> {
        let trouble = |error: &dyn std::fmt::Display| {
            CliError::Trouble(format!("cannot watch {}: {error}", directory.display()))
        };
        let root = fs::canonicalize(directory).map_err(|error| trouble(&error))?;
        let filter = Arc::new(Filter::new(root.clone(), package));
        let (tell, told) = mpsc::channel();
        let (of_events, at_once) = (Arc::clone(&filter), tell.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<_>| {
            // Anything may have changed if events were lost.
            let files = match event {
                Ok(event) => of_events.files(&event),
                Err(_) => vec![PathBuf::from(".")],
            };
            for file in files {
                let _ = tell.send(file);
            }
        })
        .map_err(|error| trouble(&error))?;
        watcher
            .watch(&root, RecursiveMode::Recursive)
            .map_err(|error| trouble(&error))?;
        // While the watch works already, so that none is missed.
        for file in filter.changed_since(&root, Some(since)) {
            let _ = at_once.send(file);
        }
        // Without its own sender the thread ends with the watch.
        drop(at_once);
        // The thread may outlive the run; a package that it kept would leave its
        // temporary directory behind.
        let package = Arc::downgrade(package);
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || {
                while let Some(files) = burst(&told)
                    && let Some(package) = Weak::upgrade(&package)
                {
                    let built = build(&package);
                    filter.learn(&package);
                    drop(package);
                    changed(Change {
                        what: describe(&files),
                        built,
                    });
                }
            })
            .map_err(|error| trouble(&error))?;
        Ok(Self { _watcher: watcher })
    }
}

fn build(package: &Package) -> Result<Option<Duration>, PackageError> {
    if !package.is_built() {
        return Ok(None);
    }
    let began = Instant::now();
    package.rebuild()?;
    Ok(Some(began.elapsed()))
}

/// Returns the directory that Cargo builds the package in.
fn built_in(package: &Package) -> Option<PathBuf> {
    let binary = fs::read_link(&package.manifest().executable).ok()?;
    // target/release/NAME
    Some(binary.parent()?.parent()?.to_owned())
}

/// Waits for a burst of changes. Returns `None` once nobody watches.
fn burst(told: &Receiver<PathBuf>) -> Option<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::from([told.recv().ok()?]);
    let end = Instant::now() + BURST;
    loop {
        let left = end.saturating_duration_since(Instant::now()).min(QUIET);
        match told.recv_timeout(left) {
            Ok(file) => files.insert(file),
            Err(RecvTimeoutError::Timeout) => return Some(files),
            Err(RecvTimeoutError::Disconnected) => return None,
        };
    }
}

/// Names the files: `src/main.rs`, `src/main.rs and 2 more`.
fn describe(files: &BTreeSet<PathBuf>) -> String {
    let first = files.first().map(|file| file.display().to_string());
    let first = first.unwrap_or_default();
    match files.len() {
        0 | 1 => first,
        more => format!("{first} and {} more", more - 1),
    }
}

/// Decides which files are a part of the plugin.
struct Filter {
    root: PathBuf,
    built_in: Option<PathBuf>,
    /// The json and the executable.
    named: Vec<PathBuf>,
    /// What the last build has read.
    inputs: Mutex<Vec<PathBuf>>,
}

impl Filter {
    fn new(root: PathBuf, package: &Package) -> Self {
        let manifest = package.manifest();
        let filter = Self {
            built_in: built_in(package),
            named: vec![
                root.join(format!("{}.json", manifest.name)),
                manifest.executable.clone(),
            ],
            inputs: Mutex::default(),
            root,
        };
        filter.learn(package);
        filter
    }

    /// Takes what a build has read as parts of the plugin. What the build before it has
    /// read stays, in case this one failed.
    fn learn(&self, package: &Package) {
        let inputs = package.build_inputs();
        if !inputs.is_empty() {
            *self.inputs.lock().unwrap_or_else(PoisonError::into_inner) = inputs;
        }
    }

    /// Returns the plugin's files in an event, relative to its directory.
    fn files(&self, event: &notify::Event) -> Vec<PathBuf> {
        let counts = match event.kind {
            EventKind::Access(_) | EventKind::Other => false,
            // That of a directory changes when a file in it is created or removed.
            EventKind::Modify(ModifyKind::Metadata(_)) => {
                event.paths.iter().all(|path| path.is_file())
            }
            _ => true,
        };
        let paths = event.paths.iter().filter(|_| counts);
        let files = paths.flat_map(|path| match path.is_dir() {
            // The files in a new directory may be older than its watch.
            true => self.changed_since(path, None),
            false => self.file(path).into_iter().collect(),
        });
        files.collect()
    }

    /// Returns the plugin's files in a directory that were changed after `since`, but by
    /// no build; without `since`, all.
    fn changed_since(&self, directory: &Path, since: Option<SystemTime>) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        if !self.is_watched(directory) {
            return changed;
        }
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                changed.extend(self.changed_since(&path, since));
            } else if let Some(file) = self.file(&path)
                && since.is_none_or(|since| metadata.modified().is_ok_and(|time| time > since))
                && !BUILT.contains(&&*entry.file_name().to_string_lossy())
            {
                changed.push(file);
            }
        }
        changed
    }

    /// Returns whether a path is neither hidden nor a build's or an editor's own.
    fn is_watched(&self, path: &Path) -> bool {
        let built_in = self.built_in.as_ref();
        let plain = |component: Component<'_>| {
            let name = component.as_os_str().to_string_lossy();
            !(name.starts_with('.') || name.ends_with('~') || IGNORED.contains(&&*name))
        };
        built_in.is_none_or(|to| !path.starts_with(to))
            && path
                .strip_prefix(&self.root)
                .is_ok_and(|file| file.components().all(plain))
    }

    /// Returns the path below the root if the file is a part of the plugin.
    fn file(&self, path: &Path) -> Option<PathBuf> {
        let file = path.strip_prefix(&self.root).ok()?;
        let name = file.file_name()?.to_string_lossy();
        let ending = file.extension().unwrap_or_default().to_string_lossy();
        let is_part = || {
            BUILT.contains(&&*name)
                || PARTS.iter().any(|part| file.starts_with(part))
                || CODE.contains(&&*ending) && !name.ends_with(".test.yaml")
        };
        let is_read = || {
            let inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
            inputs.iter().any(|input| input == path)
        };
        let counts = self.named.iter().any(|named| named == path)
            || self.is_watched(path) && (is_part() || is_read());
        counts.then(|| file.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(path: &str) -> bool {
        let filter = Filter {
            root: "/plugin".into(),
            built_in: Some("/plugin/out".into()),
            named: vec!["/plugin/mirror.json".into(), "/plugin/bin/mirror".into()],
            inputs: Mutex::new(vec!["/plugin/cities.csv".into()]),
        };
        filter.file(Path::new(path)).is_some()
    }

    #[test]
    fn build_output_hidden_files_and_data_are_not_changes_of_the_plugin() {
        for path in [
            "/plugin/target/debug/build.rs",
            "/plugin/out/release/build.rs",
            "/plugin/.git/index",
            "/plugin/.venv/lib/six.py",
            "/plugin/src/.main.rs.swp",
            "/plugin/src/main.rs~",
            "/plugin/__pycache__/pysam.cpython-311.pyc",
            "/plugin/plugin.log",
            "/plugin/rows.jsonl",
            "/plugin/rows.json",
            "/plugin/rows.db-journal",
            "/plugin/rows",
            "/plugin/mirror.test.yaml",
            "/plugin",
            "/elsewhere/src/main.rs",
        ] {
            assert!(!counts(path), "{path}");
        }
    }

    #[test]
    fn the_json_the_executable_code_and_what_the_build_reads_are_parts_of_the_plugin() {
        for path in [
            "/plugin/mirror.json",
            "/plugin/bin/mirror",
            "/plugin/sources/random.yaml",
            "/plugin/functions/echo.json",
            "/plugin/src/main.rs",
            "/plugin/src/greeting.txt",
            "/plugin/Cargo.toml",
            "/plugin/Cargo.lock",
            "/plugin/mirror.py",
            "/plugin/lib/filters.py",
            "/plugin/install.sh",
            "/plugin/outer.go",
            "/plugin/cities.csv",
        ] {
            assert!(counts(path), "{path}");
        }
    }

    #[test]
    fn a_burst_is_one_change() {
        let (tell, told) = mpsc::channel();
        for file in ["src/b.rs", "src/a.rs", "src/b.rs"] {
            tell.send(PathBuf::from(file)).unwrap();
        }

        let files = burst(&told).unwrap();

        assert_eq!(describe(&files), "src/a.rs and 1 more");
        drop(tell);
        assert_eq!(burst(&told), None);
    }
}
