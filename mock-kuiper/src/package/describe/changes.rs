//! Files that are written and changed, and the lines about them.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::super::error::PackageError;
use super::super::files;
use super::super::ordered::Json;
use super::super::report::{CheckAdvice, CheckLevel, CheckReport};
use super::properties::Difference;

/// What is compared, and what came of it.
#[derive(Debug)]
pub(super) struct Changes<'a> {
    directory: &'a Path,
    /// Whether files that differ are changed.
    pub(super) fix: bool,
    pub(super) report: CheckReport,
    /// Files that are missing, and for which the code says too little to write them.
    pub(super) undescribed: Vec<String>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(directory: &'a Path, fix: bool) -> Self {
        Self {
            directory,
            fix,
            report: CheckReport::default(),
            undescribed: Vec::new(),
        }
    }

    /// Returns the path of a file of the package.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    pub(super) fn exists(&self, file: &str) -> Result<bool, PackageError> {
        files::exists(&self.path(file))
    }

    /// Reads a file as JSON. Returns `None` if it is not a JSON object, which the
    /// checks of the file report.
    pub(super) fn read(&self, file: &str) -> Result<Option<Json>, PackageError> {
        match self.text(file) {
            Ok(text) => Ok(Json::parse(&text).ok().filter(Json::is_object)),
            Err(PackageError::Mistakes(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file that does not exist.
    pub(super) fn write(&mut self, file: &str, text: &str) -> Result<(), PackageError> {
        self.put(file, text, false)?;
        self.report.note("", format!("wrote {file}"));
        Ok(())
    }

    /// Replaces the contents of a file.
    pub(super) fn rewrite(&self, file: &str, text: &str) -> Result<(), PackageError> {
        self.put(file, text, true)
    }

    /// Reads a file as text.
    pub(super) fn text(&self, file: &str) -> Result<String, PackageError> {
        let path = self.path(file);
        let bytes = files::read(&path, files::TEXT_LIMIT)?;
        String::from_utf8(bytes).map_err(|error| {
            let text = format!("is not UTF-8: {}; correct the file", error.utf8_error());
            PackageError::one(&path, None, text)
        })
    }

    /// Gives a file another name, which no file has.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), PackageError> {
        let (from, to) = (self.directory.join(from), self.directory.join(to));
        let failed = |error| PackageError::io(&to, error);
        fs::hard_link(&from, &to).map_err(failed)?;
        fs::remove_file(&from).map_err(failed)
    }

    /// Reports a difference that [`fix`](Self::fix) changes.
    pub(super) fn differs(&mut self, level: CheckLevel, file: &str, field: &str, text: String) {
        self.report_at(level, file, field, text);
        if let Some(line) = self.report.lines.last_mut() {
            line.advice = Some(CheckAdvice::Fix);
        }
    }

    /// Reports a difference that [`fix`](Self::fix) changes: as `changed`, if files are
    /// changed, and otherwise as `wrong`.
    pub(super) fn settle(
        &mut self,
        level: CheckLevel,
        file: &str,
        field: &str,
        changed: String,
        wrong: String,
    ) {
        match self.fix {
            true => self.report_at(CheckLevel::Note, file, field, changed),
            false => self.differs(level, file, field, wrong),
        }
    }

    /// Reports the differences of a file. Returns whether the caller must change it.
    pub(super) fn differ(&mut self, file: &str, differences: Vec<Difference>) -> bool {
        let changed = self.fix && !differences.is_empty();
        for (field, text) in differences {
            let changed = format!("{text}: changed");
            let wrong = format!("{text}; correct the file");
            self.settle(CheckLevel::Warning, file, &field, changed, wrong);
        }
        changed
    }

    /// Reports a difference that the author must change, or a change that was made.
    pub(super) fn report_at(&mut self, level: CheckLevel, file: &str, field: &str, text: String) {
        let field = (!field.is_empty()).then(|| field.to_owned());
        self.report.push(level, file, field, text);
    }

    /// Writes a file completely or not at all. A file that is replaced keeps its mode.
    fn put(&self, file: &str, text: &str, replace: bool) -> Result<(), PackageError> {
        let path = self.path(file);
        // A link stays a link.
        let path = path.canonicalize().unwrap_or(path);
        let failed = |error| PackageError::io(&path, error);
        let beside = path.parent().unwrap_or(self.directory);
        match fs::create_dir(beside) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let mut temporary = tempfile::Builder::new()
            .prefix(".mock-kuiper-")
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(beside)
            .map_err(failed)?;
        temporary.write_all(text.as_bytes()).map_err(failed)?;
        if replace {
            let permissions = fs::metadata(&path).map_err(failed)?.permissions();
            let file = temporary.as_file();
            file.set_permissions(permissions).map_err(failed)?;
        }
        let persisted = match replace {
            true => temporary.persist(&path),
            false => temporary.persist_noclobber(&path),
        };
        persisted.map(drop).map_err(|error| failed(error.error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_keeps_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        fs::write(&path, "{}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();

        let changes = Changes::new(directory.path(), true);
        changes.rewrite("a.json", "[]").unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "[]");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}
