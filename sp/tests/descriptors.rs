//! Checks that dropped sockets leave nothing behind. A test binary of its own,
//! because it counts the descriptors and threads of the whole process.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use ekuiper_sp::{Options, Pull, Push, Rep, Req};

const LONG: Duration = Duration::from_secs(20);
const LIMIT: Option<Duration> = Some(LONG);

fn count() -> [usize; 2] {
    ["/proc/self/fd", "/proc/self/task"].map(|what| fs::read_dir(what).unwrap().count())
}

#[test]
fn a_dropped_socket_leaves_no_descriptor_no_thread_and_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let url = |name| format!("ipc://{}/{name}", dir.path().display());
    let before = count();

    for _ in 0..20 {
        let mut pull = Pull::listen(&url("rows"), Options::default()).unwrap();
        let push = Push::dial(&url("rows"), Options::default()).unwrap();
        push.send(b"row", LIMIT).unwrap();
        pull.recv(LIMIT).unwrap();
        // A listener that never receives, with a greeted and a silent peer.
        let _idle = Pull::listen(&url("idle"), Options::default()).unwrap();
        let _greeted = Push::connect(&url("idle"), Options::default(), LONG).unwrap();
        let _silent = UnixStream::connect(dir.path().join("idle")).unwrap();
        let mut rep = Rep::listen(&url("calls"), Options::default()).unwrap();
        let mut req = Req::dial(&url("calls"), Options::default()).unwrap();
        req.wait_connected(LIMIT).unwrap();
        req.send(b"asked").unwrap();
        rep.recv(LIMIT).unwrap();
        rep.send(b"ok", LIMIT).unwrap();
        req.recv(LIMIT).unwrap();
        // Dialers that never connect, or whose connection is never taken.
        let _dialing = Req::dial(&url("nobody"), Options::default()).unwrap();
        let _untaken = Req::dial(&url("calls"), Options::default()).unwrap();
        let _queued = Push::dial(&url("nobody"), Options::default()).unwrap();
        _queued.send(b"row", LIMIT).unwrap();
    }

    // A thread that has been joined may still be on its way out of the kernel's list.
    let end = Instant::now() + LONG;
    while count() != before {
        assert!(Instant::now() < end, "{:?} {before:?}", count());
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
