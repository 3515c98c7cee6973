//! Decides when PUSH writes messages in batches.

use std::time::{Duration, Instant};

/// Decides whether messages come fast enough to be written in batches.
///
/// After [`Burst::LONG`] messages were written directly within
/// [`Burst::SHORT`], or one found no room in the kernel, the next message is
/// queued for the flusher. More messages can join it while the flusher wakes and
/// writes. If none joins [`Burst::ALONE`] times in a row, the burst is over and
/// messages are written directly again. So single messages and short bursts never go through the
/// flusher, and messages that are answered one by one do so only now and then.
#[derive(Debug, Default)]
pub(super) struct Burst {
    /// When the current count of `written` began.
    since: Option<Instant>,
    /// How many messages were written directly since then.
    written: u32,
    goes_on: bool,
    /// How many messages were queued since the queue was last found empty.
    pub(super) queued: u32,
    /// How many times in a row a message was queued and none joined it.
    alone: u32,
}

impl Burst {
    /// More messages than fit in a kernel buffer, even the smallest ones: the
    /// reader keeps up.
    const LONG: u32 = 512;
    /// 10 µs per message: a few times as long as it takes to write one.
    const SHORT: Duration = Duration::from_millis(5);
    /// More than one, because the flusher may have been fast by chance.
    const ALONE: u32 = 8;

    /// Returns whether to queue the next message. Called for each message that
    /// finds the queue empty.
    pub(super) fn goes_on(&mut self, now: Instant) -> bool {
        if self.goes_on {
            self.alone = match std::mem::take(&mut self.queued) {
                1 => self.alone + 1,
                _ => 0,
            };
            if self.alone < Self::ALONE {
                return true;
            }
            self.alone = 0;
        }
        let since = *self.since.get_or_insert(now);
        self.written += 1;
        self.goes_on = self.written > Self::LONG && now - since < Self::SHORT;
        if self.written > Self::LONG {
            self.written = 0;
            self.since = None;
        }
        self.goes_on
    }

    /// Records that the kernel has no room: messages come faster than they are read.
    /// So the threads of many busy sockets, which each seldom have a processor,
    /// write in batches, too.
    pub(super) fn piles_up(&mut self) {
        self.goes_on = true;
        self.alone = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records a burst of messages one microsecond apart; returns it with the
    /// time of the next message.
    fn burst(messages: u32) -> (Burst, Instant) {
        let mut burst = Burst::default();
        let mut now = Instant::now();
        for message in 0..messages {
            assert!(!burst.goes_on(now), "message {message} was queued");
            now += Duration::from_micros(1);
        }
        (burst, now)
    }

    #[test]
    fn messages_after_a_long_burst_are_queued_as_long_as_others_join() {
        let (mut burst, now) = burst(Burst::LONG);
        assert!(burst.goes_on(now));

        // This message, and two that were queued after it.
        burst.queued = 3;

        assert!(burst.goes_on(now));
    }

    #[test]
    fn a_burst_ends_when_no_message_joins_the_queued_ones() {
        let (mut burst, now) = burst(Burst::LONG);
        assert!(burst.goes_on(now));

        for _ in 1..Burst::ALONE {
            burst.queued = 1;
            assert!(burst.goes_on(now));
        }
        burst.queued = 1;

        assert!(!burst.goes_on(now));
    }

    #[test]
    fn messages_that_pile_up_are_queued_until_none_joins() {
        let (mut burst, now) = burst(3);

        burst.piles_up();

        assert!(burst.goes_on(now + Burst::SHORT));
        for _ in 1..Burst::ALONE {
            burst.queued = 1;
            assert!(burst.goes_on(now));
        }
        burst.queued = 1;
        assert!(!burst.goes_on(now));
    }

    #[test]
    fn messages_that_come_more_slowly_are_written_directly() {
        let (mut burst, now) = burst(Burst::LONG);

        assert!(!burst.goes_on(now + Burst::SHORT));
        assert!(!burst.goes_on(now + Burst::SHORT));
    }

    #[test]
    fn messages_that_take_exactly_the_limit_are_written_directly() {
        let mut burst = Burst::default();
        let start = Instant::now();
        for _ in 0..512 {
            assert!(!burst.goes_on(start));
        }

        assert!(!burst.goes_on(start + Duration::from_millis(5)));
    }
}
