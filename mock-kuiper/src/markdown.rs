//! Parts of pages in Markdown, as GitHub shows them.

/// A link to a heading of the same page.
pub(crate) fn link(heading: &str) -> String {
    link_as(heading, heading)
}

/// A link to a heading of the same page, with another text.
pub(crate) fn link_as(text: &str, heading: &str) -> String {
    format!("[{text}](#{})", anchor(heading))
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | ' '));
    kept.collect::<String>().replace(' ', "-")
}

/// A text as code inside a line.
pub(crate) fn code_span(text: &str) -> String {
    match text.contains('`') {
        true => format!("`` {text} ``"),
        false => format!("`{text}`"),
    }
}
