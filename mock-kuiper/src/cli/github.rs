//! What a command says to a GitHub Actions job: workflow commands, and the Markdown
//! of the job's summary. All text may be foreign.

use std::env;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use mock_kuiper::engine::foreign;

use super::error::CliError;

/// Returns whether this process runs in a job.
pub(super) fn is_job() -> bool {
    env::var_os("GITHUB_ACTIONS").is_some()
}

/// Returns the root of the job's repository.
pub(super) fn workspace() -> Option<PathBuf> {
    env::var_os("GITHUB_WORKSPACE").map(PathBuf::from)
}

/// Appends Markdown to the summary of the job, if it has one.
///
/// # Errors
///
/// [`CliError::Input`] if the file cannot be written.
pub(super) fn add_to_summary(text: &str) -> Result<(), CliError> {
    let Some(path) = env::var_os("GITHUB_STEP_SUMMARY").map(PathBuf::from) else {
        return Ok(());
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CliError::input(format!("cannot write {}: {error}", path.display())))
}

/// Returns a path relative to the root of the repository, as annotations have it.
pub(super) fn relative(file: &Path, workspace: Option<&Path>) -> String {
    let absolute = std::path::absolute(file);
    let inside = absolute.as_deref().ok().zip(workspace);
    let inside = inside.and_then(|(file, workspace)| file.strip_prefix(workspace).ok());
    inside.unwrap_or(file).to_string_lossy().into_owned()
}

/// Escapes the text of a workflow command, which is one line.
pub(super) fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
pub(super) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Escapes text for one line of Markdown, in a table and in HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for character in foreign::in_sentence(text).chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            // A name is no link.
            ':' | '@' | '#' => {
                let _ = write!(shown, "&#{};", u32::from(character));
            }
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '$' => {
                shown.push('\\');
                shown.push(character);
            }
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_command_stays_on_one_line() {
        assert_eq!(data("50 %\r\nof it"), "50 %25%0D%0Aof it");
        assert_eq!(property("a:b,c\n"), "a%3Ab%2Cc%0A");
    }

    #[test]
    fn a_path_outside_of_the_repository_stays_as_it_is() {
        let workspace = Some(Path::new("/work/repository"));

        assert_eq!(
            relative(Path::new("/work/repository/a/b.json"), workspace),
            "a/b.json"
        );
        assert_eq!(
            relative(Path::new("/else/b.json"), workspace),
            "/else/b.json"
        );
        assert_eq!(relative(Path::new("b.json"), None), "b.json");
    }
}
