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
        rule: "Each source has its yaml, each symbol UI metadata that parses, and nothing of it warns.",
        why: "A zip without a source's yaml is refused; without metadata the UI cannot show the symbol.",
        how: "As PKG-01, with the warnings.",
        source: "protocol.md section 2",
        check: complete,
    },
];

fn look(bench: &Bench<'_>) -> Result<Looked, Stop> {
    check(&bench.plan.plugin, &Build::default()).map_err(|error| Stop::Trouble(error.to_string()))
}

/// The lines of a level, as one text.
fn lines(looked: &Looked, level: How) -> String {
    let lines = looked.report().lines.iter();
    let lines: Vec<_> = lines
        .filter(|line| line.level == level)
        .map(|line| format!("{}: {}", line.file, line.text))
        .collect();
    lines.join("; ")
}

fn installable(bench: &Bench<'_>) -> Checked {
    let looked = look(bench)?;
    match lines(&looked, How::Error) {
        errors if errors.is_empty() => Ok(()),
        errors => Err(failed(errors)),
    }
}

fn complete(bench: &Bench<'_>) -> Checked {
    let looked = look(bench)?;
    match lines(&looked, How::Warning) {
        warnings if warnings.is_empty() => Ok(()),
        warnings => Err(failed(warnings)),
    }
}
