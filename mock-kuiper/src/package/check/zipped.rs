//! The entries of a zip, held against the way in which eKuiper unpacks it.
//!
//! Source: eKuiper 2.4.0, internal/plugin/portable/manager.go (`install`) and
//! `UnzipTo` in internal/pkg/filex.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::{PackageError, archive};
use super::report::Report;

/// What eKuiper unpacks beside its own configuration, not in the plugin's
/// directory.
pub(super) const SHARED: [&str; 3] = ["sources", "sinks", "functions"];

/// Checks the entries' names, in their order.
pub(super) fn check(report: &mut Report, zip: &Path, json: &str) -> Result<(), PackageError> {
    let names = archive::names(zip)?;
    // As Go cleans them: `./a//b` is `a/b`.
    let clean = |name: &str| -> Vec<String> {
        let parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.map(str::to_owned).collect()
    };
    if zip.extension().is_none_or(|extension| extension != "zip") {
        report.error(
            "",
            "eKuiper installs no other file than a `.zip`; let the name end so",
        );
    }
    if !names.iter().any(|name| name == json) {
        let text = format!("stands in the zip under another name than `{json}`; pack it anew");
        report.error(json, text);
    }
    let mut directories: BTreeSet<Vec<String>> = BTreeSet::new();
    directories.insert(Vec::new());
    directories.extend(SHARED.map(|name| vec![name.to_owned()]));
    let mut told = BTreeSet::new();
    for name in &names {
        let path = clean(name);
        let directory = if name.ends_with('/') {
            path.as_slice()
        } else {
            &path[..path.len().saturating_sub(1)]
        };
        let Some((_, above)) = directory.split_last() else {
            continue;
        };
        // One directory is made, and not those above it.
        if directories.contains(directory) || directories.contains(above) {
            directories.insert(directory.to_vec());
        } else if told.insert(above.to_vec()) {
            let text = format!(
                "eKuiper cannot unpack it: the zip has no entry `{}/` before it; pack it with \
                 `mock-kuiper pack`, or with entries for directories",
                above.join("/")
            );
            report.error(name, text);
        }
    }
    Ok(())
}
