//! The example plugins, tested by their own test files, and the test file that the
//! documentation begins with.

use std::fs;
use std::path::{Path, PathBuf};

use mock_kuiper::scenario::Runner;

/// The project's directory.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn examples() -> PathBuf {
    Path::new(ROOT).join("sdk/examples")
}

/// Builds an example, and runs its test files.
fn test(example: &str) {
    let results = Runner::new([examples().join(example)]).run().unwrap();

    results.assert_passed();
    assert_eq!(results.plugins, [example]);
}

// A test for each, so that both are built at the same time.
#[test]
fn mirror_passes_its_own_tests() {
    test("mirror");
}

#[test]
fn pysam_passes_its_own_tests() {
    test("pysam");
}

#[test]
fn no_other_example_has_test_files() {
    let entries = fs::read_dir(examples()).unwrap();
    let with_tests = entries.map(|entry| entry.unwrap().path()).filter(|path| {
        let files = fs::read_dir(path.join("tests")).into_iter().flatten();
        let mut names = files.map(|file| file.unwrap().file_name());
        names.any(|name| name.to_string_lossy().ends_with(".test.yaml"))
    });
    let mut names: Vec<_> = with_tests
        .map(|path| path.file_name().unwrap().to_owned())
        .collect();
    names.sort();

    assert_eq!(names, ["mirror", "pysam"]);
}

#[test]
fn the_test_file_of_the_documentation_passes() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/testing-a-plugin.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1);
    let block = blocks.filter_map(|rest| rest.split("```").next()).next();
    let block = block.expect("the page has a block of YAML");
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = directory.path().join("page.test.yaml");
    let examples = examples();
    let examples = examples.to_str().unwrap();
    fs::write(&file, block.replace("../sdk/examples", examples)).unwrap();

    let results = Runner::new([file]).run().unwrap();

    results.assert_passed();
    assert_eq!(results.cases.len(), 5);
}
