//! The acks of a sink, and the end of its rows.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ekuiper_sp::Error;

use super::hang_up::has_hung_up;
use super::unread::unread;
use super::{PAUSE, Sink, Undelivered};
use crate::event::{Meaning, Message, What};
use crate::finding::Observed;
use crate::host::error::HostError;
use crate::host::failure::Failure;
use crate::host::presence::RESTORE;
use crate::symbol::Side;
use crate::wire::{self, parse_ack};

/// How often a wait for an ack checks whether the sink is still there.
const TICK: Duration = Duration::from_millis(100);

/// How long a sink without an ack channel may take for its last rows before it
/// is stopped.
const QUIET: Duration = Duration::from_millis(200);

/// How long each of the last acks is awaited; it may never arrive.
const LAST_ACKS: Duration = Duration::from_secs(1);

/// The number of rows whose acks surely find room in the buffers of the ack
/// channel, and how long each of them is awaited if the sink sends acks.
const FEW: u64 = 100;
const FEW_ACKS: Duration = Duration::from_secs(5);

impl Sink {
    /// Waits at most `limit` until the sink has most likely read what was sent.
    ///
    /// eKuiper does not do this. A run that ends needs it: a stop right after
    /// the last row would drop that row unread. Acks tell when rows are read; an
    /// ack that takes longer than a second is given up. If the release has no
    /// acks, the sink gets a moment.
    pub fn settle(&mut self, limit: Duration) {
        if !self.is_settled() && self.push.flush(limit).is_ok() {
            match self.acks {
                Some(_) => self.settle_acks(limit, LAST_ACKS),
                None => std::thread::sleep(QUIET.min(limit)),
            }
        }
    }

