//! Follows a run: shows its progress, and keeps only what a report needs.

use std::sync::{Mutex, OnceLock, PoisonError};

use mock_kuiper::scenario::{self, CaseResult, Selected, Verdict};

use super::progress::Progress;
use crate::cli::error::CliError;

/// Follows a run.
pub(super) struct Watcher {
    /// Whether a report shows what was seen of cases that passed.
    keeps_all: bool,
    /// Writes the texts for people.
    print: fn(&str) -> Result<(), CliError>,
    progress: OnceLock<Progress>,
    /// The first error of stdout.
    failed: Mutex<Option<CliError>>,
}

impl Watcher {
    pub(super) fn new(keeps_all: bool, print: fn(&str) -> Result<(), CliError>) -> Self {
        Self {
            keeps_all,
            print,
            progress: OnceLock::new(),
            failed: Mutex::default(),
        }
    }

    /// Removes the progress.
    ///
    /// # Errors
    ///
    /// If stdout could not be written.
    pub(super) fn close(self) -> Result<(), CliError> {
        if let Some(progress) = self.progress.get() {
            progress.close();
        }
        let failed = self
            .failed
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), Err)
    }
}

impl scenario::Progress for Watcher {
    fn begins(&self, cases: &[Selected]) {
        let _ = self.progress.set(Progress::new(cases.len(), self.print));
    }

    fn began(&self, case: &Selected) {
        if let Some(progress) = self.progress.get() {
            progress.began(&case.name, case.release);
        }
    }

    fn ended(&self, case: &mut CaseResult) {
        case.command = command(case);
        if case.verdict == Verdict::Passed && !self.keeps_all {
            case.frames = Vec::new();
            case.log = Vec::new();
        }
        let shown = self.progress.get().map_or(Ok(()), |it| it.ended(case));
        if let Err(error) = shown {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error);
        }
    }
}

/// Returns the command that runs a case alone.
fn command(case: &CaseResult) -> String {
    format!(
        "mock-kuiper test {} --filter {} --release {}",
        quoted(&case.file.to_string_lossy()),
        quoted(&format!("={}", case.name)),
        case.release
    )
}

/// Quotes a text for a shell, if it needs that.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-=:+,@".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_for_a_shell_only_if_it_needs_that() {
        assert_eq!(quoted("=echo"), "=echo");
        assert_eq!(quoted("=it's one"), "'=it'\\''s one'");
        assert_eq!(quoted(""), "''");
    }
}
