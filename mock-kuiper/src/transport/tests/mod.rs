//! What the host relies on, tested on each transport that this build has.

mod push;

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ekuiper_sp as sp;
use sp::{Error, Options, Presence};
use tempfile::TempDir;

use super::*;

/// How long anything may take before a test gives up.
const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

/// A limit that is expected to pass.
const SHORT: Option<Duration> = Some(Duration::from_millis(100));

const BACKENDS: &[Backend] = &[
    Backend::Sp,
    #[cfg(feature = "nng")]
    Backend::Nng,
];

/// The address of one test.
struct Address(TempDir);

impl Address {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("socket.ipc")
    }

    fn url(&self) -> String {
        format!("ipc://{}", self.path().display())
    }

    fn rep(&self, backend: Backend) -> Rep {
        Rep::listen(backend, &self.url(), Options::default()).unwrap()
    }

    fn pull(&self, backend: Backend) -> Pull {
        Pull::listen(backend, &self.url(), Options::default()).unwrap()
    }

    fn push(&self, backend: Backend) -> Push {
        Push::connect(backend, &self.url(), Options::default(), LIMIT.unwrap()).unwrap()
    }

    /// Connects, and exchanges greetings.
    fn greeted(&self, greeting: &[u8; 8]) -> UnixStream {
        let mut peer = UnixStream::connect(self.path()).unwrap();
        peer.set_read_timeout(LIMIT).unwrap();
        peer.write_all(greeting).unwrap();
        peer.read_exact(&mut [0; 8]).unwrap();
        peer
    }

    fn plugin_req(&self) -> sp::Req {
        let mut req = sp::Req::dial(&self.url(), Options::default()).unwrap();
        req.wait_connected(LIMIT).unwrap();
        req
    }

    fn plugin_push(&self) -> sp::Push {
        sp::Push::connect(&self.url(), Options::default(), LIMIT.unwrap()).unwrap()
    }

    fn plugin_pull(&self) -> sp::Pull {
        sp::Pull::listen(&self.url(), Options::default()).unwrap()
    }
}

/// The process ids of peers that connected and left.
type Seen = Arc<Mutex<Vec<(Option<u32>, Presence)>>>;

/// Makes options that record which peers connect and leave.
fn watched() -> (Options, Seen) {
    let seen = Seen::default();
    let mut options = Options::default();
    let notes = Arc::clone(&seen);
    options.on_peer = Some(Arc::new(move |peer, presence| {
        notes.lock().unwrap().push((peer.pid, presence));
    }));
    (options, seen)
}

#[test]
fn a_request_is_answered_once_under_its_id() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut rep = address.rep(*backend);
        let mut req = address.plugin_req();

        assert!(matches!(rep.send(b"early", LIMIT), Err(Error::WrongState)));
        req.send(b"handshake").unwrap();
        assert_eq!(rep.recv(LIMIT).unwrap(), b"handshake");
        rep.send(b"order", LIMIT).unwrap();

        assert_eq!(req.recv(LIMIT).unwrap(), b"order");
        assert!(rep.request_id().unwrap() & 0x8000_0000 != 0);
        assert!(matches!(rep.send(b"again", LIMIT), Err(Error::WrongState)));
    }
}

#[test]
fn the_request_id_is_the_one_on_the_wire() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut rep = address.rep(*backend);
        let mut peer = UnixStream::connect(address.path()).unwrap();
        peer.write_all(b"\0SP\0\0\x30\0\0").unwrap();
        peer.write_all(b"\x01\0\0\0\0\0\0\0\x06\x80\x01\x02\x03hi")
            .unwrap();

        assert_eq!(rep.recv(LIMIT).unwrap(), b"hi");
        rep.send(b"yes", LIMIT).unwrap();

        assert_eq!(rep.request_id(), Some(0x8001_0203));
        let mut answer = [0; 24];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(
            &answer,
            b"\0SP\0\0\x31\0\0\x01\0\0\0\0\0\0\0\x07\x80\x01\x02\x03yes"
        );
    }
}

#[test]
fn a_wait_ends_when_the_peer_has_left_but_after_its_last_message() {
    for backend in BACKENDS {
        for _ in 0..20 {
            let address = Address::new();
            let mut rep = address.rep(*backend);
            let mut req = address.plugin_req();

            req.send(b"last words").unwrap();
            drop(req);

            assert_eq!(rep.recv(LIMIT).unwrap(), b"last words");
            assert!(matches!(rep.recv(LIMIT), Err(Error::Disconnected)));
            assert!(matches!(rep.recv(SHORT), Err(Error::TimedOut)));
        }
    }
}

#[test]
fn a_peer_that_leaves_before_its_answer_is_reported_once() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut rep = address.rep(*backend);
        let mut req = address.plugin_req();
        req.send(b"ask").unwrap();
        rep.recv(LIMIT).unwrap();
        drop(req);

        // The answer may still be put into a queue that is dropped.
        let sent = rep.send(b"answer", LIMIT);
        if sent.is_ok() {
            assert!(matches!(rep.recv(LIMIT), Err(Error::Disconnected)));
        } else {
            assert!(matches!(sent, Err(Error::Disconnected)), "{sent:?}");
        }
        assert!(matches!(rep.recv(SHORT), Err(Error::TimedOut)));
    }
}

