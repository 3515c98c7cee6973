//! Checks that the Rust code in docs/from-python.md is that of the example, or of
//! the tests of plain functions.

use std::fs;
use std::path::Path;

#[test]
fn every_rust_block_of_the_guide_is_in_a_tested_source() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(sdk.join("../docs/from-python.md")).unwrap();
    let mut sources = String::new();
    for file in [
        "examples/pysam/src/main.rs",
        "examples/pysam/src/pyjson.rs",
        "examples/pysam/src/print.rs",
        "examples/pysam/src/revert.rs",
        "tests/plain_functions.rs",
    ] {
        sources += &fs::read_to_string(sdk.join(file)).unwrap();
    }

    let blocks: Vec<&str> = guide
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();

    assert_eq!(blocks.len(), 7);
    for block in blocks {
        assert!(sources.contains(block), "not in a tested source:\n{block}");
    }
}
