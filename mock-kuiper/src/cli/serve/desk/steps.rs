//! What was done with a plugin, as steps of a case.

use mock_kuiper::engine::save::SavedStep;

use super::link::Link;

/// The steps that are kept.
pub(super) const STEPS: usize = 1000;

/// The bytes of their values.
pub(super) const BYTES: usize = 1 << 20;

/// What was done, in its order. Further steps are only counted.
#[derive(Debug, Default)]
pub(super) struct Steps {
    list: Vec<SavedStep>,
    links: Vec<Link>,
    bytes: usize,
    left_out: usize,
}

impl Steps {
    /// Adds a step whose values take so many bytes.
    pub(super) fn push(&mut self, step: SavedStep, bytes: usize) {
        if self.list.len() >= STEPS || self.bytes + bytes > BYTES {
            self.left_out += 1;
            return;
        }
        self.bytes += bytes;
        self.list.push(step);
    }

    /// Adds a sink that gets the rows of a source. Each has a step of its own.
    pub(super) fn link(&mut self, link: Link) {
        if self.left_out == 0 {
            self.links.push(link);
        }
    }

    /// Returns which sinks got the rows of which source.
    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// Returns the steps that are kept.
    pub(super) fn list(&self) -> &[SavedStep] {
        &self.list
    }

    /// Returns how many are not.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }
}
