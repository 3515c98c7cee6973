//! Where the rows of a source go: the channel to the host.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ekuiper_sp::{Budget, Error, Options, Push};
use log::{debug, warn};

use crate::context::InstanceInfo;
use crate::gate::GATE;
use crate::instance::left;
use crate::wakers::Wakers;
use crate::{EmitError, wire};

/// The destination of an instance's rows: a channel to the host, or a test.
pub(crate) trait Outlet: Send + Sync {
    /// Sends a row, waiting while there is no room. Returns false if the outlet
    /// is closed.
    fn send(&self, row: &[u8]) -> bool;

    /// Sends a row if there is room, without waiting. The error is
    /// [`EmitError::Full`] or [`EmitError::Stopped`].
    fn try_send(&self, row: &[u8]) -> Result<(), EmitError>;

    /// Returns the tasks that wait until an outlet that was full has room.
    #[cfg_attr(
        not(feature = "tokio"),
        expect(dead_code, reason = "only tasks wait for room")
    )]
    fn room(&self) -> &Wakers;
}

/// How long the first attempt to connect to the host's data address may take.
/// The host listens there before it sends the order.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// The memory of the rows that wait in all sources of the process: as much as a single
/// source can use, eight times.
static BUDGET: LazyLock<Budget> = LazyLock::new(|| Budget::new(4 * 1024 * 1024));

/// A source's data channel, with a count of the threads that send on it.
pub(super) struct Channel {
    push: Push,
    /// How many threads are inside [`Outlet::send`]. If a stop begins now, their
    /// rows were emitted before it.
    sending: AtomicUsize,
    /// Notified when the last of them leaves after a stop.
    left: Condvar,
    /// Held by a thread that notifies, or checks whether to wait.
    leaving: Mutex<()>,
    room: Arc<Wakers>,
    info: Arc<InstanceInfo>,
}

impl Outlet for Channel {
    fn send(&self, row: &[u8]) -> bool {
        GATE.pass(|| self.info.stop.is_set());
        self.send_within(row, None).is_ok()
    }

    fn try_send(&self, row: &[u8]) -> Result<(), EmitError> {
        self.send_within(row, Some(Duration::ZERO))
    }

    fn room(&self) -> &Wakers {
        &self.room
    }
}

impl Channel {
    /// Connects to the host's data address, in the background if the host does
    /// not listen there.
    pub(super) fn connect(info: Arc<InstanceInfo>) -> Result<Self, Error> {
        let url = wire::data_url(&info.identity);
        let room = Arc::<Wakers>::default();
        let mut options = Options::default();
        options.budget = Some(BUDGET.clone());
        options.on_room = Some({
            let room = Arc::clone(&room);
            Arc::new(move || room.wake_all())
        });
        let push = match Push::connect(&url, options.clone(), CONNECT_LIMIT) {
            Err(error @ Error::Unreachable { .. }) => {
                // When a host replays the orders of a crashed process, the rule may
                // have ended already. Its stop follows.
                warn!("source {info}: {error}: dialing again in the background");
                Push::dial(&url, options)?
            }
            outcome => outcome?,
        };
        Ok(Channel {
            push,
            sending: AtomicUsize::new(0),
            left: Condvar::new(),
            leaving: Mutex::default(),
            room,
            info,
        })
    }

    /// Sends a row. `limit` is as in [`Push::send`].
    fn send_within(&self, row: &[u8], limit: Option<Duration>) -> Result<(), EmitError> {
        self.sending.fetch_add(1, Ordering::SeqCst);
        // Checked after counting, because a stop sets its flag first and reads
        // the count afterwards.
        let outcome = match self.info.stop.is_set() {
            true => Err(EmitError::Stopped),
            false => self.push.send(row, limit).map_err(|error| match error {
                Error::TimedOut => EmitError::Full,
                _ => EmitError::Stopped,
            }),
        };
        let was_last = self.sending.fetch_sub(1, Ordering::SeqCst) == 1;
        if was_last && self.info.stop.is_set() {
            // With the lock taken, no thread is between its check and its wait.
            drop(self.leaving.lock().unwrap_or_else(PoisonError::into_inner));
            self.left.notify_all();
        }
        outcome
    }

    /// Waits until no thread sends, at most for `limit`.
    fn wait_until_quiet(&self, limit: Duration) {
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            self.left
                .wait_timeout_while(leaving, limit, |()| self.sending.load(Ordering::SeqCst) > 0)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Waits until the rows that were emitted before the stop are written, at
    /// most until `until`.
    pub(super) fn finish(&self, until: Instant) {
        loop {
            let quiet = self.sending.load(Ordering::SeqCst) == 0;
            match self.push.finish(left(until)) {
                Ok(()) if quiet => return,
                Ok(()) => self.wait_until_quiet(left(until)),
                Err(error) => {
                    debug!("source {}: not all rows were sent: {error}", self.info);
                    return;
                }
            }
            if left(until).is_zero() {
                return;
            }
        }
    }

    /// Closes the channel, which ends an `emit` that waits.
    pub(super) fn close(&self) {
        self.push.close();
    }

    /// Waits without a time limit until all rows are written or a stop closes
    /// the channel. Then closes the channel.
    pub(super) fn finish_alone(&self) {
        loop {
            let quiet = self.sending.load(Ordering::SeqCst) == 0;
            match self.push.flush(LOOK_AGAIN) {
                Ok(()) if quiet => break,
                Ok(()) => self.wait_until_quiet(LOOK_AGAIN),
                Err(Error::Closed) => break,
                Err(Error::TimedOut) => {}
                // The host is away. The socket dials it in the background.
                Err(_) => std::thread::sleep(LOOK_AGAIN),
            }
        }
        self.push.close();
    }
}

/// How often an ended source checks whether its last rows are written.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, RecvTimeoutError};

    use ekuiper_sp::Pull;

    use super::*;
    use crate::context::Identity;

    #[test]
    fn an_ended_source_waits_for_a_row_that_another_thread_is_sending() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("ipc://{}", directory.path().join("data").display());
        let mut pull = Pull::listen(&url, Options::default()).unwrap();
        let channel = Channel {
            push: Push::connect(&url, Options::default(), Duration::from_secs(30)).unwrap(),
            sending: AtomicUsize::new(1),
            left: Condvar::new(),
            leaving: Mutex::default(),
            room: Arc::default(),
            info: InstanceInfo::new("s", Identity::default()),
        };
        let (done, ended) = mpsc::channel();

        std::thread::scope(|scope| {
            scope.spawn(|| {
                channel.finish_alone();
                done.send(()).unwrap();
            });
            let early = ended.recv_timeout(Duration::from_millis(100));
            channel.push.send(b"last", None).unwrap();
            channel.sending.store(0, Ordering::SeqCst);
            assert_eq!(early, Err(RecvTimeoutError::Timeout));
        });

        let row = pull.recv(Some(Duration::from_secs(30))).unwrap();
        assert_eq!(row, b"last");
    }
}
