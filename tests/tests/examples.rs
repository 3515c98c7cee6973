//! The example plugins, tested by their own test files.

use mock_kuiper::scenario::Runner;

#[test]
fn the_examples_in_rust_pass_their_own_tests() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/examples");

    let results = Runner::new([examples]).run().unwrap();

    results.assert_passed();
    assert_eq!(results.plugins, ["mirror", "pysam"]);
}
