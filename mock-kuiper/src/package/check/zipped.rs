//! The entries of a zip: whether eKuiper can unpack and install them.
//!
//! Source: eKuiper 2.4.0, internal/plugin/portable/manager.go (`install`) and
//! `UnzipTo` in internal/pkg/filex.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::archive;
use super::super::error::PackageError;
use super::super::parts::SHARED;
use super::super::report::{CheckAdvice, CheckReport};

/// Checks the names of the entries, in their order.
pub(super) fn check(report: &mut CheckReport, zip: &Path, json: &str) -> Result<(), PackageError> {
    let names = archive::names(zip)?;
    // Go cleans paths: `./a//b` becomes `a/b`.
    let clean = |name: &str| -> Vec<String> {
        let parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.map(str::to_owned).collect()
    };
    if zip.extension().is_none_or(|extension| extension != "zip") {
        report.error(
            "",
            "eKuiper installs only files whose name ends with `.zip`; rename it",
        );
    }
    if !names.iter().any(|name| name == json) {
        let text = format!("must have exactly the name `{json}` in the zip; pack it again");
        report.error(json, text);
    }
    let mut directories: BTreeSet<Vec<String>> = BTreeSet::new();
    directories.insert(Vec::new());
    directories.extend(SHARED.map(|name| vec![name.to_owned()]));
    let mut reported = BTreeSet::new();
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
        // eKuiper creates one directory, and none above it.
        if directories.contains(directory) || directories.contains(above) {
            directories.insert(directory.to_vec());
        } else if reported.insert(above.to_vec()) {
            let text = format!(
                "eKuiper cannot unpack it, since the zip has no entry `{}/` before it; pack the \
                 zip again with entries for directories",
                above.join("/")
            );
            report.error_or(name, text, CheckAdvice::Pack);
        }
    }
    Ok(())
}
