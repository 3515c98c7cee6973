//! Reads single frames of the recorded vectors.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Returns the body of the frame on a line, counted from 1, of
/// `tests/vectors/{file}.jsonl`.
pub(crate) fn frame(file: &str, line: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/vectors")
        .join(format!("{file}.jsonl"));
    let lines = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let line = lines.lines().nth(line - 1).expect("the line exists");
    let record: Value = serde_json::from_str(line).expect("a vector is JSON");
    record["text"]
        .as_str()
        .expect("the line is a frame")
        .to_owned()
}
