//! No text makes the parser panic.

use proptest::prelude::*;

use super::*;

/// Texts that are more like test files than arbitrary ones.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "plugin", "cases", "name", "steps", "start", "rows", "expect", "source", "a", "&a ", "*a",
        ": ", ":\n  ", "- ", "\n", "\n  ", "\n- ", "[", "]", "{", "}", ", ", "|\n  ", ">-\n", "#",
        "'", "\"", "!!str ", "!x ", "---\n", "${n}", "$len", "2s", "1", "ü", "\u{feff}", "\t",
        "? ",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_text_never_panics(text in prop_oneof![pieces(), any::<String>()]) {
        let _ = parse(Path::new("x"), Path::new("/nowhere"), &text);
    }

    #[test]
    fn a_changed_example_never_panics_and_its_spans_are_texts(
        at in 0..EXAMPLE.len(),
        length in 0..30_usize,
        piece in pieces(),
    ) {
        let end = (at + length).min(EXAMPLE.len());
        prop_assume!(EXAMPLE.is_char_boundary(at) && EXAMPLE.is_char_boundary(end));
        let text = format!("{}{piece}{}", &EXAMPLE[..at], &EXAMPLE[end..]);

        let mut mistakes = Vec::new();
        if let Some(root) = node::read(&text, &mut mistakes) {
            let mut open = vec![&root];
            while let Some(node) = open.pop() {
                prop_assert!(text.get(node.span.clone()).is_some(), "{:?}", node.span);
                open.extend(node.items());
                open.extend(node.entries().iter().map(|(_, node)| node));
            }
        }
        let _ = parse(Path::new("x"), Path::new("/nowhere"), &text);
    }
}
