//! What is tried: a plugin under a release, with the settings of the user.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mock_kuiper::engine::package::Build;
use mock_kuiper::{Package, Release};
use serde_json::{Map, Value};

use crate::limits;
use crate::redact::Secrets;

/// A plugin to be tried under a release.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The plugin, or the reason why it cannot even be opened.
    pub(crate) package: Result<Arc<Package>, String>,
    pub(crate) profile: &'static Release,
    /// The path of the user's plugin, for the checks of its files.
    pub plugin: PathBuf,
    /// How a Cargo package is built.
    pub build: Build,
    /// The properties that the symbols need, by the name of the symbol.
    pub configs: HashMap<String, Map<String, Value>>,
    /// Properties that the symbols must refuse, by the name of the symbol.
    pub refused: HashMap<String, Map<String, Value>>,
    /// What no report may show.
    pub secrets: Secrets,
    /// The Python interpreter.
    pub python: PathBuf,
    /// Variables for the plugin's environment.
    pub environment: Vec<(String, String)>,
    /// A factor for all waits; more than 1 on slow machines.
    pub timeout_scale: f64,
    /// The number of checks that run at the same time, if plugins can be
    /// isolated.
    pub jobs: usize,
    /// How long the processes of one check may run, before
    /// [`timeout_scale`](Self::timeout_scale), which only lengthens it.
    pub check_limit: Duration,
    /// How long all checks under a release may take together, before
    /// [`timeout_scale`](Self::timeout_scale), which only lengthens it.
    pub run_limit: Duration,
}

impl Plan {
    /// Plans to try a plugin under a release.
    #[must_use]
    pub fn new(package: Package, profile: &'static Release) -> Self {
        let plugin = package.directory().to_owned();
        Self::with_package(Ok(Arc::new(package)), plugin, profile)
    }

    /// Plans to try a plugin that cannot be opened, for the given reason: only
    /// its files are judged, and everything else cannot be tested.
    #[must_use]
    pub fn broken(
        plugin: impl Into<PathBuf>,
        reason: impl Into<String>,
        profile: &'static Release,
    ) -> Self {
        Self::with_package(Err(reason.into()), plugin.into(), profile)
    }

    fn with_package(
        package: Result<Arc<Package>, String>,
        plugin: PathBuf,
        profile: &'static Release,
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
            check_limit: limits::CHECK,
            run_limit: limits::RUN,
        }
    }

    /// Returns the plan with another release.
    #[must_use]
    pub fn under(&self, profile: &'static Release) -> Self {
        Self {
            profile,
            ..self.clone()
        }
    }

    /// Returns the release that is played.
    #[must_use]
    pub fn release(&self) -> &'static Release {
        self.profile
    }

    /// Returns the plugin's name; that of its file if the plugin cannot be
    /// opened.
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
