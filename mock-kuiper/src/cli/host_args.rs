//! The options of `run` and `bench` about the host and the plugin's process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueHint;
use mock_kuiper::engine::call::EnvVar;
use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::engine::package;
use mock_kuiper::engine::package::{Build, CheckLevel};
use mock_kuiper::engine::release::DEFAULT_HOST;
use mock_kuiper::engine::save::SavedRun;
use mock_kuiper::engine::transport::Transport;
use mock_kuiper::{Builder, Host, Limits, Package, Release};

use super::error::CliError;
use super::output::{NOTE, labelled, say};
use super::report;

/// The Python interpreter by default.
const PYTHON: &str = "python3";

/// When a plugin gets a `/tmp` of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Isolate {
    /// Always; it is an error if the system does not allow it.
    Always,
    /// If the system allows it; otherwise hosts run one after another.
    Auto,
}

// A doc comment here would become that of the subcommand.
#[derive(Debug, clap::Args)]
pub(super) struct HostArgs {
    /// Play this eKuiper release: 1.4 to 2.4, or with its patch level, e.g. 1.13.5
    /// [default: 2.4, or that of a trace]
    #[arg(long, value_name = "RELEASE", value_parser = Release::find)]
    // A list, so that a second one is refused with a reason.
    host: Vec<&'static Release>,

    /// Carry messages with sp, which is pure Rust, or nng, NNG's C library
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(super) transport: Transport,

    /// Use this Python interpreter, e.g. that of a virtual environment
    #[arg(long, value_name = "PATH", default_value = PYTHON, value_hint = ValueHint::CommandName)]
    python: PathBuf,

    /// Set a variable in the plugin's environment; may be repeated
    #[arg(long, value_name = "K=V")]
    env: Vec<EnvVar>,

    /// Allow this time from the launch to the greeting [default: that of the
    /// release, 60s from 2.0 on and 5s before]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    init_timeout: Option<Duration>,

    /// Allow this time for an answer or an ack; eKuiper allows an hour [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    answer_timeout: Option<Duration>,

    /// Wait for a plugin that you start, e.g. in a debugger, and launch none
    ///
    /// The command line, the directory and the environment to start it with are
    /// printed. There are no time limits, unless --init-timeout or --answer-timeout is
    /// given. The plugin may be started again, and gets its orders again. It must belong
    /// to the same user, and uses the machine's /tmp. It is never ended.
    #[arg(long)]
    pub(super) attach: bool,

    /// Build a Cargo package without optimizations
    #[arg(long)]
    pub(super) debug: bool,

    /// Give the plugin a /tmp of its own, so that it does not collide with other
    /// hosts or with a real eKuiper; this is not a sandbox
    ///
    /// With --isolate=auto, a system that does not allow it is no error: such hosts then
    /// run one after another, as in `mock-kuiper test`.
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true,
        default_missing_value = "always")]
    pub(super) isolate: Option<Isolate>,

    /// Let an isolated plugin see this path in /tmp, besides those in its command
    /// and in each --env; may be repeated
    #[arg(long, value_name = "PATH", requires = "isolate", value_hint = ValueHint::AnyPath)]
    bind: Vec<PathBuf>,
}

impl HostArgs {
    /// Returns the release that is played.
    pub(super) fn release(&self) -> &'static Release {
        self.given_or(None)
    }

    /// Returns the release that is played; `known` unless another is given.
    pub(super) fn given_or(&self, known: Option<&'static Release>) -> &'static Release {
        let default = || Release::find(DEFAULT_HOST).expect("the default is a known release");
        let given = self.host.first().copied();
        given.or(known).unwrap_or_else(default)
    }

    /// Refuses several releases.
    fn check_releases(&self) -> Result<(), CliError> {
        if self.host.len() < 2 {
            return Ok(());
        }
        let names: Vec<_> = self.host.iter().map(|release| release.name).collect();
        let reason = match self.attach {
            true => {
                "the process that you start is driven as one release; start mock-kuiper and the \
                 plugin once for each"
            }
            false => "one release is played; run the command once for each",
        };
        let names = names.join(" and ");
        Err(CliError::input(format!("--host names {names}: {reason}")))
    }

    /// Opens the plugin, and builds it if it is a Cargo package. Refuses several releases. Says how the files of
    /// the package differ from its code, and what was written.
    ///
    /// It is an error if the plugin has another name in its code: it would dial an
    /// address at which no host listens.
    pub(super) fn package(&self, plugin: &Path) -> Result<Package, CliError> {
        self.check_releases()?;
        let build = match self.debug || self.attach {
            true => Build::unoptimized(),
            false => Build::optimized(),
        };
        let aligned = package::align(plugin, &build, false)?;
        for line in &aligned.report.lines {
            match line.level {
                CheckLevel::Ok => {}
                CheckLevel::Note => say(&labelled(NOTE, "note", &report::line(line))),
                _ => say(&labelled(NOTE, "warning", &report::line(line))),
            }
        }
        let package = Package::build_aligned(plugin, build, &aligned)?;
        match aligned.report.plugin {
            Some(name) if name != package.manifest().name => Err(CliError::input(format!(
                "{}: the name in the json is `{}`, and the name in `PluginConfig::new` is `{}`; \
                 correct one of them",
                plugin.display(),
                package.manifest().name,
                in_sentence(&name)
            ))),
            _ => Ok(package),
        }
    }

    /// Describes the run for the head of a test file.
    pub(super) fn saved_run(&self, plugin: &Path) -> SavedRun {
        let env = self.env.iter();
        SavedRun {
            plugin: plugin.to_owned(),
            python: (self.python != Path::new(PYTHON)).then(|| self.python.clone()),
            env: env
                .map(|variable| (variable.name.clone(), variable.value.clone()))
                .collect(),
            init_timeout: self.init_timeout,
            release: self.release(),
        }
    }

    /// Makes the builder of a host with these options. The host records nothing.
    pub(super) fn builder(&self, package: Arc<Package>) -> Builder {
        let mut host = Host::builder(package)
            .release(self.release().name)
            .transport(self.transport)
            .python(&self.python)
            .record(Limits::NONE);
        host = match self.isolate {
            Some(Isolate::Always) => host.isolated(),
            Some(Isolate::Auto) => host,
            None => host.shared_tmp(),
        };
        if self.attach {
            host = host.attach();
        }
        if let Some(limit) = self.answer_timeout {
            host = host.answer_timeout(limit);
        }
        if let Some(limit) = self.init_timeout {
            host = host.init_timeout(limit);
        }
        for path in &self.bind {
            host = host.visible(path);
        }
        for variable in &self.env {
            host = host.env(&variable.name, &variable.value);
        }
        host
    }
}
