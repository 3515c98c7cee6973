//! How to start a plugin that the host does not launch.

use std::fmt;
use std::path::PathBuf;

/// How to start a plugin that the host does not launch: the same command that
/// eKuiper would run. [`Host::attach_command`](super::Host::attach_command) returns
/// it.
///
/// `Display` writes it as one line for a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttachCommand {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Variables that the plugin needs in its environment.
    pub environment: Vec<(String, String)>,
    /// The working directory; `None` for any.
    pub directory: Option<PathBuf>,
}

impl AttachCommand {
    /// Returns program and arguments as a shell reads them.
    #[must_use]
    pub fn command_line(&self) -> String {
        let words: Vec<_> = self.command.iter().map(|word| quoted(word)).collect();
        words.join(" ")
    }

    /// Returns the variables as a shell reads them in front of a command.
    #[must_use]
    pub fn variables(&self) -> String {
        let variables = self.environment.iter();
        let variables: Vec<_> = variables
            .map(|(name, value)| format!("{name}={}", quoted(value)))
            .collect();
        variables.join(" ")
    }
}

impl fmt::Display for AttachCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(directory) = &self.directory {
            write!(f, "cd {} && ", quoted(&directory.to_string_lossy()))?;
        }
        let variables = self.variables();
        let space = if variables.is_empty() { "" } else { " " };
        write!(f, "{variables}{space}{}", self.command_line())
    }
}

/// Quotes a word for a shell, if it needs it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_the_words() {
        let command = AttachCommand {
            command: ["./it's", "-u", r#"{"sendTimeout":1000}"#]
                .map(str::to_owned)
                .to_vec(),
            environment: vec![("A".to_owned(), "x y".to_owned())],
            directory: Some("/a b".into()),
        };

        assert_eq!(
            command.to_string(),
            r#"cd '/a b' && A='x y' './it'\''s' -u '{"sendTimeout":1000}'"#
        );
    }
}
