//! The plugins of a run, each opened and built once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::package::{Build, Package, PackageError};

/// Opens plugins, and keeps them.
#[derive(Debug)]
pub(in crate::scenario) struct Packages {
    executable: Option<PathBuf>,
    build: Build,
    opened: Mutex<BTreeMap<PathBuf, Arc<Package>>>,
    /// The turns of those that make a plugin.
    turns: Mutex<BTreeMap<PathBuf, Arc<Mutex<()>>>>,
}

impl Packages {
    /// Makes an empty set. With an executable, each plugin has that one.
    pub(in crate::scenario) fn new(executable: Option<PathBuf>, build: Build) -> Self {
        Self {
            executable,
            build,
            opened: Mutex::default(),
            turns: Mutex::default(),
        }
    }

    /// Opens a plugin, and builds a Cargo package. Others that need it wait.
    pub(in crate::scenario) fn open(&self, plugin: &Path) -> Result<Arc<Package>, PackageError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(package) = opened.get(plugin) {
            return Ok(Arc::clone(package));
        }
        let package = match &self.executable {
            Some(executable) => Package::with_executable(plugin, executable),
            None => Package::build(plugin, self.build.clone()),
        };
        let package = Arc::new(package?);
        opened.insert(plugin.to_owned(), Arc::clone(&package));
        Ok(package)
    }

    /// Returns what is locked while the `setup` of a file runs, which may make the
    /// plugin: on several releases one after another.
    pub(super) fn turn(&self, plugin: &Path) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(plugin.to_owned()).or_default())
    }

    /// Returns the names of the plugins that were opened.
    pub(in crate::scenario) fn names(&self) -> Vec<String> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = opened
            .values()
            .map(|package| package.manifest().name.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
