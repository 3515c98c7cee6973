//! Tests of templates and patterns, as a file has them.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MATCHERS, Pattern, Template, Variables};
use crate::any_json::any_json;
use crate::scenario::node::{Place, read};

mod comparing;
mod reading;

fn parsed<T>(
    yaml: &str,
    parse: impl Fn(&crate::scenario::node::Node, &Path, &mut Vec<(Place, String)>) -> T,
) -> (T, Vec<String>) {
    let mut mistakes = Vec::new();
    let node = read(yaml, &mut mistakes).expect("YAML");
    let parsed = parse(&node, Path::new("/nowhere"), &mut mistakes);
    let mistakes = mistakes.into_iter();
    let mistakes = mistakes.map(|(place, text)| format!("{place}: {text}"));
    (parsed, mistakes.collect())
}

fn pattern(yaml: &str) -> Pattern {
    let (pattern, mistakes) = parsed(yaml, Pattern::parse);
    assert_eq!(mistakes, [""; 0], "{yaml}");
    pattern
}

/// The differences, one a line.
fn differences(yaml: &str, seen: &Value) -> Vec<String> {
    let differences = pattern(yaml).compare(seen).into_iter();
    let lines = differences.map(|difference| {
        let seen = difference.seen.unwrap_or_else(|| "nothing".to_owned());
        format!(
            "{}: expected {}, seen {seen}",
            difference.pointer, difference.expected
        )
    });
    lines.collect()
}
