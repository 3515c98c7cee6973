//! Reads what the command line names: the requirements, the plugin and the
//! files.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ekuiper_conformance::expect::Expected;
use ekuiper_conformance::promise::{ExpectedCall, Promises};
use ekuiper_conformance::{Plan, Requirement, section};
use mock_kuiper::engine::call::SymbolConfig;
use mock_kuiper::engine::package::Build;
use mock_kuiper::engine::redact::Secrets;
use mock_kuiper::{Package, PackageError};
use serde_json::{Map, Value};

use super::args::Args;
use super::error::CliError;

type Configs = HashMap<String, Map<String, Value>>;

/// The requirements that `--filter` selects, or the mistakes in it.
pub(super) type Filtered = Result<Vec<&'static Requirement>, Vec<String>>;

/// Returns the requirements that `--filter` selects.
pub(super) fn filter(filters: &[String]) -> Filtered {
    let mut all = section::all();
    let filters: Vec<_> = filters.iter().map(|id| id.to_ascii_uppercase()).collect();
    let unknown = filters.iter().filter(|filter| {
        let mut ids = all.iter().map(|requirement| requirement.id);
        filter.is_empty() || !ids.any(|id| id.starts_with(filter.as_str()))
    });
    let mistakes: Vec<_> = unknown
        .map(|filter| {
            format!("--filter: no requirement begins with `{filter}`; `--list` shows all of them")
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

/// The input of a test.
pub(super) struct Input {
    pub(super) plan: Plan,
    pub(super) expected: Expected,
    pub(super) flaky: Expected,
    pub(super) requirements: Vec<&'static Requirement>,
}

/// Reads the plugin and all files. An error lists all mistakes.
pub(super) fn read(args: &Args, filtered: Filtered) -> Result<Input, CliError> {
    let mut mistakes = Vec::new();
    let requirements = filtered.unwrap_or_else(|lines| {
        mistakes.extend(lines);
        Vec::new()
    });
    mistakes.extend(unwritable(args));
    let expected = read_lines(args.expect_fail.as_deref(), Expected::parse, &mut mistakes);
    let flaky = read_lines(args.expect_flaky.as_deref(), Expected::parse, &mut mistakes);
    if let Some(path) = &args.expect_flaky {
        let lines = flaky.contradictions(&expected).into_iter();
        mistakes.extend(lines.map(|line| in_file(path, &line)));
    }
    let promises = read_lines(args.promises.as_deref(), Promises::parse, &mut mistakes);
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
    let build = match args.debug {
        true => Build::unoptimized(),
        false => Build::optimized(),
    };
    let mut plan = match Package::build(path, build.clone()) {
        Ok(package) => {
            for (option, configs) in [("--config", &configs), ("--refused", &refused)] {
                mistakes.extend(unknown_symbols(option, configs, &package));
            }
            mistakes.extend(unknown_names(&args.symbol, &package));
            mistakes.extend(unknown_functions(args, &promises, &package));
            let mut plan = Plan::new(package, release);
            path.clone_into(&mut plan.plugin);
            plan
        }
        // The plugin's files are part of what is tested.
        Err(PackageError::Mistakes(lines)) if path.exists() => {
            let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
            Plan::broken(path, lines.join("; "), release)
        }
        Err(PackageError::Mistakes(lines)) => {
            mistakes.extend(lines.iter().map(ToString::to_string));
            return Err(CliError::Input(mistakes));
        }
        Err(error) if error.is_input() => {
            mistakes.push(error.to_string());
            return Err(CliError::Input(mistakes));
        }
        Err(other) => return Err(CliError::System(other.to_string())),
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
    plan.build = build;
    plan.long = args.long;
    let calls = promises.calls.into_iter().map(|(_, call)| call);
    plan.calls = args.call.iter().cloned().chain(calls).collect();
    plan.counter = args.counter.clone().or(promises.counter);
    plan.symbols.clone_from(&args.symbol);
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
        flaky,
        requirements,
    })
}

/// Returns a mistake for each file that cannot be written, so that it is known
/// before the tests run. A file that did not exist is not left behind.
fn unwritable(args: &Args) -> Vec<String> {
    let files = [
        ("--write-expect-fail", &args.write_expect_fail),
        ("--json", &args.json),
        ("--events", &args.events),
        ("--junit", &args.junit),
        ("--html", &args.html),
    ];
    let named = files
        .iter()
        .filter_map(|(option, path)| Some((option, path.as_ref()?)));
    named
        .filter_map(|(option, path)| {
            let is_new = !path.exists();
            let file = fs::OpenOptions::new().append(true).create(true).open(path);
            let Err(error) = file else {
                if is_new {
                    let _ = fs::remove_file(path);
                }
                return None;
            };
            Some(format!(
                "{option}: cannot write {}: {error}",
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

/// Returns a mistake for each configuration of a symbol that is not a source or
/// sink of the plugin.
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
                format!("{option}: `{name}` cannot be configured: the plugin has only functions")
            }
            false => {
                format!("{option}: the plugin has no source or sink `{name}`; it has {listed}")
            }
        })
        .collect()
}

/// Returns a mistake for each selected symbol that the plugin does not have.
fn unknown_names(names: &[String], package: &Package) -> Vec<String> {
    let manifest = package.manifest();
    let known = [&manifest.sources, &manifest.sinks, &manifest.functions];
    let known = known.into_iter().flatten();
    let unknown = names
        .iter()
        .filter(|name| !known.clone().any(|other| other == *name));
    let listed = known.clone().map(|name| format!("`{name}`"));
    let listed = listed.collect::<Vec<_>>().join(", ");
    unknown
        .map(|name| format!("--symbol: the plugin has no symbol `{name}`; it has {listed}"))
        .collect()
}

/// Returns a mistake for each call of a function that the plugin does not have.
fn unknown_functions(args: &Args, promises: &Promises, package: &Package) -> Vec<String> {
    let functions = &package.manifest().functions;
    let option = args.call.iter().map(|call| ("--call".to_owned(), call));
    let path = args.promises.as_deref().unwrap_or(Path::new(""));
    let file = promises
        .calls
        .iter()
        .map(|(line, call)| (format!("{}: line {line}", path.display()), call));
    let unknown = option
        .chain(file)
        .filter(|(_, expected)| !functions.contains(&expected.call.function));
    unknown
        .map(|(place, ExpectedCall { call, .. })| {
            format!("{place}: the plugin has no function `{}`", call.function)
        })
        .collect()
}

/// Reads a file of lines, if one is named; adds its mistakes to the others.
fn read_lines<T: Default>(
    path: Option<&Path>,
    parse: impl Fn(&str) -> Result<T, Vec<String>>,
    mistakes: &mut Vec<String>,
) -> T {
    let Some(path) = path else {
        return T::default();
    };
    let parsed = read_text(path).map_err(|mistake| vec![mistake]);
    let parsed = parsed.and_then(|text| {
        parse(&text).map_err(|lines| lines.iter().map(|line| in_file(path, line)).collect())
    });
    parsed.unwrap_or_else(|lines| {
        mistakes.extend(lines);
        T::default()
    })
}

fn in_file(path: &Path, mistake: &str) -> String {
    format!("{}: {mistake}", path.display())
}

fn read_text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
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
