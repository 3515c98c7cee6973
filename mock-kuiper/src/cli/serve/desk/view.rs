//! How a plugin is described: for the API, and as eKuiper describes it.

use std::collections::BTreeMap;

use mock_kuiper::Kind;
use mock_kuiper::engine::package::Language;
use serde_json::{Map, Value, json};

use super::plugin::Plugin;
use super::problem::Problem;

impl Plugin {
    /// Describes the plugin.
    pub(in crate::cli::serve) fn to_json(&self) -> Value {
        let manifest = self.package.manifest();
        let (state, finding) = self.state();
        let runs = matches!(state, "running" | "starting");
        let pid = match self.args.attach {
            true => self.live().host.as_ref().map(|host| host.pid()),
            false => self.watcher.process().pid,
        };
        let pid = pid.filter(|pid| runs && *pid != 0);
        let attach = self.attach_command().map(|command| {
            let environment = command.environment.iter();
            let environment =
                environment.map(|(name, value)| (name.clone(), value.as_str().into()));
            json!({
                "command": command.command_line(),
                "env": environment.collect::<Map<String, Value>>(),
                "directory": command.directory,
            })
        });
        let live = self.live();
        let symbols = self.symbols.iter().map(|symbol| {
            json!({
                "kind": symbol.kind.to_string(),
                "name": symbol.name,
                "metadata": symbol.metadata,
                "aggregate": live.aggregates.get(&symbol.name)
                    .filter(|_| symbol.kind == Kind::Function),
            })
        });
        let instances = live.instances.values();
        let instances = instances.map(|instance| instance.to_json(finding.as_ref()));
        json!({
            "name": manifest.name,
            "version": manifest.version,
            "language": language(&manifest.language),
            "release": live.release.name,
            "state": state,
            "pid": pid,
            "finding": finding.as_ref().map(Problem::to_json),
            "attach": attach,
            "symbols": symbols.collect::<Vec<_>>(),
            "instances": instances.collect::<Vec<_>>(),
        })
    }

    /// Describes an instance.
    pub(in crate::cli::serve) fn instance_json(&self, id: &str) -> Result<Value, Problem> {
        let (_, exit) = self.state();
        Ok(self.instance(id)?.to_json(exit.as_ref()))
    }

    /// Describes all instances.
    pub(in crate::cli::serve) fn instances_json(&self) -> Value {
        let (_, exit) = self.state();
        let live = self.live();
        let instances = live.instances.values();
        instances
            .map(|instance| instance.to_json(exit.as_ref()))
            .collect()
    }

    /// Answers as eKuiper 2.x does to `GET /plugins/portables/NAME/status`.
    pub(in crate::cli::serve) fn ekuiper_status(&self) -> Value {
        let (state, finding) = self.state();
        let live = self.live();
        let mut counts = BTreeMap::<&str, u64>::new();
        for instance in live.instances.values() {
            *counts.entry(&instance.order.meta.rule_id).or_default() += 1;
        }
        let exit = finding.map(|finding| finding.ekuiper_text());
        let status = match (state, &exit) {
            ("running", _) | ("exited", Some(None)) => "running",
            ("exited", _) => "error",
            ("stopped", _) => "stop",
            _ => "initializing",
        };
        let message = exit.flatten().unwrap_or_default();
        json!({"refCount": counts, "status": status, "errMsg": message})
    }

    /// Answers as an element of eKuiper's `GET /plugins/portables`.
    pub(in crate::cli::serve) fn ekuiper_info(&self) -> Value {
        let manifest = self.package.manifest();
        let mut info = Map::new();
        let mut set = |name: &str, value: Value| info.insert(name.to_owned(), value);
        set("name", manifest.name.as_str().into());
        set("version", manifest.version.as_str().into());
        set("language", language(&manifest.language).into());
        set(
            "executable",
            manifest.executable.display().to_string().into(),
        );
        if let Language::Python {
            virtual_env: Some(env),
        } = &manifest.language
        {
            set("virtualEnvType", "conda".into());
            set("env", env.as_str().into());
        }
        for (name, symbols) in [
            ("sources", &manifest.sources),
            ("sinks", &manifest.sinks),
            ("functions", &manifest.functions),
        ] {
            match manifest.unlisted.contains(&name) {
                true => set(name, Value::Null),
                false => set(name, symbols.clone().into()),
            };
        }
        Value::Object(info)
    }
}

fn language(language: &Language) -> &'static str {
    match language {
        Language::Native => "go",
        Language::Python { .. } => "python",
    }
}
