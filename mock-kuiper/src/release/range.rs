//! Ranges of releases, each defined by fields of [`Release`].

use std::fmt;

use super::fields::{AckChannel, Release};

/// The releases for which something holds, for example a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Releases {
    /// Every release.
    All,
    /// Releases whose hosts have no ack channel: up to 1.13.
    WithoutAckChannel,
    /// Releases whose hosts open the ack channel, but neither read nor close
    /// it: 1.14.
    WithDeafAckChannel,
    /// Releases whose hosts read acks: 2.0 and later.
    WithAcks,
    /// Releases whose hosts send the orders again to a new process: 1.8 and
    /// later.
    WithReplay,
}

impl Releases {
    /// Returns whether a release belongs to the range.
    #[must_use]
    pub fn has(self, profile: &Release) -> bool {
        match self {
            Self::All => true,
            Self::WithoutAckChannel => profile.ack == AckChannel::Absent,
            Self::WithDeafAckChannel => profile.ack == AckChannel::Unread,
            Self::WithAcks => profile.ack == AckChannel::Read,
            Self::WithReplay => profile.replay,
        }
    }
}

impl fmt::Display for Releases {
    /// Writes `all`, `1.8 and later`, `1.4 to 1.13` or `1.14`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = Release::all();
        let mut range = all.iter().filter(|profile| self.has(profile));
        let Some(first) = range.next() else {
            return f.write_str("none");
        };
        let last = range.next_back().unwrap_or(first);
        match (first == &all[0], last == &all[all.len() - 1]) {
            (true, true) => f.write_str("all"),
            (false, true) => write!(f, "{} and later", first.name),
            _ if first == last => f.write_str(first.name),
            _ => write!(f, "{} to {}", first.name, last.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_shown_by_its_first_and_last_release() {
        for (range, shown) in [
            (Releases::All, "all"),
            (Releases::WithoutAckChannel, "1.4 to 1.13"),
            (Releases::WithDeafAckChannel, "1.14"),
            (Releases::WithAcks, "2.0 and later"),
            (Releases::WithReplay, "1.8 and later"),
        ] {
            assert_eq!(range.to_string(), shown);
        }
    }
}
