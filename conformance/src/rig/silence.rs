//! What it means that no row came: a source may have no more to send, or wait
//! for something outside, and still do all that is required.

use std::time::{Duration, Instant};

use super::launch::Rig;
use super::source::is_no_row;
use crate::checked::{NotPassed, Observation};

/// What a source does that is started and then left alone.
enum Flow {
    /// It sends no row.
    None,
    /// It sends rows for a while.
    Ends,
    /// It sends rows all the time.
    Continues,
}

impl Rig<'_> {
    /// Decides what it means that no row came in a check that has taken `took`.
    /// A source that is left alone has to send rows for as long.
    pub(crate) fn judge_silence(
        &self,
        mut seen: Observation,
        reached: bool,
        took: Duration,
    ) -> NotPassed {
        // The last thing that the check did was to wait.
        let before = took.saturating_sub(self.limit());
        match self.aside().flow(before) {
            Ok(Flow::None) => {
                seen.text.push_str(
                    "; if it waits for something outside, configure it so that it sends \
                     (`--config`)",
                );
                NotPassed::Untested(seen)
            }
            Ok(Flow::Ends) => NotPassed::NotApplicable("the source sends rows only for a while"),
            Ok(Flow::Continues) | Err(_) if reached => NotPassed::Failed(seen),
            Ok(Flow::Continues) | Err(_) => NotPassed::Untested(seen),
        }
    }

    fn flow(&self, time: Duration) -> Result<Flow, NotPassed> {
        let host = self.host()?;
        let mut source = self.source(&host)?;
        let end = Instant::now() + time;
        loop {
            match source.skip(self.limit()) {
                Ok(()) if Instant::now() >= end => return Ok(Flow::Continues),
                Ok(()) => {}
                Err(error) if is_no_row(&error) => {
                    return Ok(match source.received() {
                        0 => Flow::None,
                        _ => Flow::Ends,
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
