//! Attends to the control channel of a host that launches no plugin: waits for the
//! plugin's greeting, and sends a plugin that was started again the start orders of
//! all that runs.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::answer::require_ok;
use super::attachment::Work;
use super::channel::{Manner, Outgoing, Reader, RequestChannel};
use super::error::HostError;
use super::failure::Failure;
use super::inner::Inner;
use crate::event::{Meaning, What};
use crate::finding::{Finding, Observed};
use crate::wire::{Command, Order};

/// The pause after a greeting could not be read.
const PAUSE: Duration = Duration::from_millis(50);

impl Inner {
    /// Starts to attend to the control channel, until
    /// [`end_attending`](Self::end_attending).
    pub(super) fn attend(self: &Arc<Self>) -> Result<(), HostError> {
        let Some(attachment) = self.shared.attachment() else {
            return Ok(());
        };
        let inner = Arc::clone(self);
        let thread = thread::Builder::new().name("plugin-attach".to_owned());
        let thread = thread.spawn(move || {
            let attachment = inner.shared.attachment();
            while let Some(work) = attachment.and_then(|attachment| attachment.next_work()) {
                inner.work(work);
            }
        });
        attachment.keep(thread.map_err(|source| HostError::io("start a thread", source))?);
        Ok(())
    }

    /// Ends what [`attend`](Self::attend) has started.
    pub(super) fn end_attending(&self) {
        let Some(attachment) = self.shared.attachment() else {
            return;
        };
        let threads = attachment.finish();
        self.shared.wake();
        for thread in threads {
            let _ = JoinHandle::join(thread);
        }
    }

    /// Returns the process that is attached now, if the system tells.
    pub(super) fn attached_pid(&self) -> Option<u32> {
        self.shared.attachment()?.pid()
    }

    fn work(&self, work: Work) {
        let mut control = self.control_to_attend();
        let done = match work {
            Work::Listen => {
                control.reader = Reader::Listener;
                control.wait_greeting(Duration::MAX).map_err(drop)
            }
            Work::Replay => {
                control.reader = Reader::Replayer;
                self.catch_up(&mut control).map_err(drop)
            }
        };
        control.reader = Reader::Caller;
        drop(control);
        if done.is_err() {
            // Another thread wants the channel, or a peer broke the protocol.
            thread::sleep(PAUSE);
        }
    }

    /// Sends a plugin that was attached since the last time the start orders of all
    /// that runs: of every function, and on any release. What it refuses is reported,
    /// and goes on running as far as the host is concerned.
    pub(super) fn catch_up(&self, control: &mut RequestChannel) -> Result<(), HostError> {
        let Some(attachment) = self.shared.attachment() else {
            return Ok(());
        };
        'anew: while let Some(number) = attachment.lacks_orders() {
            let orders = self.state().running.clone();
            for order in &orders {
                let finding = match self.start_again(control, order) {
                    Ok(()) => None,
                    Err(HostError::Finding(finding)) => Some(finding),
                    Err(error) => return Err(error),
                };
                if attachment.number() != number {
                    continue 'anew;
                }
                self.shared.tell(What::StartedAgain {
                    kind: order.kind,
                    symbol: &order.symbol,
                    finding: finding.as_deref(),
                });
            }
            attachment.note_replayed(number);
        }
        Ok(())
    }

    fn start_again(&self, control: &mut RequestChannel, order: &Order) -> Result<(), HostError> {
        let command = Command::Start;
        let bytes = order.encode(command, self.shared.profile);
        let outgoing = Outgoing {
            bytes: &bytes,
            meaning: Meaning::Order {
                command,
                kind: order.kind,
                symbol: &order.symbol,
            },
            manner: Manner::Plain,
        };
        let limit = self.answer_limit;
        let regreet = self.shared.profile.regreet_on_control;
        let answer = control.round_trip(outgoing, limit, regreet, || {});
        let answer = answer.map_err(|failure| match failure {
            Failure::Woken => HostError::Interrupted,
            failure => self.error(failure, || {
                let seen = self.look(control.peers());
                let observed = Observed::OrderUnanswered {
                    command: Some(command),
                    limit,
                    seen,
                };
                let finding = Finding::new(observed).of(order.kind, &order.symbol);
                finding.on(control.channel())
            }),
        })?;
        require_ok(command, order, &answer)
    }
}
