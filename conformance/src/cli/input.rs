//! What the command line and its files say, made ready to be tried.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use ekuiper_conformance::Plan;
use ekuiper_conformance::expect::Expected;
use ekuiper_conformance::redact::Secrets;
use ekuiper_conformance::requirement::{self, Requirement};
use mock_kuiper::call::SymbolConfig;
use mock_kuiper::package::{Package, PackageError};
use mock_kuiper::profile::Profile;
use serde_json::{Map, Value};

use super::{Args, CliError};

type Configs = HashMap<String, Map<String, Value>>;

/// The releases that are required.
#[derive(Debug, Clone)]
pub(super) struct Releases(Vec<&'static Profile>);

impl Releases {
    pub(super) fn as_slice(&self) -> &[&'static Profile] {
        &self.0
    }
}

impl FromStr for Releases {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(Profile::all().iter().collect()));
        }
        let mut releases = Vec::new();
        for name in text.split(',') {
            let release = Profile::find(name).map_err(|error| error.to_string())?;
            if !releases.contains(&release) {
                releases.push(release);
            }
        }
        Ok(Self(releases))
    }
}

/// Reads how many times as long waits are.
pub(super) fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if (0.01..=100.0).contains(&scale) => Ok(scale),
        _ => Err("expected a number from 0.01 to 100".to_owned()),
    }
}

/// Reads how many processes there are at the same time.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=64) => Ok(jobs),
        _ => Err("expected a number from 1 to 64".to_owned()),
    }
}

/// The requirements that `--filter` leaves, or what is wrong with it.
pub(super) type Chosen = Result<Vec<&'static Requirement>, Vec<String>>;

/// Returns the requirements that `--filter` leaves.
pub(super) fn chosen(filters: &[String]) -> Chosen {
    let mut all = requirement::all();
    let filters: Vec<_> = filters.iter().map(|id| id.to_ascii_uppercase()).collect();
    let unknown = filters.iter().filter(|filter| {
        let mut ids = all.iter().map(|requirement| requirement.id);
        filter.is_empty() || !ids.any(|id| id.starts_with(filter.as_str()))
    });
    let mistakes: Vec<_> = unknown
        .map(|filter| {
            format!("--filter: no requirement begins with `{filter}`; `--list` shows them")
        })
        .collect();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    if !filters.is_empty() {
        all.retain(|requirement| {
            let mut filters = filters.iter();
            filters.any(|filter| requirement.id.starts_with(filter.as_str()))
        });
    }
    Ok(all)
}

/// What is tried, and what is known of it.
pub(super) struct Input {
    pub(super) plan: Plan,
    pub(super) expected: Expected,
    pub(super) chosen: Vec<&'static Requirement>,
}

/// Reads the plugin and all files; all mistakes are told at once.
pub(super) fn read(args: &Args, chosen: Chosen) -> Result<Input, CliError> {
    let mut mistakes = Vec::new();
    let chosen = chosen.unwrap_or_else(|lines| {
        mistakes.extend(lines);
        Vec::new()
    });
    mistakes.extend(unwritable(args));
    let expected = match &args.expect_fail {
        None => Expected::default(),
        Some(path) => read_text(path)
            .map_err(|mistake| vec![mistake])
            .and_then(|text| {
                Expected::parse(&text).map_err(|lines| {
                    let lines = lines.into_iter();
                    lines
                        .map(|line| format!("{}: {line}", path.display()))
                        .collect()
                })
            })
            .unwrap_or_else(|lines| {
                mistakes.extend(lines);
                Expected::default()
            }),
    };
    let mut configs = match &args.config_file {
        None => Configs::new(),
        Some(path) => read_configs(path).unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            Configs::new()
        }),
    };
    overlay(&mut configs, &args.config);
    let mut refused = Configs::new();
    overlay(&mut refused, &args.refused);

    let path = args.plugin.as_deref().unwrap_or(Path::new("."));
    let release = args.release.as_slice()[0];
    let mut plan = match Package::build(path, !args.debug) {
        Ok(package) => {
            for (option, configs) in [("--config", &configs), ("--refused", &refused)] {
                mistakes.extend(unknown_symbols(option, configs, &package));
            }
            let mut plan = Plan::new(package, release);
            path.clone_into(&mut plan.plugin);
            plan
        }
        // Its files are the plugin's own, and judged.
        Err(PackageError::Mistakes(lines)) if path.exists() => {
            let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
            Plan::broken(path, lines.join("; "), release)
        }
        Err(PackageError::Mistakes(lines)) => {
            mistakes.extend(lines.iter().map(ToString::to_string));
            return Err(CliError::Input(mistakes));
        }
        Err(other) => return Err(CliError::Trouble(other.to_string())),
    };
    if !mistakes.is_empty() {
        return Err(CliError::Input(mistakes));
    }

    let mut secrets = Secrets::default();
    for config in configs.values().chain(refused.values()) {
        secrets.add(&args.redact, config);
    }
    for variable in &args.env {
        if args.redact.contains(&variable.name) {
            secrets.add_text(&variable.value);
        }
    }
    plan.build.release = !args.debug;
    plan.configs = configs;
    plan.refused = refused;
    plan.secrets = secrets;
    plan.python.clone_from(&args.python);
    let variables = args.env.iter();
    plan.environment = variables
        .map(|variable| (variable.name.clone(), variable.value.clone()))
        .collect();
    plan.timeout_scale = args.timeout_scale;
    plan.jobs = args.jobs;
    Ok(Input {
        plan,
        expected,
        chosen,
    })
}

/// Says which files cannot be written, before all else has taken its time.
fn unwritable(args: &Args) -> Vec<String> {
    let files = [
        ("--write-expect-fail", &args.write_expect_fail),
        ("--json", &args.json),
        ("--junit", &args.junit),
    ];
    let named = files
        .iter()
        .filter_map(|(option, path)| Some((option, path.as_ref()?)));
    named
        .filter_map(|(option, path)| {
            let file = fs::OpenOptions::new().append(true).create(true).open(path);
            let error = file.err()?;
            Some(format!(
                "{option}: {} cannot be written: {error}",
                path.display()
            ))
        })
        .collect()
}

fn overlay(configs: &mut Configs, more: &[SymbolConfig]) {
    for SymbolConfig { symbol, config } in more {
        let of = configs.entry(symbol.clone()).or_default();
        of.extend(config.clone());
    }
}

/// Says which configurations are of no source and no sink of the plugin.
fn unknown_symbols(option: &str, configs: &Configs, package: &Package) -> Vec<String> {
    let manifest = package.manifest();
    let known: Vec<_> = manifest.sources.iter().chain(&manifest.sinks).collect();
    let listed = known.iter().map(|name| format!("`{name}`"));
    let listed = listed.collect::<Vec<_>>().join(", ");
    let mut unknown: Vec<_> = configs
        .keys()
        .filter(|name| !known.contains(name))
        .collect();
    unknown.sort_unstable();
    unknown
        .into_iter()
        .map(|name| match known.is_empty() {
            true => {
                format!("{option}: `{name}` cannot be configured: the plugin has functions alone")
            }
            false => {
                format!("{option}: the plugin has no source or sink `{name}`; it has {listed}")
            }
        })
        .collect()
}

fn read_text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))
}

fn read_configs(path: &Path) -> Result<Configs, String> {
    let text = read_text(path)?;
    serde_json::from_str(&text).map_err(|error| {
        format!(
            "{}: expected one JSON object of objects, {{\"NAME\":{{…}}}}: {error}",
            path.display()
        )
    })
}
