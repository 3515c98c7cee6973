//! `PKG`: the plugin on disk.

use mock_kuiper::package::{Build, Checked as Looked, Level as How, check};

use crate::bench::{Bench, Checked, Stop, failed};
use crate::requirement::{Level, Releases, Requirement};

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "PKG-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "The json is valid, and the executable that it names is there and can be run on this machine.",
        why: "eKuiper refuses to install the plugin, or cannot launch it.",
        how: "The files are judged as eKuiper's install judges them; nothing is launched.",
        source: "protocol.md section 2",
        check: installable,
    },
    &Requirement {
        id: "PKG-02",
        level: Level::Should,
        releases: Releases::All,
        rule: "Each source has its yaml, and each symbol UI metadata that parses.",
        why: "A zip without a source's yaml is refused; without metadata the UI cannot show the symbol.",
        how: "As PKG-01; nothing of `sources/`, `sinks/` and `functions/` may be worth a warning.",
        source: "protocol.md section 2",
        check: complete,
    },
];

fn look(bench: &Bench<'_>) -> Result<Looked, Stop> {
    check(&bench.plan.plugin, &Build::default()).map_err(|error| Stop::Trouble(error.to_string()))
}

/// The lines of a level and about some files, as one text.
fn lines(looked: &Looked, level: How, about: impl Fn(&str) -> bool) -> String {
    let lines = looked.report().lines.iter();
    let lines: Vec<_> = lines
        .filter(|line| line.level == level && about(&line.file))
        .map(|line| format!("{}: {}", line.file, line.text))
        .collect();
    lines.join("; ")
}

/// Whether a file is the yaml or the metadata of a symbol.
fn is_of_symbol(file: &str) -> bool {
    ["sources/", "sinks/", "functions/"]
        .iter()
        .any(|folder| file.starts_with(folder))
}

fn installable(bench: &Bench<'_>) -> Checked {
    let looked = look(bench)?;
    match lines(&looked, How::Error, |file| !is_of_symbol(file)) {
        errors if errors.is_empty() => Ok(()),
        errors => Err(failed(errors)),
    }
}

fn complete(bench: &Bench<'_>) -> Checked {
    let looked = look(bench)?;
    for level in [How::Error, How::Warning] {
        let found = lines(&looked, level, is_of_symbol);
        if !found.is_empty() {
            return Err(failed(found));
        }
    }
    Ok(())
}
