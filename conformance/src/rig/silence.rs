//! What it means that no row came: a source may have no more to say, or wait for
//! something from outside, and do all that is required.

use std::time::{Duration, Instant};

use mock_kuiper::host::HostError;

use crate::bench::{Bench, Stop};

/// What a source does that is started and left to itself.
enum Flow {
    None,
    Ends,
    GoesOn,
}

impl Bench<'_> {
    /// Judges that no row came, in a check that has taken this long: a source
    /// that is left to itself has to give rows for the same time.
    pub(crate) fn judge_silence(&self, seen: String, reached: bool, took: Duration) -> Stop {
        // The last that the check did was to wait.
        let before = took.saturating_sub(self.limit());
        match self.apart().flow(before) {
            Ok(Flow::None) => Stop::NotTestable(format!(
                "{seen}; if it waits for something from outside, configure it so that it sends \
                 (`--config`)"
            )),
            Ok(Flow::Ends) => Stop::NotApplicable("the source gives rows for a while only"),
            Ok(Flow::GoesOn) | Err(_) if reached => Stop::Failed(seen),
            Ok(Flow::GoesOn) | Err(_) => Stop::NotTestable(seen),
        }
    }

    fn flow(&self, time: Duration) -> Result<Flow, Stop> {
        let host = self.host()?;
        let mut source = self.source(&host)?;
        let end = Instant::now() + time;
        loop {
            match source.next(self.limit()) {
                Ok(_) if Instant::now() >= end => return Ok(Flow::GoesOn),
                Ok(_) => {}
                Err(HostError::NoRow { .. }) if source.received() == 0 => return Ok(Flow::None),
                Err(HostError::NoRow { .. }) => return Ok(Flow::Ends),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
