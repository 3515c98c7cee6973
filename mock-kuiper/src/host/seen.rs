//! What the plugin is seen doing when a message from it is missing.

use std::thread;
use std::time::Duration;

use super::channel::RequestChannel;
use super::inner::Inner;
use super::presence::Peers;
use super::usage;
use crate::finding::{Finding, Observed, Seen};

impl Inner {
    /// Looks at the connections to a channel, and for a moment at the plugin's
    /// processes.
    pub(super) fn look(&self, peers: &Peers) -> Seen {
        Seen {
            dialed: peers.has_been_dialed(),
            connected: peers.connections() > 0,
            busy: self.is_busy(),
            stopped: self.is_stopped(),
        }
    }

    /// Whether the plugin's process has exited. The supervisor and a thread of the host
    /// may not have noticed it yet, although its connections have ended.
    pub(super) fn process_is_gone(&self) -> bool {
        self.process()
            .is_some_and(|process| usage::has_exited(process.pid()))
    }

    /// Whether a debugger or a signal has stopped the plugin's process.
    pub(super) fn is_stopped(&self) -> bool {
        let pid = match self.process() {
            Some(process) => Some(process.pid()),
            None => self.attached_pid(),
        };
        pid.is_some_and(usage::is_stopped)
    }

    /// Makes the finding that no greeting came on the control channel.
    pub(super) fn no_greeting(&self, control: &RequestChannel, limit: Duration) -> Finding {
        let seen = self.look(control.peers());
        Finding::new(Observed::NoGreeting { limit, seen }).on(control.channel())
    }

    /// Whether the plugin uses a processor, or waits for one, for a good part of a
    /// moment.
    fn is_busy(&self) -> bool {
        const MOMENT: Duration = Duration::from_millis(100);
        const MUCH: Duration = Duration::from_millis(30);
        let Some(before) = self.wanted_time() else {
            return false;
        };
        let wants = self.wants_a_processor();
        thread::sleep(MOMENT);
        let after = self.wanted_time();
        // How long a thread waits for a processor is only counted when it gets one.
        wants && self.wants_a_processor()
            || after.is_some_and(|after| after.saturating_sub(before) >= MUCH)
    }

    /// Whether a thread of the plugin has, or waits for, a processor.
    fn wants_a_processor(&self) -> bool {
        match self.process() {
            Some(process) => usage::group_wants_a_processor(process.pid(), process.group()),
            None => self.attached_pid().is_some_and(usage::wants_a_processor),
        }
    }

    /// Returns the processor time that the plugin used or waited for; `None` if it has
    /// exited.
    pub(super) fn wanted_time(&self) -> Option<Duration> {
        match self.process() {
            Some(process) => usage::wanted_by_group(process.pid(), process.group()),
            None => self.attached_pid().and_then(usage::wanted_by_process),
        }
    }
}
