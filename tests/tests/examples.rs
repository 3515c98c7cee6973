//! The example plugins, tested by their own test files, and the test file that the
//! documentation begins with.

use std::fs;
use std::path::Path;

use mock_kuiper::scenario::Runner;

/// The project's directory.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn the_examples_in_rust_pass_their_own_tests() {
    let examples = Path::new(ROOT).join("sdk/examples");

    let results = Runner::new([examples]).run().unwrap();

    results.assert_passed();
    assert_eq!(results.plugins, ["mirror", "pysam"]);
}

#[test]
fn the_test_file_of_the_documentation_passes() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/testing-a-plugin.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1);
    let block = blocks.filter_map(|rest| rest.split("```").next()).next();
    let block = block.expect("the page has a block of YAML");
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = directory.path().join("page.test.yaml");
    let examples = format!("{ROOT}/sdk/examples");
    fs::write(&file, block.replace("../sdk/examples", &examples)).unwrap();

    let results = Runner::new([file]).run().unwrap();

    results.assert_passed();
    assert_eq!(results.cases.len(), 5);
}
