//! Finding the test files below directories.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::node::FileMistake;

/// The end of a test file's name.
const SUFFIX: &str = ".test.yaml";

/// Finds the test files below the paths: each once, sorted.
///
/// A path that is a file is taken if its name ends in `.yaml` or `.yml`. In a
/// directory every `*.test.yaml` is taken. Hidden directories, `target`,
/// `node_modules` and Python's virtual environments are skipped; a path that is given
/// is not.
///
/// # Errors
///
/// A mistake for each path that does not exist or cannot be read.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Vec<FileMistake>> {
    let mut search = Search::default();
    for path in paths {
        search.take(path);
    }
    if !search.mistakes.is_empty() {
        return Err(search.mistakes);
    }
    Ok(search.files.into_iter().collect())
}

#[derive(Default)]
struct Search {
    files: BTreeSet<PathBuf>,
    /// The files and directories that were seen, without links.
    seen: HashSet<PathBuf>,
    mistakes: Vec<FileMistake>,
}

impl Search {
    /// Takes a path that was given.
    fn take(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.walk(path),
            Ok(_) if has_end(path, &[".yaml", ".yml"]) => self.add(path),
            Ok(_) => {
                let text = "is not a test file; give a directory, or a file that ends in `.yaml`";
                self.mistake(path, text);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.mistake(path, "no such file or directory; correct the path");
            }
            Err(error) => self.mistake(path, &format!("cannot be read: {error}")),
        }
    }

    /// Takes the files of a directory and of those in it.
    fn walk(&mut self, directory: &Path) {
        // Each directory once, so that a link to one above it does not lead on
        // forever.
        let mut open = vec![directory.to_owned()];
        while let Some(directory) = open.pop() {
            if !self.is_new(&directory) {
                continue;
            }
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) => {
                    self.mistake(&directory, &format!("cannot be read: {error}"));
                    continue;
                }
            };
            for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
                if path.is_dir() {
                    if !is_skipped(&path) {
                        open.push(path);
                    }
                } else if has_end(&path, &[SUFFIX]) {
                    self.add(&path);
                }
            }
        }
    }

    fn add(&mut self, path: &Path) {
        if self.is_new(path) {
            // `./a` and `a` are the same to a reader.
            let path = path.strip_prefix(".").unwrap_or(path);
            self.files.insert(path.to_owned());
        }
    }

    fn is_new(&mut self, path: &Path) -> bool {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.seen.insert(real)
    }

    fn mistake(&mut self, path: &Path, text: &str) {
        self.mistakes.push(FileMistake {
            file: path.to_owned(),
            place: None,
            text: text.to_owned(),
        });
    }
}

fn has_end(path: &Path, ends: &[&str]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ends.iter().any(|end| name.ends_with(end))
}

/// Returns whether a directory has other people's files, or what a build has made.
fn is_skipped(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.')
        || matches!(&name[..], "target" | "node_modules")
        || directory.join("pyvenv.cfg").exists()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory with these empty files.
    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    /// What is found, relative to the directory.
    fn found(root: &Path, paths: &[&str]) -> Vec<String> {
        let paths: Vec<_> = paths.iter().map(|path| root.join(path)).collect();
        let files = discover(&paths).unwrap();
        let files = files.iter().map(|file| file.strip_prefix(root).unwrap());
        files.map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn test_files_are_found_in_all_directories_but_those_of_others() {
        let root = tree(&[
            "b.test.yaml",
            "a/c.test.yaml",
            "a/other.yaml",
            "a/test.yaml",
            "target/x.test.yaml",
            "a/node_modules/x.test.yaml",
            ".git/x.test.yaml",
            "env/pyvenv.cfg",
            "env/lib/x.test.yaml",
        ]);

        assert_eq!(found(root.path(), &[""]), ["a/c.test.yaml", "b.test.yaml"]);
    }

    #[test]
    fn a_path_that_is_given_is_taken_whatever_its_name_and_each_file_once() {
        let root = tree(&["target/x.test.yaml", "a.yml", "b.yaml"]);

        let paths = ["target", "b.yaml", "a.yml", "target/x.test.yaml", "b.yaml"];
        assert_eq!(
            found(root.path(), &paths),
            ["a.yml", "b.yaml", "target/x.test.yaml"]
        );
    }

    #[test]
    fn each_directory_is_searched_once_however_many_links_lead_to_it() {
        let root = tree(&["a/b/c.test.yaml"]);
        // Followed again and again, they would lead to 2⁴⁰ directories.
        for name in ["up", "again"] {
            symlink(root.path(), root.path().join("a/b").join(name)).unwrap();
        }
        symlink("nowhere", root.path().join("a/d.test.yaml.link")).unwrap();

        assert_eq!(found(root.path(), &[""]).len(), 1);
    }

    #[test]
    fn paths_that_are_wrong_are_all_reported() {
        let root = tree(&["a.txt"]);
        let paths = ["a.txt", "nowhere"].map(|path| root.path().join(path));

        let mistakes = discover(&paths).unwrap_err();

        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        let shown = root.path().display();
        assert_eq!(
            lines,
            [
                format!(
                    "{shown}/a.txt: is not a test file; give a directory, or a file that ends in \
                     `.yaml`"
                ),
                format!("{shown}/nowhere: no such file or directory; correct the path"),
            ]
        );
    }
}
