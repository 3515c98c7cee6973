//! What `run` and `bench` are told of the host, and of the plugin's process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueHint;
use mock_kuiper::call::EnvVar;
use mock_kuiper::event::Limits;
use mock_kuiper::host::{Builder, Host};
use mock_kuiper::package::{Package, PackageError};
use mock_kuiper::profile::{DEFAULT_HOST, Profile};
use mock_kuiper::transport::Transport;

// A doc comment here would become that of the subcommand.
#[derive(Debug, clap::Args)]
pub(super) struct HostArgs {
    /// The eKuiper release to play, 1.4 to 2.4, or with its patch level, 1.13.5
    #[arg(long, value_name = "RELEASE", default_value = DEFAULT_HOST, value_parser = Profile::find)]
    pub(super) host: &'static Profile,

    /// What carries the messages: sp, our own transport, or nng, NNG's C library
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(super) transport: Transport,

    /// The Python interpreter, e.g. of a virtual environment
    #[arg(long, value_name = "PATH", default_value = "python3", value_hint = ValueHint::CommandName)]
    python: PathBuf,

    /// Add a variable to the plugin's environment; may be repeated
    #[arg(long, value_name = "K=V")]
    env: Vec<EnvVar>,

    /// How long the plugin may take to greet, from its launch; by default as
    /// long as the release gives it, 60s from 2.0 on and 5s before
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    init_timeout: Option<Duration>,

    /// How long an answer or an ack may take; eKuiper waits an hour
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    answer_timeout: Duration,

    /// Build a Cargo package without optimizations
    #[arg(long)]
    pub(super) debug: bool,

    /// Give the plugin a /tmp of its own: many hosts at once are not in each
    /// other's way, nor in that of a real eKuiper
    #[arg(long)]
    pub(super) isolate: bool,

    /// A path in /tmp that an isolated plugin is to see, beside those of its
    /// command and environment; may be repeated
    #[arg(long, value_name = "PATH", requires = "isolate", value_hint = ValueHint::AnyPath)]
    bind: Vec<PathBuf>,
}

impl HostArgs {
    /// Opens the plugin; builds it if it is a Cargo package.
    pub(super) fn package(&self, plugin: &Path) -> Result<Package, PackageError> {
        Package::build(plugin, !self.debug)
    }

    /// The host that the command line asks for. It records nothing.
    pub(super) fn builder(&self, package: Arc<Package>) -> Builder {
        let mut host = Host::builder(package)
            .release(self.host.name)
            .transport(self.transport)
            .python(&self.python)
            .answer_timeout(self.answer_timeout)
            .record(Limits::NONE);
        host = match self.isolate {
            true => host.isolated(),
            false => host.shared_tmp(),
        };
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
