//! What is written down of the requirements is what the code has.
//!
//! After a change on purpose, `--explain all` writes `docs/requirements.md`, and
//! `--list --release R` writes `conformance/sets/R.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use ekuiper_conformance::{report, requirement};
use mock_kuiper::profile::Profile;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn each_release_has_its_frozen_list() {
    let sets = root().join("conformance/sets");
    for release in Profile::all() {
        let path = sets.join(format!("{}.txt", release.name));

        let listed = report::list(&requirement::all(), release);

        assert_eq!(read(&path), listed, "{}", path.display());
    }
    assert_eq!(fs::read_dir(sets).unwrap().count(), Profile::all().len());
}

#[test]
fn the_page_of_requirements_is_that_of_the_code() {
    let page = root().join("docs/requirements.md");

    assert_eq!(read(&page), report::markdown());
}

#[test]
fn a_number_is_given_once_and_its_section_exists() {
    let all = requirement::all();
    let mut ids: Vec<_> = all.iter().map(|requirement| requirement.id).collect();
    ids.sort_unstable();
    ids.dedup();

    assert_eq!(ids.len(), all.len());
    assert!(
        all.iter()
            .all(|requirement| !requirement.section().is_empty())
    );
}

#[test]
fn every_recording_that_a_rule_names_is_here() {
    let vectors = root().join("tests/vectors");
    for requirement in requirement::all() {
        let words = requirement.source.split([' ', ';', ',']);
        for name in words.filter(|word| word.starts_with("ekuiper-")) {
            let path = vectors.join(format!("{name}.jsonl"));
            assert!(path.exists(), "{}: {}", requirement.id, path.display());
        }
    }
}
