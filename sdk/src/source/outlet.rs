//! Where the rows of a source go: the channel to the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Options, Push};
use log::{debug, warn};

use crate::context::InstanceInfo;
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

/// A source's data channel, with a count of the threads that send on it.
pub(super) struct Channel {
    push: Push,
    /// How many threads are inside [`Outlet::send`]. If a stop begins now, their
    /// rows were emitted before it.
    sending: AtomicUsize,
    room: Arc<Wakers>,
    info: Arc<InstanceInfo>,
}

impl Outlet for Channel {
    fn send(&self, row: &[u8]) -> bool {
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
        self.sending.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    /// Waits until the rows that were emitted before the stop are written, at
    /// most until `until`.
    pub(super) fn finish(&self, until: Instant) {
        loop {
            let quiet = self.sending.load(Ordering::SeqCst) == 0;
            match self.push.flush(left(until)) {
                Ok(()) if quiet => return,
                Ok(()) => std::thread::sleep(Duration::from_millis(1)),
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
                Ok(()) => std::thread::sleep(Duration::from_millis(1)),
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
