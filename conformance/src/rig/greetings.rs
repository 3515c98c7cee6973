//! Whether a plugin greets again because it is idle, as both official SDKs do.

use mock_kuiper::Channel;
use mock_kuiper::engine::symbol::Purpose;

use super::launch::Rig;
use crate::checked::{Checked, NotPassed, untested};
use crate::limits::{EXTRA_MESSAGE, IDLE};

/// Leaves a failure out if the plugin does not greet when `channel` is idle:
/// only then does eKuiper abandon an id.
///
/// Source: docs/protocol.md, section 5.
pub(crate) fn unless_it_never_greets(
    rig: &Rig<'_>,
    checked: Checked,
    channel: &Channel,
) -> Checked {
    let Err(NotPassed::Failed(seen)) = checked else {
        return checked;
    };
    match rig.aside().greetings_of_idle(channel) {
        Ok(0) => Err(NotPassed::NotApplicable(
            "the plugin does not greet when it is idle, so eKuiper abandons no id",
        )),
        _ => Err(NotPassed::Failed(seen)),
    }
}

impl Rig<'_> {
    /// Starts what a channel belongs to, leaves the channel idle, and returns the
    /// number of greetings that have come because of that.
    pub(crate) fn greetings_of_idle(&self, channel: &Channel) -> Result<usize, NotPassed> {
        let host = self.host()?;
        let greetings = || self.transcript.greetings(channel);
        if channel.purpose() == Purpose::Control {
            let _running = self.anything(&host)?;
            let before = greetings();
            std::thread::sleep(self.quiet(IDLE));
            let _unasked = host.overhear(self.quiet(EXTRA_MESSAGE)).map_err(untested)?;
            return Ok(greetings() - before);
        }
        let mut function = self.function(&host)?;
        function.is_aggregate().map_err(untested)?;
        let before = greetings();
        std::thread::sleep(self.quiet(IDLE));
        let _unasked = function.overhear(self.quiet(EXTRA_MESSAGE));
        Ok(greetings() - before)
    }
}
