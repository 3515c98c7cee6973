//! Fills in a template: values in it, and parts that depend on what is wanted.
//!
//! `@NAME@` stands for a value. The lines between `@if source sink@` and `@end@` are
//! written if one of the named conditions holds; `!sink` holds if `sink` does not.
//! Blocks do not contain others.

/// Fills in a template.
///
/// # Panics
///
/// If the template is wrong: a block without an end, or an unknown value. The tests
/// fill in each template.
pub(super) fn fill(
    template: &str,
    holds: impl Fn(&str) -> bool,
    values: &[(&str, &str)],
) -> String {
    let mut filled = String::new();
    let mut is_wanted = true;
    let mut is_within = false;
    for line in template.lines() {
        let words = line.strip_prefix("@if ");
        if let Some(conditions) = words.and_then(|words| words.strip_suffix('@')) {
            assert!(!is_within, "a block within a block: {line}");
            let wanted = |condition: &str| match condition.strip_prefix('!') {
                Some(condition) => !holds(condition),
                None => holds(condition),
            };
            (is_within, is_wanted) = (true, conditions.split(' ').any(wanted));
        } else if line == "@end@" {
            assert!(is_within, "an end without a block");
            (is_within, is_wanted) = (false, true);
        } else if is_wanted {
            filled.push_str(&put(line, values));
            filled.push('\n');
        }
    }
    assert!(!is_within, "a block without an end");
    filled
}

/// Puts values into a line.
fn put(line: &str, values: &[(&str, &str)]) -> String {
    let mut done = String::new();
    let mut rest = line;
    while let Some((before, name, after)) = placeholder(rest) {
        let value = values.iter().find(|(known, _)| *known == name);
        let (_, value) = value.unwrap_or_else(|| panic!("unknown value `{name}`: {line}"));
        done.push_str(before);
        done.push_str(value);
        rest = after;
    }
    done + rest
}

/// Splits a text at its first `@NAME@`. An `@` before anything else is only an `@`.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('@').find_map(|(at, _)| {
        let (name, after) = text[at + 1..].split_once('@')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase());
        is_name.then_some((&text[..at], name, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_once_and_other_text_stays() {
        let text = "uses: x@v4 @NAME@@NAME@ a@b\n";

        let filled = fill(text, |_| false, &[("NAME", "<@NAME@>")]);

        assert_eq!(filled, "uses: x@v4 <@NAME@><@NAME@> a@b\n");
    }

    #[test]
    fn a_block_is_written_if_one_of_its_conditions_holds() {
        let text = "a\n@if source@\nb\n@end@\n@if sink function@\nc\n@end@\nd\n";

        assert_eq!(fill(text, |part| part == "function", &[]), "a\nc\nd\n");
        assert_eq!(fill(text, |part| part == "source", &[]), "a\nb\nd\n");
        assert_eq!(fill("@if !sink@\na\n@end@\n", |_| false, &[]), "a\n");
        assert_eq!(fill("@if !sink@\na\n@end@\n", |_| true, &[]), "");
    }
}