    /// Waits until the sink has read all rows: until all are acknowledged, or its
    /// socket is empty and no ack has arrived for a while. A sink reads ahead, so
    /// that this while is longer for a slow one.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::SinkUnread`](crate::Code::SinkUnread) if the sink reads
    /// nothing for `quiet`. NNG does not tell what is read.
    pub fn wait_read(&mut self, quiet: Duration) -> Result<(), HostError> {
        let mut last = None;
        let mut since = Instant::now();
        let mut longest = Duration::ZERO;
        while !self.is_settled() && self.gone_for().is_none() && !self.has_ended() {
            // A sink may wait for room for its acks.
            self.take_acks();
            let Some(left) = self.push.inode().and_then(unread) else {
                return Ok(());
            };
            let now = (left, self.acked);
            if last.replace(now) != Some(now) {
                longest = longest.max(since.elapsed());
                since = Instant::now();
            }
            let is_read = match self.push.flush(PAUSE) {
                Ok(()) => left == 0,
                Err(Error::TimedOut) => false,
                Err(_) => return Ok(()),
            };
            let patience = match is_read {
                true => self.ack_patience().max(2 * longest).min(quiet),
                false => quiet,
            };
            if since.elapsed() >= patience {
                self.given_up = self.sent.saturating_sub(self.acked);
                if !is_read {
                    let observed = Observed::Unread { limit: quiet };
                    return Err(self.host.note(self.about(observed).into()));
                }
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Returns how long an ack may take once all rows are read.
    fn ack_patience(&self) -> Duration {
        match &self.acks {
            None => QUIET,
            // None of so few acks was dropped for want of room.
            Some(_) if self.acked > 0 && self.sent <= FEW => FEW_ACKS,
            Some(_) => LAST_ACKS,
        }
    }

    /// Waits at most `limit` for the acks of what was sent. Once none has arrived
    /// for `quiet`, the others are given up.
    pub(crate) fn settle_acks(&mut self, limit: Duration, quiet: Duration) {
        let deadline = Instant::now() + limit;
        while self.acks.is_some() && !self.is_settled() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive_ack(quiet.min(left)) {
                Ok(()) => {}
                Err(undelivered) if undelivered.is_ack() => {}
                Err(_) => self.given_up = self.sent.saturating_sub(self.acked),
            }
        }
    }

    /// Whether no further ack is expected.
    fn is_settled(&self) -> bool {
        self.sent <= self.acked + self.given_up
    }

    /// Whether the rows that were sent are acknowledged within `limit`.
    pub(crate) fn speaks(&mut self, limit: Duration) -> Result<bool, HostError> {
        let deadline = Instant::now() + limit;
        if self.acks.is_none() {
            return Ok(false);
        }
        while !self.is_settled() {
            match self.receive_ack(deadline.saturating_duration_since(Instant::now())) {
                Ok(()) => {}
                Err(undelivered) if undelivered.is_ack() => {}
                Err(Undelivered::Observed(Observed::NoAck { .. })) => return Ok(false),
                Err(undelivered) => return Err(self.error(undelivered)),
            }
        }
        Ok(true)
    }

    /// Waits for the ack of the row that was just sent.
    pub(super) fn await_ack(&mut self) -> Result<(), Undelivered> {
        let limit = match self.unanswered {
            0 => self.host.answer_limit,
            _ => self.host.answer_limit.min(LAST_ACKS),
        };
        let received = self.receive_ack(limit);
        self.unanswered = match received {
            Err(Undelivered::Observed(Observed::NoAck { .. })) => self.unanswered + 1,
            _ => 0,
        };
        received
    }

    /// Reads the acks that have arrived, and accepts new connections. An interrupt is
    /// left to the next wait.
    pub fn take_acks(&mut self) {
        let interrupts = self.interrupts;
        while self.acks.is_some() {
            match self.receive_ack(Duration::ZERO) {
                Ok(()) => {}
                Err(undelivered) if undelivered.is_ack() => {}
                Err(_) => break,
            }
        }
        self.interrupts = interrupts;
    }

    /// Makes the error for a row that was not taken within `limit`. A sink that
    /// sends acks which nobody reads is blocked by them.
    pub(super) fn not_taken(&mut self, limit: Duration) -> Undelivered {
        let acks = self.acks.as_mut().filter(|_| !self.require_ack);
        let unread_acks = acks.is_some_and(|acks| acks.waiting() > 0);
        Undelivered::Observed(Observed::RowNotTaken { limit, unread_acks })
    }

    pub(super) fn receive_ack(&mut self, limit: Duration) -> Result<(), Undelivered> {
        let Some(acks) = &mut self.acks else {
            return Ok(());
        };
        let shared = &self.host.shared;
        shared.dawdle();
        let deadline = Instant::now() + limit;
        let (channel, body) = loop {
            let has_ended = shared.has_crashed() || self.is_given_up.load(Ordering::SeqCst);
            let left = deadline.saturating_duration_since(Instant::now());
            let left = if has_ended { Duration::ZERO } else { left };
            let left = left.min(TICK);
            match acks.recv(Some(left)) {
                Ok(received) => break received,
                // The wake-up may have ended a wait before.
                Err(Failure::Woken | Failure::TimedOut)
                    if self.interrupts != shared.interrupts() =>
                {
                    self.interrupts = shared.interrupts();
                    return Err(Undelivered::Ended);
                }
                Err(Failure::TimedOut) if has_ended => return Err(Undelivered::Ended),
                Err(Failure::TimedOut) => {
                    // A sink that is gone will send no ack.
                    // Nor will a plugin that is started again, for rows before.
                    let is_lost = shared.is_attached() && self.fed.ends_within(Duration::ZERO);
                    let acks_gone = is_lost || acks.gone_for().is_some_and(|gone| gone >= RESTORE);
                    if acks_gone || has_hung_up(&self.peers, shared, &self.channel) {
                        if is_lost {
                            self.given_up = self.sent - self.acked;
                        }
                        return Err(Undelivered::Observed(Observed::HungUp { rows: self.sent }));
                    }
                    if Instant::now() >= deadline {
                        let dialed = acks.has_been_dialed();
                        return Err(Undelivered::Observed(Observed::NoAck { limit, dialed }));
                    }
                }
                Err(Failure::Host(error)) => return Err(Undelivered::Host(error)),
                // The process has exited, or has been replaced.
                Err(
                    Failure::Woken | Failure::Exited | Failure::Interrupted | Failure::Disconnected,
                ) => {}
            }
        };
        self.acked += 1;
        let ack = parse_ack(body);
        self.host.shared.tell(What::Message(Message {
            channel,
            from: Side::Plugin,
            id: None,
            body,
            meaning: Meaning::Ack {
                sink: &self.order.symbol,
                ack: ack.as_ref(),
            },
        }));
        match ack {
            Ok(wire::Ack::Done) => Ok(()),
            Ok(wire::Ack::Failed(text)) => Err(Undelivered::Observed(Observed::AckError { text })),
            Err(error) => Err(Undelivered::Observed(Observed::InvalidAck {
                reason: error.to_string(),
            })),
        }
    }
}
