//! The desk: the plugins that the server drives, and all that can be done with them.
//!
//! Nothing here knows HTTP. Every method may block; what goes wrong is a [`Problem`].

mod case;
mod explain;
mod faults;
mod functions;
mod gate;
mod instance;
mod instances;
mod link;
mod offered;
mod plugin;
mod prepare;
mod problem;
mod sampler;
mod steps;
mod tap;
mod view;
mod watcher;

use std::path::Path;
use std::sync::Arc;
use std::thread;

use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::{AttachCommand, Package};

pub(super) use self::instance::Instance;
pub(super) use self::instances::{Rows, SinkSpec, SourceSpec};
pub(super) use self::plugin::Plugin;
pub(super) use self::prepare::Prepared;
pub(super) use self::problem::{Class, Problem};
pub(super) use self::sampler::{Bucket, SHOWN, Wish};
use crate::cli::host_args::HostArgs;

/// What whoever launches the plugins has to know.
pub(super) enum Launch<'a> {
    /// A plugin is started by hand, with this command.
    Attachable(&'a AttachCommand),
    /// The plugin of this name does not run.
    Failed(&'a str, &'a Problem),
}

/// The plugins that the server drives.
#[derive(Default)]
pub(super) struct Desk {
    plugins: Vec<Arc<Plugin>>,
}

impl Desk {
    /// Puts a plugin on the desk. Returns `false` if there is one of this name.
    pub(super) fn add(&mut self, path: &Path, package: Package, args: &Arc<HostArgs>) -> bool {
        let plugin = Plugin::new(path, package, args);
        let is_new = self
            .plugins
            .iter()
            .all(|other| other.name() != plugin.name());
        self.plugins.extend(is_new.then(|| Arc::new(plugin)));
        is_new
    }

    pub(super) fn plugins(&self) -> &[Arc<Plugin>] {
        &self.plugins
    }

    /// Finds a plugin.
    pub(super) fn plugin(&self, name: &str) -> Result<&Arc<Plugin>, Problem> {
        let found = self.plugins.iter().find(|plugin| plugin.name() == name);
        found.ok_or_else(|| {
            let known: Vec<_> = self
                .plugins
                .iter()
                .map(|p| format!("`{}`", p.name()))
                .collect();
            Problem::not_found(format!(
                "there is no plugin `{}`; there {} {}",
                in_sentence(name),
                if known.len() == 1 { "is" } else { "are" },
                known.join(", ")
            ))
        })
    }

    /// Launches all plugins, and waits for none.
    pub(super) fn launch(&self, tell: fn(Launch<'_>)) {
        for plugin in &self.plugins {
            let plugin = Arc::clone(plugin);
            let thread = thread::Builder::new().name("launch".to_owned());
            // What goes wrong is the plugin's state, too.
            let _ = thread.spawn(move || {
                match plugin.start() {
                    Err(problem) if problem.class != Class::Ending => {
                        tell(Launch::Failed(plugin.name(), &problem));
                    }
                    _ => {}
                }
                if let Some(command) = plugin.attach_command() {
                    tell(Launch::Attachable(&command));
                }
            });
        }
    }

    /// Measures the rates of all that runs. It is called once a second.
    pub(super) fn tick(&self) {
        self.plugins.iter().for_each(|plugin| plugin.tick());
    }

    /// Kills all plugins: whoever waits for one waits no longer.
    pub(super) fn hurry(&self) {
        self.plugins.iter().for_each(|plugin| plugin.hurry());
    }

    /// Ends everything, all plugins at the same time.
    pub(super) fn end(&self) {
        thread::scope(|scope| {
            for plugin in &self.plugins {
                scope.spawn(|| plugin.end());
            }
        });
    }
}
