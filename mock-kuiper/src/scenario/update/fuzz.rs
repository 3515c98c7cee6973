//! Checks one update of any value of any document, for the fuzz target.

use super::*;

/// Replaces the value with this number, counted in the order of the text.
pub(in crate::scenario) fn check(text: &str, number: usize, seen: Value) {
    let Some(document) = Document::parse(text.to_owned()) else {
        return;
    };
    let mut spans = Vec::new();
    collect(&document.root, &mut spans);
    let Some(span) = spans.get(number % spans.len()) else {
        return;
    };
    let update = Update {
        span: span.clone(),
        seen,
        variables: BTreeMap::new(),
        is_rows: false,
    };
    let directory = Path::new("/nowhere");
    let rewritten = rewrite(text, directory, std::slice::from_ref(&update));

    let after = Document::parse(rewritten.text).expect("a document without mistakes");
    let (path, _) = find(&document.root, span).expect("a value with this span");
    assert!(is_same_beside(&document.root, &after.root, Some(&path)));
    match rewritten.left_out.as_slice() {
        [] => assert!(after.matches(directory, &path, &update)),
        _ => assert_eq!(after.text, text),
    }
}

fn collect(node: &Node, spans: &mut Vec<Range<usize>>) {
    spans.push(node.span.clone());
    for index in 0.. {
        let Some(part) = part(node, index) else {
            break;
        };
        collect(part, spans);
    }
}