#[test]
fn a_peer_that_leaves_at_once_was_there() {
    const THREADS: usize = 8;
    const EACH: usize = 100;
    for backend in BACKENDS {
        let address = Address::new();
        let (options, seen) = watched();
        let mut pull = Pull::listen(*backend, &address.url(), options).unwrap();

        let count = |presence| {
            let seen = seen.lock().unwrap();
            seen.iter().filter(|(_, seen)| *seen == presence).count()
        };
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..EACH).for_each(|_| drop(address.greeted(b"\0SP\0\0\x50\0\0"))));
            }
            let begin = Instant::now();
            while count(Presence::Left) < THREADS * EACH && begin.elapsed() < LIMIT.unwrap() {
                let _nothing = pull.recv(SHORT);
            }
        });

        assert_eq!(count(Presence::Connected), THREADS * EACH, "{backend:?}");
        assert_eq!(count(Presence::Left), THREADS * EACH, "{backend:?}");
    }
}

#[test]
fn all_rows_arrive_whole_and_in_order() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut pull = address.pull(*backend);
        let push = address.plugin_push();
        let row = |n: usize| vec![n as u8; n * 37 % 5000];

        let sender = thread::spawn(move || {
            (0..3000).for_each(|n| push.send(&row(n), LIMIT).unwrap());
            push.flush(LIMIT.unwrap()).unwrap();
        });

        for n in 0..3000 {
            assert_eq!(pull.recv(LIMIT).unwrap(), row(n), "row {n}");
        }
        sender.join().unwrap();
        assert!(matches!(pull.recv(SHORT), Err(Error::TimedOut)));
    }
}

#[test]
fn rows_sent_before_the_connection_ended_are_received_without_waiting() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut pull = address.pull(*backend);
        let push = address.plugin_push();
        (0..100).for_each(|_| push.send(b"row", LIMIT).unwrap());
        push.flush(LIMIT.unwrap()).unwrap();
        drop(push);

        // By then its connection is accepted.
        pull.recv(LIMIT).unwrap();
        let limit = match backend {
            Backend::Sp => Some(Duration::ZERO),
            // Its threads may wait for a processor.
            #[cfg(feature = "nng")]
            Backend::Nng => LIMIT,
        };
        let rows = (0..99).take_while(|_| pull.recv(limit).is_ok());

        assert_eq!(rows.count(), 99, "{backend:?}");
        assert!(matches!(pull.recv(SHORT), Err(Error::TimedOut)));
    }
}

#[test]
fn buffered_rows_are_received_without_waiting() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut pull = address.pull(*backend);
        let push = address.plugin_push();
        assert!(!pull.has_buffered());
        (0..100).for_each(|_| push.send(b"row", LIMIT).unwrap());

        for n in 0..100 {
            let limit = if pull.has_buffered() {
                Some(Duration::ZERO)
            } else {
                LIMIT
            };
            assert_eq!(pull.recv(limit).unwrap(), b"row", "row {n}");
        }

        assert!(!pull.has_buffered());
    }
}

#[test]
fn a_waker_ends_one_wait_at_once() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut pull = address.pull(*backend);
        let waker = pull.waker();

        let begin = Instant::now();
        let waking = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            waker.wake();
        });
        let woken = pull.recv(LIMIT).map(<[u8]>::to_vec);
        waking.join().unwrap();

        assert!(matches!(woken, Err(Error::Woken)), "{woken:?}");
        assert!(begin.elapsed() < LIMIT.unwrap());
        assert!(matches!(pull.recv(SHORT), Err(Error::TimedOut)));
        pull.waker().wake();
        assert!(matches!(pull.recv(LIMIT), Err(Error::Woken)));
    }
}

#[test]
fn a_time_limit_ends_a_wait() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut rep = address.rep(*backend);
        let _req = address.plugin_req();

        let begin = Instant::now();
        let received = rep.recv(SHORT).map(<[u8]>::to_vec);

        assert!(matches!(received, Err(Error::TimedOut)), "{received:?}");
        assert!(begin.elapsed() >= SHORT.unwrap());
        assert!(begin.elapsed() < LIMIT.unwrap());
    }
}

#[test]
fn peers_are_reported_in_order_with_their_process_id() {
    for backend in BACKENDS {
        let address = Address::new();
        let (options, seen) = watched();
        let mut pull = Pull::listen(*backend, &address.url(), options).unwrap();
        let push = address.plugin_push();
        push.send(b"row", LIMIT).unwrap();

        pull.recv(LIMIT).unwrap();
        let first = seen.lock().unwrap().clone();
        drop(push);
        let begin = Instant::now();
        while seen.lock().unwrap().len() < 2 && begin.elapsed() < LIMIT.unwrap() {
            assert!(matches!(pull.recv(SHORT), Err(Error::TimedOut)));
        }

        let pid = Some(std::process::id());
        assert_eq!(first, [(pid, Presence::Connected)]);
        let both = [(pid, Presence::Connected), (pid, Presence::Left)];
        assert_eq!(*seen.lock().unwrap(), both);
    }
}

