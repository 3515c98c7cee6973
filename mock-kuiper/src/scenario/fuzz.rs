//! Fuzz targets: test files, the values in them, and what is written into them.

use std::path::Path;

use serde_json::Value;

use super::node::{Node, read};
use super::parse::parse;
use super::pattern::{Pattern, Variables};
use super::update;
use super::words::Words;
use crate::foreign::printable;

/// A test file is read, or has mistakes that a terminal can show; values have their
/// place in the text.
pub(crate) fn cases(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut mistakes = Vec::new();
    if let Some(root) = read(text, &mut mistakes) {
        check_spans(&root, text);
    }
    match parse(Path::new("x.test.yaml"), Path::new("/nowhere"), text) {
        Ok(file) => assert!(file.cases.iter().all(|case| !case.name.is_empty())),
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for (place, text) in mistakes {
                assert!(place.line >= 1 && place.column >= 1);
                assert_eq!(
                    printable(&text).replace("\\n", "\n"),
                    text.replace("\\n", "\n")
                );
            }
        }
    }
}

fn check_spans(node: &Node, text: &str) {
    assert!(text.get(node.span.clone()).is_some(), "{:?}", node.span);
    let fields = node.entries().iter().map(|(_, node)| node);
    node.items()
        .iter()
        .chain(fields)
        .for_each(|node| check_spans(node, text));
}

/// The values of a document are read again as they are after they were written, on one
/// line and on many; a value that was seen is read again as itself, and only it matches
/// the pattern that is made of it.
pub(crate) fn words(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some(root) = document(text) else {
        return;
    };
    let value = root.to_json();
    let words = Words::of_node(&root, text);
    for written in [words.flow(), words.block(0, "\n"), words.block(0, "\r\n")] {
        let read = document(&written).map(|node| node.to_json());
        assert_eq!(read.as_ref(), Some(&value), "{written}");
    }

    let seen = Words::of_seen(&value, &Variables::new()).flow();
    let node = document(&seen).expect("what was seen can be written");
    let mut mistakes = Vec::new();
    let pattern = Pattern::parse(&node, Path::new("/nowhere"), &mut mistakes);
    assert_eq!(mistakes, [], "{seen}");
    assert_eq!(
        pattern
            .resolve(&Variables::new())
            .map(|pattern| pattern.matches(&value)),
        Ok(true),
        "{seen}"
    );
    assert!(!pattern.matches(&Value::from(vec![value])), "{seen}");
}

/// Reads a document that has no mistakes.
fn document(text: &str) -> Option<Node> {
    let mut mistakes = Vec::new();
    let root = read(text, &mut mistakes)?;
    mistakes.is_empty().then_some(root)
}

/// A value of a document is replaced by another one that was seen: the result is read,
/// matches what was seen, and means the same beside it. The input has the number of the
/// value (a byte), the JSON that was seen and, after a NUL byte, the document.
pub(crate) fn update(data: &[u8]) {
    let Some((number, data)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some((seen, text)) = text.split_once('\0') else {
        return;
    };
    let Ok(seen) = serde_json::from_str::<Value>(seen) else {
        return;
    };
    update::fuzz::check(text, usize::from(*number), seen);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../../sdk/examples/mirror/tests/mirror.test.yaml");

    #[test]
    fn a_test_file_passes() {
        cases(FILE.as_bytes());
        cases(b"plugin: [\x1b");
        cases(b">\n.asrSZ");
        cases(b"plugin: /tmp\nreleases: [\"1\\n\\u2028\"]\ncases: []");
        cases(b"a: &x {}\nb: [*x, *x]");
        words(FILE.as_bytes());
        words(b"[$absent, $$any]");
        words(b"{} ");
        words(b"[]");
        words(b"a: [1, 'b', {c: |\n  text\n }, 0x1f, $any, ~]");
        for number in 0..20 {
            update(format!("{}[1, {{\"$a\": \"${{b}}\"}}]\0{FILE}", char::from(number)).as_bytes());
        }
    }
}
