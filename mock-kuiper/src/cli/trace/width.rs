//! How long a line may be.

use super::super::output::stdout_width;

/// The characters of a line where there is no terminal.
pub(super) const WIDTH: usize = 200;

/// Returns the characters that a line may have.
pub(super) fn width() -> usize {
    stdout_width().unwrap_or(WIDTH)
}

/// Cuts a text to what is left of a line of this width after `used` characters.
pub(super) fn fitted(text: String, width: usize, used: usize) -> String {
    let room = width.saturating_sub(used).max(20);
    if text.chars().nth(room).is_none() {
        return text;
    }
    let mut cut: String = text.chars().take(room - 1).collect();
    cut.push('…');
    cut
}