#[test]
fn a_peer_that_is_not_admitted_is_disconnected_and_not_reported() {
    for backend in BACKENDS {
        let address = Address::new();
        let (mut options, seen) = watched();
        options.admit = Some(Arc::new(|peer| peer.pid != Some(std::process::id())));
        let mut pull = Pull::listen(*backend, &address.url(), options).unwrap();
        let push = sp::Push::dial(&address.url(), Options::default()).unwrap();
        push.send(b"row", LIMIT).unwrap();

        let received = pull.recv(Some(Duration::from_millis(300)));

        assert!(matches!(received, Err(Error::TimedOut)), "{received:?}");
        assert_eq!(*seen.lock().unwrap(), []);
    }
}

#[test]
fn a_message_over_the_size_limit_is_not_received() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut options = Options::default();
        options.max_message = Some(10);
        let mut pull = Pull::listen(*backend, &address.url(), options).unwrap();
        let push = address.plugin_push();

        push.send(b"0123456789", LIMIT).unwrap();
        assert_eq!(pull.recv(LIMIT).unwrap(), b"0123456789");
        push.send(b"0123456789a", LIMIT).unwrap();

        match backend {
            Backend::Sp => assert!(matches!(pull.recv(LIMIT), Err(Error::Protocol(_)))),
            // NNG disconnects without an error.
            #[cfg(feature = "nng")]
            Backend::Nng => assert!(matches!(pull.recv(SHORT), Err(Error::TimedOut))),
        }
    }
}

#[test]
fn an_address_in_use_is_an_error_that_names_the_process() {
    for backend in BACKENDS {
        for other in BACKENDS {
            let address = Address::new();
            let mut first = address.pull(*other);

            let error = Rep::listen(*backend, &address.url(), Options::default()).unwrap_err();

            let Error::InUse { path, pid } = error else {
                panic!("{error}");
            };
            assert_eq!(path, address.path());
            assert_eq!(pid, Some(std::process::id()));
            address.plugin_push().send(b"row", LIMIT).unwrap();
            assert_eq!(first.recv(LIMIT).unwrap(), b"row");
        }
    }
}

#[test]
fn a_stale_socket_file_is_replaced_and_any_other_file_is_kept() {
    for backend in BACKENDS {
        let address = Address::new();
        drop(UnixListener::bind(address.path()).unwrap());
        assert!(address.path().exists());

        let pull = address.pull(*backend);
        let _push = address.plugin_push();
        drop(pull);

        assert!(!address.path().exists());
        std::fs::write(address.path(), "mine").unwrap();
        let refused = Pull::listen(*backend, &address.url(), Options::default());
        assert!(matches!(refused, Err(Error::NotASocket { .. })));
        assert_eq!(std::fs::read(address.path()).unwrap(), b"mine");
    }
}

#[test]
fn dropped_sockets_leave_no_descriptor_and_no_thread() {
    let count = |what: &str| {
        let entries = std::fs::read_dir(format!("/proc/self/{what}"));
        entries.unwrap().count()
    };
    for backend in BACKENDS {
        let use_them = || {
            let (control, rows, sink) = (Address::new(), Address::new(), Address::new());
            let (rep, pull) = (control.rep(*backend), rows.pull(*backend));
            let plugin = (control.plugin_req(), rows.plugin_push(), sink.plugin_pull());
            let push = sink.push(*backend);
            push.flush(LIMIT.unwrap()).unwrap();
            drop((rep, pull, push, plugin));
        };
        use_them();
        let before = (count("fd"), count("task"));

        (0..200).for_each(|_| use_them());

        // Other tests run at the same time and have descriptors and threads too.
        let after = (count("fd"), count("task"));
        assert!(after.0 < before.0 + 300, "{before:?} {after:?}");
        assert!(after.1 < before.1 + 100, "{before:?} {after:?}");
    }
}

#[test]
fn an_unknown_transport_is_rejected_with_a_list_of_the_known_ones() {
    let read = |name: &str| name.parse::<Transport>();

    assert_eq!(read("sp"), Ok(Transport::Sp));
    assert_eq!(
        read("tcp").unwrap_err().to_string(),
        "unknown transport `tcp`; use sp or nng"
    );
    #[cfg(feature = "nng")]
    assert_eq!(read("nng"), Ok(Transport::Nng));
    #[cfg(not(feature = "nng"))]
    assert_eq!(
        read("nng").unwrap_err().to_string(),
        "this build has no NNG; build mock-kuiper with its feature `nng`, or use the transport \
         sp"
    );
}
