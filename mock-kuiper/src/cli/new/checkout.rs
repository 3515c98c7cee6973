//! A checkout of this project's repository, on which a new plugin can depend.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::error::CliError;

/// A checkout that was verified.
#[derive(Debug)]
pub(super) struct Checkout {
    /// Its absolute path, without control characters.
    path: String,
    /// Its repository on GitHub, as `OWNER/NAME`.
    pub(super) repository: Option<String>,
}

impl Checkout {
    /// Verifies that a directory is such a checkout.
    ///
    /// # Errors
    ///
    /// [`CliError::Input`] if it is not, or if its path cannot be written to a file.
    pub(super) fn open(given: &Path) -> Result<Self, CliError> {
        let refused = |text: &str| {
            let text = format!("--from {}: {text}", given.display());
            CliError::input(text)
        };
        let path = fs::canonicalize(given).map_err(|error| refused(&error.to_string()))?;
        if !has_package(&path.join("sdk"), "ekuiper")
            || !has_package(&path.join("mock-kuiper"), "mock-kuiper")
        {
            let text = "is not a checkout of the SDK's repository: it has no `sdk/Cargo.toml` of \
                        `ekuiper` and `mock-kuiper/Cargo.toml` of `mock-kuiper`; name the \
                        directory that holds both";
            return Err(refused(text));
        }
        let text = path
            .to_str()
            .filter(|text| !text.contains(char::is_control));
        let Some(text) = text else {
            let text = "its path contains a control character or is not UTF-8, and cannot be \
                        written to Cargo.toml; rename the directory";
            return Err(refused(text));
        };
        Ok(Self {
            path: text.to_owned(),
            repository: repository(&path),
        })
    }

    /// Returns the path of an entry, `""` for the checkout itself, as a string of
    /// JSON. Without control characters it is one of TOML and YAML, too.
    pub(super) fn quoted(&self, entry: &str) -> String {
        serde_json::Value::from(format!("{}{entry}", self.path)).to_string()
    }
}

/// Returns whether a directory holds the Cargo package of this name.
fn has_package(directory: &Path, name: &str) -> bool {
    let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap_or_default();
    let line = format!("name = \"{name}\"");
    manifest.lines().any(|other| other == line)
}

/// Finds the repository on GitHub in the configuration of Git. No network is used.
fn repository(checkout: &Path) -> Option<String> {
    let config = fs::read_to_string(git_directory(checkout)?.join("config")).ok()?;
    let mut lines = config.lines().map(str::trim);
    lines.find(|line| *line == r#"[remote "origin"]"#)?;
    let mut section = lines.take_while(|line| !line.starts_with('['));
    let url = section.find_map(|line| line.strip_prefix("url = "))?;
    on_github(url)
}

/// Returns the directory of Git, which a linked worktree shares with others.
fn git_directory(checkout: &Path) -> Option<PathBuf> {
    let git = checkout.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    let own = checkout.join(text.strip_prefix("gitdir: ")?.trim_end());
    let common = fs::read_to_string(own.join("commondir")).ok()?;
    Some(own.join(common.trim_end()))
}

/// Returns `OWNER/NAME` of a URL of GitHub.
fn on_github(url: &str) -> Option<String> {
    let (_, path) = url.split_once("github.com")?;
    let path = path.strip_prefix(['/', ':'])?;
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, name) = path.split_once('/')?;
    let is_plain = |text: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !text.is_empty() && text.chars().all(allowed)
    };
    (is_plain(owner) && is_plain(name)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_found_in_each_form_of_a_url() {
        for url in [
            "https://github.com/some-one/sdk.rs",
            "https://github.com/some-one/sdk.rs.git",
            "https://token@github.com/some-one/sdk.rs.git",
            "git@github.com:some-one/sdk.rs.git",
            "ssh://git@github.com/some-one/sdk.rs.git",
        ] {
            assert_eq!(on_github(url).as_deref(), Some("some-one/sdk.rs"), "{url}");
        }
        for url in [
            "https://example.org/a/b",
            "/home/me/github.com",
            "https://github.com/a",
            "https://github.com/a/b c",
        ] {
            assert_eq!(on_github(url), None, "{url}");
        }
    }

    #[test]
    fn the_origin_of_a_clone_and_of_its_worktree_is_its_repository() {
        let place = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = place.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "clone/.git/config",
            "[core]\n\tbare = false\n[remote \"other\"]\n\turl = https://github.com/x/y\n\
             [remote \"origin\"]\n\turl = git@github.com:a/b.git\n[branch \"main\"]\n",
        );
        write("tree/.git", "gitdir: ../clone/.git/worktrees/tree\n");
        write("clone/.git/worktrees/tree/commondir", "../..\n");

        for checkout in ["clone", "tree"] {
            let found = repository(&place.path().join(checkout));
            assert_eq!(found.as_deref(), Some("a/b"), "{checkout}");
        }
        assert_eq!(repository(place.path()), None);
    }
}
