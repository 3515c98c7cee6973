//! What several modules of the recorder need.

use std::io::Write as _;
use std::path::PathBuf;

/// The stack of a thread: none of them nests calls.
pub(super) const STACK: usize = 256 * 1024;

/// Writes a line to stderr, which eKuiper copies to its log.
pub(super) fn say(text: &str) {
    let line = format!("mock-kuiper recorder: {text}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Returns the path of the machine's `/tmp/{name}`.
pub(super) fn in_tmp(name: &str) -> PathBuf {
    PathBuf::from("/tmp").join(name)
}
