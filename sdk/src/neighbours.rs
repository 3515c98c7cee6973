//! The json files next to the executable: whether one has the plugin's name.
//!
//! eKuiper knows a plugin by the name of its json, and opens the control channel of
//! that name. A plugin with another name dials an address where nobody listens.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The number of files that are named.
const LISTED: usize = 10;

/// Returns what to log if no `NAME.json` is where a host or a user starts the plugin:
/// in the directory of the executable, in the one above it, or in the working
/// directory.
pub(crate) fn missing_json(name: &str) -> Option<String> {
    let mut directories = Vec::new();
    // As the host names it, which may be a link, and as the system does.
    let launched = env::args_os().next().map(PathBuf::from);
    for executable in [launched, env::current_exe().ok()].into_iter().flatten() {
        let parent = executable.parent().filter(|path| path.is_absolute());
        // The executable may be in a directory of the plugin's directory.
        directories.extend(
            parent
                .into_iter()
                .flat_map(|path| path.ancestors().take(2))
                .map(Path::to_owned),
        );
    }
    directories.extend(env::current_dir());
    missing_in(name, &directories)
}

fn missing_in(name: &str, directories: &[PathBuf]) -> Option<String> {
    let file = format!("{name}.json");
    // A link counts: an isolated plugin may not see the file that it leads to.
    let has = |directory: &PathBuf| directory.join(&file).symlink_metadata().is_ok();
    if directories.iter().any(has) {
        return None;
    }
    let mut found: Vec<String> = directories.iter().flat_map(|path| jsons(path)).collect();
    found.sort();
    found.dedup();
    let more = found.len().saturating_sub(LISTED);
    found.truncate(LISTED);
    let mut text = format!("plugin `{name}`: there is no `{file}` next to the executable, ");
    if found.is_empty() {
        text += "and no other json; a host installs the plugin by this file";
    } else {
        let names: Vec<_> = found.iter().map(|name| format!("`{name}`")).collect();
        text += &format!("only {}", names.join(", "));
        if more > 0 {
            text += &format!(" and {more} more");
        }
        text += ": is the name in `PluginConfig::new` wrong? A host that knows the plugin by \
                 another name does not answer it";
    }
    Some(text)
}

/// Returns the names of the json files in a directory, without hidden ones.
fn jsons(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_of_the_plugins_name_in_any_of_the_directories_is_enough() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(b.path().join("mirror.json"), "{}").unwrap();
        let directories = [a.path().to_owned(), b.path().to_owned()];

        assert_eq!(missing_in("mirror", &directories), None);
        assert_eq!(
            missing_in("miror", &directories).unwrap(),
            "plugin `miror`: there is no `miror.json` next to the executable, only \
             `mirror.json`: is the name in `PluginConfig::new` wrong? A host that knows the \
             plugin by another name does not answer it"
        );
        assert_eq!(
            missing_in("mirror", &directories[..1]).unwrap(),
            "plugin `mirror`: there is no `mirror.json` next to the executable, and no other \
             json; a host installs the plugin by this file"
        );
    }

    #[test]
    fn a_link_to_a_json_that_cannot_be_seen_is_enough() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("mirror.json");
        std::os::unix::fs::symlink("/nowhere/mirror.json", link).unwrap();

        assert_eq!(missing_in("mirror", &[directory.path().to_owned()]), None);
    }

    #[test]
    fn of_many_json_files_ten_are_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(".hidden.json"), "").unwrap();
        for number in 10..23 {
            fs::write(directory.path().join(format!("{number}.json")), "").unwrap();
        }

        let text = missing_in("mirror", &[directory.path().to_owned()]).unwrap();

        assert!(text.contains("only `10.json`, "), "{text}");
        assert!(text.contains("`19.json` and 3 more: "), "{text}");
    }
}
