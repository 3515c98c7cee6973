//! `PKG`: the plugin on disk.

use mock_kuiper::package::{CheckLevel, CheckLine};

use crate::bench::{Bench, Checked, Stop, failed};
use crate::requirement::{Level, Releases, Requirement};

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "PKG-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "The json is what eKuiper takes for a plugin's.",
        why: "eKuiper refuses to install the plugin.",
        how: "It is judged as eKuiper's install judges it; nothing is launched.",
        source: "eKuiper 2.4.0 internal/plugin/portable/model.go, manager.go",
        check: json_is_valid,
    },
    &Requirement {
        id: "PKG-02",
        level: Level::Should,
        releases: Releases::All,
        rule: "Each source has its yaml.",
        why: "eKuiper installs no zip without it; a directory that is put in its place needs none.",
        how: "There has to be `sources/NAME.yaml` for each source; an empty one will do.",
        source: "eKuiper 2.4.0 internal/plugin/portable/manager.go",
        check: has_yaml,
    },
    &Requirement {
        id: "PKG-03",
        level: Level::Should,
        releases: Releases::All,
        rule: "Each symbol has UI metadata, and it parses.",
        why: "eKuiper's UI cannot show the symbol; a broken file hides those behind it as well.",
        how: "`sources/NAME.json`, `sinks/NAME.json` and `functions/NAME.json` are read as eKuiper does.",
        source: "eKuiper 2.4.0 internal/meta, internal/binder/meta/bind.go",
        check: has_metadata,
    },
    &Requirement {
        id: "PKG-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "The executable that the json names is there, and can be run.",
        why: "eKuiper refuses to install the plugin, or cannot launch it.",
        how: "The file is looked at as the kernel will: its mode, its format, its machine, its \
              interpreter.",
        source: "eKuiper 2.4.0 internal/plugin/portable/manager.go",
        check: executable_is_there,
    },
    &Requirement {
        id: "PKG-05",
        level: Level::Must,
        releases: Releases::All,
        rule: "A zip can be installed.",
        why: "eKuiper refuses it: a source's yaml is missing, or a file is not where it looks for it.",
        how: "All that eKuiper's install refuses in a zip is looked for; a directory has no such rule.",
        source: "eKuiper 2.4.0 internal/plugin/portable/manager.go",
        check: zip_is_installable,
    },
];

/// Fails with the lines of these levels that are about something, if there are
/// any.
fn none(bench: &Bench<'_>, levels: &[CheckLevel], about: impl Fn(&CheckLine) -> bool) -> Checked {
    let lines = bench.report()?.lines.iter();
    let lines: Vec<_> = lines
        .filter(|line| levels.contains(&line.level) && about(line))
        .map(|line| format!("{}: {}", line.file, line.text))
        .collect();
    match lines.is_empty() {
        true => Ok(()),
        false => Err(failed(lines.join("; "))),
    }
}

/// Whether a line is about the yaml or the metadata of a symbol.
fn is_of_symbol(line: &CheckLine) -> bool {
    let folders = ["sources/", "sinks/", "functions/"];
    folders.iter().any(|folder| line.file.starts_with(folder))
}

/// Whether a line is about the executable: its name in the json, or the file.
fn is_of_executable(bench: &Bench<'_>, line: &CheckLine) -> bool {
    let named = || {
        let executable = &bench.manifest().ok()?.executable;
        Some(!line.file.is_empty() && executable.ends_with(&line.file))
    };
    line.field.as_deref() == Some("executable") || named().unwrap_or(false)
}

fn json_is_valid(bench: &Bench<'_>) -> Checked {
    none(bench, &[CheckLevel::Error], |line| {
        !is_of_symbol(line) && !is_of_executable(bench, line)
    })
}

fn executable_is_there(bench: &Bench<'_>) -> Checked {
    none(bench, &[CheckLevel::Error], |line| {
        is_of_executable(bench, line)
    })
}

fn has_yaml(bench: &Bench<'_>) -> Checked {
    let is_yaml = |line: &CheckLine| is_of_symbol(line) && line.file.ends_with(".yaml");
    none(bench, &[CheckLevel::Error], is_yaml)
}

fn has_metadata(bench: &Bench<'_>) -> Checked {
    let is_metadata = |line: &CheckLine| is_of_symbol(line) && line.file.ends_with(".json");
    none(
        bench,
        &[CheckLevel::Error, CheckLevel::Warning],
        is_metadata,
    )
}

fn zip_is_installable(bench: &Bench<'_>) -> Checked {
    if bench.plan.plugin.is_dir() {
        return Err(Stop::NotApplicable("the plugin is no zip"));
    }
    none(bench, &[CheckLevel::Error], |_| true)
}
