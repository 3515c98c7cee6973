//! What is tried, and how.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use mock_kuiper::package::{Build, Package};
use mock_kuiper::profile::Profile;
use serde_json::{Map, Value};

use crate::redact::Secrets;

/// What is tried: a plugin under a release.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The plugin; or why it cannot even be opened.
    pub(crate) package: Result<Arc<Package>, String>,
    pub(crate) profile: &'static Profile,
    /// Where the user's plugin is, for the checks of its files.
    pub plugin: PathBuf,
    /// How it is built, where it is a Cargo package.
    pub build: Build,
    /// The properties that a symbol needs.
    pub configs: HashMap<String, Map<String, Value>>,
    /// Properties that a symbol has to refuse.
    pub refused: HashMap<String, Map<String, Value>>,
    /// What is kept out of every report.
    pub secrets: Secrets,
    /// The Python interpreter.
    pub python: PathBuf,
    /// Variables for the plugin's environment.
    pub environment: Vec<(String, String)>,
    /// All waits are this many times as long: for slow machines.
    pub timeout_scale: f64,
    /// Checks that go on at the same time, where plugins can be isolated.
    pub jobs: usize,
}

impl Plan {
    /// Plans to try a plugin under a release.
    #[must_use]
    pub fn new(package: Package, profile: &'static Profile) -> Self {
        let plugin = package.directory().to_owned();
        Self::of(Ok(Arc::new(package)), plugin, profile)
    }

    /// The same for a plugin that cannot be opened, and why: all that is not
    /// about its files is not testable.
    #[must_use]
    pub fn broken(
        plugin: impl Into<PathBuf>,
        reason: impl Into<String>,
        profile: &'static Profile,
    ) -> Self {
        Self::of(Err(reason.into()), plugin.into(), profile)
    }

    fn of(
        package: Result<Arc<Package>, String>,
        plugin: PathBuf,
        profile: &'static Profile,
    ) -> Self {
        Self {
            package,
            profile,
            plugin,
            build: Build::default(),
            configs: HashMap::new(),
            refused: HashMap::new(),
            secrets: Secrets::default(),
            python: "python3".into(),
            environment: Vec::new(),
            timeout_scale: 1.0,
            jobs: 8,
        }
    }

    /// The same plugin under another release.
    #[must_use]
    pub fn under(&self, profile: &'static Profile) -> Self {
        Self {
            profile,
            ..self.clone()
        }
    }

    /// Returns the release that is played.
    #[must_use]
    pub fn release(&self) -> &'static Profile {
        self.profile
    }

    /// Returns the plugin's name, or that of its file.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.package {
            Ok(package) => package.manifest().name.clone(),
            Err(_) => {
                let name = self.plugin.file_name().unwrap_or(self.plugin.as_os_str());
                name.to_string_lossy().into_owned()
            }
        }
    }
}
