//! Reads the frames of the recorded vectors.

use std::fs;
use std::path::{Path, PathBuf};

use mock_kuiper::Release;
use serde_json::Value;

/// Returns the release of a name, such as `2.4`.
pub(crate) fn profile(name: &str) -> &'static Release {
    Release::find(name).expect("a profile for each recorded release")
}

/// Returns the body of the frame on a line, counted from 1, of
/// `tests/vectors/{file}.jsonl`.
pub(crate) fn frame(file: &str, line: usize) -> String {
    let lines = read(file);
    let line = lines.lines().nth(line - 1).expect("the line exists");
    let record: Value = serde_json::from_str(line).expect("a vector is JSON");
    record["text"]
        .as_str()
        .expect("the line is a frame")
        .to_owned()
}

/// Returns the name of every recording, and the release that it is of.
pub(crate) fn recordings() -> Vec<(String, String)> {
    let entries = fs::read_dir(directory()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut recordings: Vec<_> = names
        .filter_map(|name| {
            let name = name.strip_suffix(".jsonl")?;
            let version = name.strip_prefix("ekuiper-")?.split('-').next()?;
            let release = version.rsplit_once('.')?.0;
            Some((name.to_owned(), release.to_owned()))
        })
        .collect();
    recordings.sort();
    recordings
}

/// Returns line, channel and body of each frame that the host has sent.
pub(crate) fn host_frames(file: &str) -> Vec<(usize, String, String)> {
    let lines = read(file);
    let frames = (1..).zip(lines.lines()).filter_map(|(line, text)| {
        let record: Value = serde_json::from_str(text).expect("a vector is JSON");
        let field = |name: &str| Some(record[name].as_str()?.to_owned());
        (record["from"] == "host").then_some(())?;
        Some((line, field("channel")?, field("text")?))
    });
    frames.collect()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

/// Returns the lines of `tests/vectors/{file}.jsonl`.
pub(crate) fn read(file: &str) -> String {
    let path = directory().join(format!("{file}.jsonl"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
