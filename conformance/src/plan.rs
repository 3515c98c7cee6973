//! What is tried: a plugin under a release, with the settings of the user.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mock_kuiper::engine::package::Build;
use mock_kuiper::{Kind, Package, Release};
use serde_json::{Map, Value};

use crate::limits;
use crate::promise::ExpectedCall;
use mock_kuiper::engine::redact::Secrets;

/// The number of symbols of a kind that are examined at most.
pub const MOST: usize = 4;

/// The symbols of a kind that are examined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined<'p> {
    /// Their names, each once.
    pub names: Vec<&'p str>,
    /// The number of symbols that could be examined.
    pub all: usize,
}

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
    /// The names of the symbols to examine; empty for all.
    pub symbols: Vec<String>,
    /// Calls and the results that they must have.
    pub calls: Vec<ExpectedCall>,
    /// A column that increases by one from row to row.
    pub counter: Option<String>,
    /// Whether checks that take more than a minute are run.
    pub long: bool,
    /// Divides the rows, calls and rounds of the checks that make many: LIF-04, LIF-09,
    /// LIF-13 and SNK-04. 1 for a verdict; the proof of the suite, which knows what a plugin
    /// does wrong, makes fewer.
    pub load_divisor: u32,
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
            symbols: Vec::new(),
            calls: Vec::new(),
            counter: None,
            long: false,
            load_divisor: 1,
            secrets: Secrets::default(),
            python: "python3".into(),
            environment: Vec::new(),
            timeout_scale: 1.0,
            jobs: 16,
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

    /// Returns how many of `all` rows, calls or rounds are made.
    pub(crate) fn load(&self, all: u32) -> u32 {
        all / self.load_divisor.max(1)
    }

    /// Stretches a time by [`timeout_scale`](Self::timeout_scale), but never
    /// shortens it.
    pub(crate) fn lengthened(&self, time: Duration) -> Duration {
        time.mul_f64(self.timeout_scale.max(1.0))
    }

    /// Returns the symbols of a kind that are examined: each that the plugin
    /// declares, or those of [`symbols`](Self::symbols). Of many, [`MOST`] are
    /// taken, from the first to the last.
    #[must_use]
    pub fn examined(&self, kind: Kind) -> Examined<'_> {
        let Ok(package) = &self.package else {
            return Examined::default();
        };
        let manifest = package.manifest();
        let declared = match kind {
            Kind::Source => &manifest.sources,
            Kind::Sink => &manifest.sinks,
            Kind::Function => &manifest.functions,
        };
        // eKuiper installs a plugin that lists a name twice.
        let mut names: Vec<&str> = Vec::new();
        for name in declared {
            let is_selected = self.symbols.is_empty() || self.symbols.contains(name);
            if is_selected && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let all = names.len();
        if all > MOST {
            let place = |index: usize| names[index * (all - 1) / (MOST - 1)];
            names = (0..MOST).map(place).collect();
        }
        Examined { names, all }
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
