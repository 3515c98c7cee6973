//! Which cases run, and which of them run one after another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::model::{Case, ProcessScope, TestFile};
use super::node::Place;
use crate::release::Release;

/// Selects cases by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Those whose names contain this text.
    Contains(String),
    /// The one of this name.
    Exactly(String),
}

/// A case on a release.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selected {
    /// The test file.
    pub file: PathBuf,
    /// Where the case begins.
    pub place: Place,
    /// The name of the case.
    pub name: String,
    /// The release on which it runs.
    pub release: &'static str,
}

/// The selected cases of a file on a release.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The number of the file.
    pub(super) file: usize,
    pub(super) release: &'static str,
    /// The cases that run one after another: those that share a process, or a single
    /// one. Each is its place in the order of the results, and its number in the
    /// file.
    pub(super) units: Vec<Vec<(usize, usize)>>,
}

/// Selects cases: the number of the file, that of the case in it, and both with a
/// release.
pub(super) fn select(
    files: &[TestFile],
    filters: &[Filter],
    releases: Option<&[&'static Release]>,
) -> Vec<(usize, usize, Selected)> {
    let mut selected = Vec::new();
    for (file_number, file) in files.iter().enumerate() {
        for (number, case) in file.cases.iter().enumerate() {
            if !filters.is_empty() && !filters.iter().any(|it| it.selects(case)) {
                continue;
            }
            let own = case.releases.as_ref().unwrap_or(&file.releases);
            for release in releases.unwrap_or(own) {
                let one = Selected {
                    file: file.path.clone(),
                    place: case.place,
                    name: case.name.clone(),
                    release: release.name,
                };
                selected.push((file_number, number, one));
            }
        }
    }
    selected
}

/// Returns part `number` of `parts`, which count from 1.
pub(super) fn part<T>(all: Vec<T>, number: usize, parts: usize) -> Vec<T> {
    let numbered = all.into_iter().enumerate();
    let own = numbered.filter(|(index, _)| index % parts == number - 1);
    own.map(|(_, one)| one).collect()
}

/// Groups the selected cases.
pub(super) fn groups(files: &[TestFile], selected: &[(usize, usize, Selected)]) -> Vec<Group> {
    let mut groups: BTreeMap<(usize, &'static str), Vec<(usize, usize)>> = BTreeMap::new();
    for (order, (file, case, one)) in selected.iter().enumerate() {
        let group = groups.entry((*file, one.release)).or_default();
        group.push((order, *case));
    }
    let group = |((file, release), cases): ((usize, _), Vec<_>)| Group {
        file,
        release,
        units: match files[file].process {
            ProcessScope::File => vec![cases],
            ProcessScope::Case => cases.into_iter().map(|case| vec![case]).collect(),
        },
    };
    groups.into_iter().map(group).collect()
}

impl Filter {
    fn selects(&self, case: &Case) -> bool {
        match self {
            Self::Contains(text) => case.name.contains(text),
            Self::Exactly(name) => case.name == *name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse::load;

    /// Reads a file whose cases are `a` on two releases and `b` on another.
    fn file(scope: &str) -> TestFile {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.test.yaml");
        let yaml = format!(
            "plugin: .
process: {scope}
releases: ['2.4', '1.13']
cases:
- {{name: a, function: echo, calls: [{{args: []}}]}}
- {{name: ab, releases: ['2.4'], function: echo, calls: [{{args: []}}]}}
"
        );
        std::fs::write(&path, yaml).unwrap();
        load(&path).unwrap()
    }

    fn names(selected: &[(usize, usize, Selected)]) -> Vec<String> {
        let name = |(file, case, one): &(usize, usize, Selected)| {
            format!("{file}.{case} {} {}", one.name, one.release)
        };
        selected.iter().map(name).collect()
    }

    #[test]
    fn cases_are_selected_by_name_and_release_in_their_order() {
        let files = [file("case"), file("case")];
        let b = Filter::Contains("b".to_owned());
        let exactly = Filter::Exactly("a".to_owned());
        let old = [Release::find("1.13").unwrap()];

        assert_eq!(
            names(&select(&files[..1], &[], None)),
            ["0.0 a 2.4", "0.0 a 1.13", "0.1 ab 2.4"]
        );
        assert_eq!(
            names(&select(&files, std::slice::from_ref(&b), None)),
            ["0.1 ab 2.4", "1.1 ab 2.4"]
        );
        assert_eq!(
            names(&select(&files[..1], &[b, exactly], Some(&old))),
            ["0.0 a 1.13", "0.1 ab 1.13"]
        );
    }

    #[test]
    fn parts_are_disjoint_and_complete() {
        let all: Vec<_> = (0..10).collect();

        let parts: Vec<_> = (1..=3).map(|number| part(all.clone(), number, 3)).collect();

        assert_eq!(parts, [vec![0, 3, 6, 9], vec![1, 4, 7], vec![2, 5, 8]]);
    }

    #[test]
    fn cases_that_share_a_process_are_one_unit_on_each_release() {
        let group = |scope: &str| {
            let files = [file(scope)];
            let selected = select(&files, &[], None);
            groups(&files, &selected)
        };
        let expected = |old, new| {
            [("1.13", old), ("2.4", new)].map(|(release, units)| Group {
                file: 0,
                release,
                units,
            })
        };

        assert_eq!(
            group("case"),
            expected(vec![vec![(1, 0)]], vec![vec![(0, 0)], vec![(2, 1)]])
        );
        assert_eq!(
            group("file"),
            expected(vec![vec![(1, 0)]], vec![vec![(0, 0), (2, 1)]])
        );
    }
}
