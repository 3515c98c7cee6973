//! What is written down of the requirements is what the code has.
//!
//! After a change on purpose, `--explain all` writes `docs/requirements.md`,
//! `--explain rules` the tables of `docs/protocol.md`, and `--list --release R`
//! `conformance/sets/R.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use ekuiper_conformance::{Requirement, report, requirement};
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
fn the_protocol_states_the_rules_of_the_code() {
    let protocol = read(&root().join("docs/protocol.md"));

    assert!(
        protocol.contains(&report::rules()),
        "docs/protocol.md, section 11, is not what `--explain rules` writes"
    );
}

#[test]
fn a_number_is_given_once_and_its_section_exists() {
    let all = requirement::all();
    // Those that no test can observe, too.
    let rules = report::rules();
    let rows = rules.lines().filter_map(|line| line.strip_prefix("| "));
    let ids: Vec<_> = rows.filter_map(|row| row.split(' ').next()).collect();
    let ids = ids.iter().filter(|id| id.contains('-'));
    let mut ids: Vec<_> = ids.collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();

    assert_eq!(ids.len(), count);
    assert!(count > all.len());
    assert!(
        all.iter()
            .all(|requirement| !requirement.section().is_empty())
    );
}

#[test]
fn every_line_of_a_recording_that_a_rule_names_is_a_message_or_an_event() {
    let vectors = root().join("tests/vectors");
    let protocol = read(&root().join("docs/protocol.md"));
    let words = protocol.split(|c: char| c.is_whitespace() || ";,|`".contains(c));
    let lines = words.filter_map(|word| word.split_once(".jsonl:"));
    let mut count = 0;
    for (name, line) in lines {
        let path = vectors.join(format!("{name}.jsonl"));
        let number: usize = line
            .parse()
            .unwrap_or_else(|_| panic!("{name}.jsonl:{line}"));

        let text = read(&path);

        let frame = text.lines().nth(number - 1);
        let frame = frame.unwrap_or_else(|| panic!("{name}.jsonl has no line {line}"));
        let is_frame = frame.contains("\"text\":") || frame.contains("\"event\":");
        assert!(is_frame, "{name}.jsonl:{line}: {frame}");
        count += 1;
    }
    assert!(count > 40, "{count}");
}

#[test]
fn every_rule_has_a_source_that_is_not_our_own_text() {
    for requirement in requirement::all() {
        let Requirement { id, source, .. } = requirement;
        assert!(
            source.contains(".jsonl:") || source.contains("eKuiper "),
            "{id}: {source}"
        );
        assert!(!source.contains("protocol.md"), "{id}: {source}");
    }
}
