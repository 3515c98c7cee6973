use std::os::unix::net::{UnixListener, UnixStream};

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// Opens a listener in a new directory, with a time limit for greetings.
fn listening(greeting_limit: Duration) -> (tempfile::TempDir, Listener) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("ipc://{}/x", dir.path().display());
    let options = Options::default();
    let listener = Listener::open_with(&url, Protocol::Pull, &options, greeting_limit).unwrap();
    (dir, listener)
}

/// Waits until `holds` returns true for the arrivals.
fn eventually(listener: &Listener, mut holds: impl FnMut(&[Arrival]) -> bool) {
    let end = Instant::now() + LONG;
    while !holds(&lock(&listener.inbox.arrivals)) {
        assert!(Instant::now() < end);
        thread::sleep(Duration::from_millis(1));
    }
}

fn greeted(listener: &Listener) -> UnixStream {
    let mut stream = UnixStream::connect(listener.path()).unwrap();
    io::Write::write_all(&mut stream, &Protocol::Push.greeting()).unwrap();
    stream
}

fn is_silent(arrival: &Arrival) -> bool {
    matches!(arrival, Err(ProtocolError::GreetingTimedOut))
}

#[test]
fn a_silent_peer_is_closed_after_the_time_limit() {
    let (_dir, listener) = listening(Duration::from_millis(20));
    let mut silent = UnixStream::connect(listener.path()).unwrap();

    eventually(&listener, |arrivals| arrivals.iter().any(is_silent));

    silent.set_read_timeout(Some(LONG)).unwrap();
    let mut received = Vec::new();
    io::Read::read_to_end(&mut silent, &mut received).unwrap();
    assert_eq!(received, Protocol::Pull.greeting());
}

#[test]
fn the_oldest_silent_peers_are_closed_to_make_room_for_new_ones() {
    let (_dir, listener) = listening(LONG);
    let _silent: Vec<_> = (0..MOST_GREETINGS + 3)
        .map(|_| UnixStream::connect(listener.path()).unwrap())
        .collect();

    let _honest = greeted(&listener);

    eventually(&listener, |arrivals| arrivals.iter().any(Result::is_ok));
    eventually(&listener, |arrivals| {
        arrivals.iter().filter(|arrival| is_silent(arrival)).count() >= 3
    });
}

#[test]
fn peers_stay_in_the_backlog_while_the_caller_does_not_receive() {
    let (_dir, listener) = listening(LONG);
    let _first: Vec<_> = (0..MOST_ARRIVALS).map(|_| greeted(&listener)).collect();
    eventually(&listener, |arrivals| arrivals.len() == MOST_ARRIVALS);

    let _more: Vec<_> = (0..5).map(|_| greeted(&listener)).collect();
    thread::sleep(Duration::from_millis(20));
    let taken = listener.take_arrivals().len();

    assert!(taken <= MOST_ARRIVALS + 1, "{taken}");
    eventually(&listener, |arrivals| {
        arrivals.len() + taken == MOST_ARRIVALS + 5
    });
}

#[test]
fn the_number_of_kept_failures_is_bounded() {
    let (_dir, listener) = listening(LONG);

    let _wrong: Vec<_> = (0..2 * KEPT_FAILURES)
        .map(|_| {
            let mut stream = UnixStream::connect(listener.path()).unwrap();
            io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\n").unwrap();
            stream
        })
        .collect();
    let _last = greeted(&listener);

    eventually(&listener, |arrivals| arrivals.iter().any(Result::is_ok));
    let failures = listener
        .take_arrivals()
        .iter()
        .filter(|one| one.is_err())
        .count();
    assert_eq!(failures, KEPT_FAILURES);
}

#[test]
fn only_addresses_in_one_directory_wait_for_each_other() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];

    let first = take_turn(&dirs[0].path().join("x"));
    let other = take_turn(&dirs[1].path().join("x"));
    let same = take_turn(&dirs[0].path().join("y"));
    let relative = take_turn(Path::new("x"));

    assert!(first.is_some());
    assert!(other.is_some());
    assert!(same.is_none());
    assert!(relative.is_some());
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_listens_is_known_without_a_connection() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("x"), dir.path().join("y"));

    let listener = UnixListener::bind(&path).unwrap();

    assert!(is_listed(&path));
    assert!(!is_listed(&other));
    drop(listener);
    assert!(!is_listed(&path));
}

#[test]
fn a_peer_counts_as_greeting_until_it_is_taken() {
    let (_dir, listener) = listening(LONG);
    assert!(!listener.is_greeting());

    let mut peer = UnixStream::connect(listener.path()).unwrap();
    io::Read::read_exact(&mut peer, &mut [0; 8]).unwrap();
    assert!(listener.is_greeting());
    io::Write::write_all(&mut peer, &Protocol::Push.greeting()).unwrap();
    eventually(&listener, |arrivals| arrivals.iter().any(Result::is_ok));
    assert!(listener.is_greeting());
    assert_eq!(listener.take_arrivals().len(), 1);

    let end = Instant::now() + LONG;
    while listener.is_greeting() {
        assert!(Instant::now() < end);
        thread::sleep(Duration::from_millis(1));
    }
}
