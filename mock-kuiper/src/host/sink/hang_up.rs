//! Whether a sink is connected, and what it means if it is not.

use std::time::{Duration, Instant};

use super::{PAUSE, Sink, Undelivered};
use crate::finding::Observed;
use crate::host::error::HostError;
use crate::host::presence::{Peers, RESTORE};
use crate::host::process::ends_within;
use crate::host::shared::Shared;
use crate::symbol::Channel;

/// How long the host may take to dial a sink that listens again.
const REDIAL: Duration = Duration::from_secs(1);

impl Sink {
    /// Waits at most `limit` for the sink to close its channel. If it does so, or
    /// has done so, it gets [`RESTORE`] to listen again.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::SinkHungUp`](crate::Code::SinkHungUp) if it does not
    /// listen again. [`HostError::Interrupted`] if the plugin exited or the host
    /// was interrupted.
    pub fn watch_hang_up(&mut self, limit: Duration) -> Result<(), HostError> {
        let deadline = Instant::now() + limit;
        while self.peers.gone_for().is_none() && Instant::now() < deadline {
            if self.has_ended() {
                return Err(HostError::Interrupted);
            }
            std::thread::sleep(PAUSE);
        }
        self.wait_restored()
            .map_err(|undelivered| match undelivered {
                Undelivered::Ended => HostError::Interrupted,
                other => self.error(other),
            })
    }

    /// Returns how long the sink has not been connected, at most since the last start
    /// order of a new process. A sink that is about to listen again is gone for a moment.
    #[must_use]
    pub fn gone_for(&self) -> Option<Duration> {
        self.host.shared.gone_since_start(&self.peers)
    }

    /// Whether the process that served the sink has exited.
    #[must_use]
    pub fn left_with_its_process(&self) -> bool {
        ends_within(self.peers.left(), Duration::ZERO)
    }

    /// Waits until the sink is connected, at most [`RESTORE`] after it has closed
    /// its channel.
    pub(super) fn wait_restored(&mut self) -> Result<(), Undelivered> {
        while self.peers.gone_for().is_some() {
            if self.has_ended() {
                return Err(Undelivered::Ended);
            }
            if has_hung_up(&self.peers, &self.host.shared, &self.channel)
                && !self.host.process_is_gone()
            {
                return Err(Undelivered::Observed(Observed::HungUp { rows: self.sent }));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Waits at most `limit` until the sink is connected.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::SinkHungUp`](crate::Code::SinkHungUp) at the limit, or
    /// the plugin's exit. Or [`HostError::Interrupted`].
    pub(crate) fn wait_connected(&mut self, limit: Duration) -> Result<(), HostError> {
        let deadline = Instant::now() + limit;
        while self.peers.gone_for().is_some() {
            if self.has_ended() {
                return Err(self.error(Undelivered::Ended));
            }
            if Instant::now() >= deadline {
                let observed = Observed::HungUp { rows: self.sent };
                return Err(self.error(Undelivered::Observed(observed)));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// Whether a sink has closed its channel for good. One that listens again may
/// have to wait for the host's next attempt to dial. One whose process has exited
/// may be started again in a debugger.
pub(super) fn has_hung_up(peers: &Peers, shared: &Shared, channel: &Channel) -> bool {
    let may_return = shared.is_attached() && ends_within(peers.left(), Duration::ZERO);
    !may_return
        && shared.gone_since_start(peers).is_some_and(|gone| {
            let listens = shared.file(channel).exists();
            gone >= RESTORE && (!listens || gone >= RESTORE + REDIAL)
        })
}
