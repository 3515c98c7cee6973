//! The pages and lists of the requirements agree with the code.
//!
//! After an intended change, `--explain all` writes `docs/requirements.md`,
//! `--explain rules` the tables of `docs/protocol.md`, and `--list --release R`
//! `conformance/sets/R.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use ekuiper_conformance::{Requirement, report, section};
use mock_kuiper::Release;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn each_release_has_a_frozen_list_of_its_requirements() {
    let sets = root().join("conformance/sets");
    for release in Release::all() {
        let path = sets.join(format!("{}.txt", release.name));

        let listed = report::list(&section::all(), release);

        assert_eq!(read(&path), listed, "{}", path.display());
    }
    assert_eq!(fs::read_dir(sets).unwrap().count(), Release::all().len());
}

#[test]
fn the_page_of_requirements_agrees_with_the_code() {
    let page = root().join("docs/requirements.md");

    assert_eq!(read(&page), report::markdown());
}

#[test]
fn the_tables_of_the_protocol_agree_with_the_code() {
    let protocol = read(&root().join("docs/protocol.md"));

    assert!(
        protocol.contains(&report::rules()),
        "the tables in docs/protocol.md are not what `--explain rules` writes"
    );
}

#[test]
fn a_number_is_given_once_and_its_section_exists() {
    let all = section::all();
    let observed = all.iter().map(|requirement| requirement.id);
    let unobserved = section::unobserved().into_iter();
    let mut ids: Vec<_> = observed
        .chain(unobserved.map(|unobserved| unobserved.id))
        .collect();
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
fn every_recorded_line_that_is_cited_is_a_message_or_an_event() {
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
fn every_rule_cites_a_recording_or_a_file_of_ekuiper() {
    for requirement in section::all() {
        let Requirement { id, source, .. } = requirement;
        assert!(
            source.contains(".jsonl:") || source.contains("eKuiper "),
            "{id}: {source}"
        );
        assert!(!source.contains("protocol.md"), "{id}: {source}");
    }
}
