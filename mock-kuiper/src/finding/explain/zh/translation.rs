//! The type of a translation.

/// What an [`Explanation`](super::super::Explanation) says, in another language.
///
/// The texts follow the rules of the original; the remedies are in its order.
#[derive(Debug)]
pub(in super::super) struct Translation {
    pub(in super::super) title: &'static str,
    pub(in super::super) observed: &'static str,
    pub(in super::super) effect: &'static str,
    pub(in super::super) cause: &'static str,
    pub(in super::super) remedies: &'static [&'static str],
}
