//! `PKG`: the plugin on disk.

use mock_kuiper::engine::package::{CheckLevel, CheckLine};
use mock_kuiper::engine::release::Releases;

use crate::checked::{Checked, NotPassed, failed};
use crate::requirement::{Check, Level, Requirement};
use crate::rig::Rig;

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "PKG-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "The plugin's JSON file is valid.",
        why: "Otherwise eKuiper refuses to install the plugin.",
        how: "The file is checked as eKuiper's installer checks it. Nothing is launched.",
        expected: "The installer accepts the file.",
        source: "eKuiper 2.4.0 internal/plugin/portable/model.go, manager.go",
        slow: false,
        check: Check::Function(json_is_valid),
    },
    &Requirement {
        id: "PKG-02",
        level: Level::Should,
        releases: Releases::All,
        rule: "Each source has a YAML file.",
        why: "Without it, eKuiper does not install a zip. A directory that is copied into \
              eKuiper's plugin folder works without it.",
        how: "`sources/NAME.yaml` is looked for, for each source.",
        expected: "The file exists. It may be empty.",
        source: "eKuiper 2.4.0 internal/plugin/portable/manager.go",
        slow: false,
        check: Check::Function(has_yaml),
    },
    &Requirement {
        id: "PKG-03",
        level: Level::Should,
        releases: Releases::All,
        rule: "Each symbol has a file with UI metadata, and the file can be parsed.",
        why: "Otherwise eKuiper's UI cannot show the symbol. A broken file also hides the symbols \
              whose files are read after it.",
        how: "`sources/NAME.json`, `sinks/NAME.json` and `functions/NAME.json` are read as eKuiper \
              reads them.",
        expected: "Each of the files exists and is read without an error.",
        source: "eKuiper 2.4.0 internal/meta, internal/binder/meta/bind.go",
        slow: false,
        check: Check::Function(has_metadata),
    },
    &Requirement {
        id: "PKG-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "The executable that the JSON file names exists and can be run.",
        why: "Otherwise eKuiper refuses to install the plugin, or cannot launch it.",
        how: "The file is checked as the kernel checks it: its mode, format, machine and \
              interpreter.",
        expected: "The kernel can run the file.",
        source: "eKuiper 2.4.0 internal/plugin/portable/manager.go",
        slow: false,
        check: Check::Function(executable_is_there),
    },
    &Requirement {
        id: "PKG-05",
        level: Level::Must,
        releases: Releases::All,
        rule: "The plugin's zip can be installed.",
        why: "Otherwise eKuiper refuses to install it. Often a source has no YAML file, or a file \
              is not where eKuiper looks for it.",
        how: "The zip is searched for everything that eKuiper's installer refuses. The rule does \
              not apply to a directory.",
        expected: "Nothing of that kind is in the zip.",
        source: "eKuiper 2.4.0 internal/plugin/portable/manager.go",
        slow: false,
        check: Check::Function(zip_is_installable),
    },
];

/// Fails if the report has lines of these levels that `concerns` selects.
fn none(rig: &Rig<'_>, levels: &[CheckLevel], concerns: impl Fn(&CheckLine) -> bool) -> Checked {
    let lines = rig.report()?.lines.iter();
    let lines: Vec<_> = lines
        .filter(|line| levels.contains(&line.level) && concerns(line))
        .map(|line| format!("{}: {}", line.file, line.text))
        .collect();
    match lines.is_empty() {
        true => Ok(()),
        false => Err(failed(lines.join("; "))),
    }
}

/// Returns whether a line concerns the YAML file or the metadata of a symbol.
fn is_of_symbol(line: &CheckLine) -> bool {
    let folders = ["sources/", "sinks/", "functions/"];
    folders.iter().any(|folder| line.file.starts_with(folder))
}

/// Returns whether a line concerns the executable: its name in the JSON file, or
/// the file itself.
fn is_of_executable(rig: &Rig<'_>, line: &CheckLine) -> bool {
    let named = || {
        let executable = &rig.manifest().ok()?.executable;
        Some(!line.file.is_empty() && executable.ends_with(&line.file))
    };
    line.field.as_deref() == Some("executable") || named().unwrap_or(false)
}

fn json_is_valid(rig: &Rig<'_>) -> Checked {
    none(rig, &[CheckLevel::Error], |line| {
        !is_of_symbol(line) && !is_of_executable(rig, line)
    })
}

fn executable_is_there(rig: &Rig<'_>) -> Checked {
    none(rig, &[CheckLevel::Error], |line| {
        is_of_executable(rig, line)
    })
}

fn has_yaml(rig: &Rig<'_>) -> Checked {
    let is_yaml = |line: &CheckLine| is_of_symbol(line) && line.file.ends_with(".yaml");
    none(rig, &[CheckLevel::Error], is_yaml)
}

fn has_metadata(rig: &Rig<'_>) -> Checked {
    let levels = [CheckLevel::Error, CheckLevel::Warning];
    none(rig, &levels, |line| {
        is_of_symbol(line) && line.file.ends_with(".json")
    })
}

fn zip_is_installable(rig: &Rig<'_>) -> Checked {
    if rig.plan.plugin.is_dir() {
        return Err(NotPassed::NotApplicable("the plugin is not a zip"));
    }
    none(rig, &[CheckLevel::Error], |_| true)
}
