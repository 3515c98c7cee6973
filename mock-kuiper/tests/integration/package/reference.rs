use std::fs;
use std::path::Path;

use super::common::{Done, mock_kuiper};

const BEGIN: &str = "<!-- Written by `mock-kuiper test --reference`. -->\n";
const END: &str = "<!-- End of what `mock-kuiper test --reference` has written. -->\n";

#[test]
fn docs_testing_a_plugin_has_the_reference_that_the_command_writes() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing-a-plugin.md");
    let page = fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let (_, rest) = page.split_once(BEGIN).expect("the mark of the beginning");
    let (part, _) = rest.split_once(END).expect("the mark of the end");

    let done = Done::of(mock_kuiper().args(["test", "--reference"]));

    assert!(
        part == format!("\n{}\n", done.stdout),
        "docs/testing-a-plugin.md does not have what `mock-kuiper test --reference` writes"
    );
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
}
