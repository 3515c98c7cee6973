//! Checks that the Rust code in docs/from-python.md is that of the example.

use std::fs;
use std::path::Path;

#[test]
fn every_rust_block_of_the_guide_is_in_the_example() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(sdk.join("../docs/from-python.md")).unwrap();
    let mut sources = String::new();
    for file in ["main", "pyjson", "print", "revert"] {
        let path = sdk.join(format!("examples/pysam/src/{file}.rs"));
        sources += &fs::read_to_string(path).unwrap();
    }

    let blocks: Vec<&str> = guide
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();

    assert_eq!(blocks.len(), 4);
    for block in blocks {
        assert!(sources.contains(block), "not in the example:\n{block}");
    }
}
