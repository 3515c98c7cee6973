//! The reference of test files in the documentation.

use std::path::Path;

use assert_cmd::Command;

#[test]
fn docs_testing_a_plugin_has_the_reference() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing-a-plugin.md");
    let page = std::fs::read_to_string(page).unwrap();
    let begin = "<!-- Written by `mock-kuiper test --reference`. -->\n";
    let end = "<!-- End of what `mock-kuiper test --reference` has written. -->\n";
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    let printed = command.args(["test", "--reference"]).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();

    let (_, rest) = page.split_once(begin).expect("the mark of the beginning");
    let (part, _) = rest.split_once(end).expect("the mark of the end");

    assert!(
        part == format!("\n{printed}\n"),
        "docs/testing-a-plugin.md does not have what `mock-kuiper test --reference` writes"
    );
}
