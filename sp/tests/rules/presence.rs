use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ekuiper_sp::{Options, Presence, Pull, Push, Rep};

use crate::common::*;

type Seen = Arc<Mutex<Vec<(Option<u32>, Presence)>>>;

/// Returns options that record each peer that is reported.
fn watched() -> (Options, Seen) {
    let seen = Seen::default();
    let record = Arc::clone(&seen);
    let mut options = Options::default();
    options.on_peer = Some(Arc::new(move |peer, presence| {
        record.lock().unwrap().push((peer.pid, presence));
    }));
    (options, seen)
}

fn list(seen: &Seen) -> Vec<Presence> {
    seen.lock().unwrap().iter().map(|(_, what)| *what).collect()
}

#[test]
fn a_listener_reports_a_peer_before_its_first_message_and_after_its_last() {
    let place = Place::new();
    let (options, seen) = watched();
    let mut pull = Pull::listen(&place.url(), options).unwrap();
    let mut raw = place.dial_raw(PUSH);
    raw.write_all(&[frame(b"one"), frame(b"two")].concat())
        .unwrap();
    drop(raw);

    assert_eq!(pull.recv(LIMIT).unwrap(), b"one");
    assert_eq!(list(&seen), [Presence::Connected]);
    assert_eq!(pull.recv(LIMIT).unwrap(), b"two");
    eventually("the end", || {
        assert!(pull.recv(SHORT).is_err());
        list(&seen).len() > 1
    });

    assert_eq!(list(&seen), [Presence::Connected, Presence::Left]);
    assert_eq!(seen.lock().unwrap()[0].0, Some(std::process::id()));
}

#[test]
fn a_peer_with_a_wrong_greeting_is_not_reported() {
    let place = Place::new();
    let (options, seen) = watched();
    let mut pull = Pull::listen(&place.url(), options).unwrap();
    let mut raw = place.connect_raw();
    raw.write_all(b"GET / HT").unwrap();

    assert!(pull.recv(LIMIT).is_err());

    assert_eq!(list(&seen), []);
}

#[test]
fn dropping_the_socket_does_not_report_that_peers_left() {
    let place = Place::new();
    let (options, seen) = watched();
    let mut pull = Pull::listen(&place.url(), options).unwrap();
    let mut raw = place.dial_raw(PUSH);
    raw.write_all(&frame(b"one")).unwrap();
    assert_eq!(pull.recv(LIMIT).unwrap(), b"one");

    drop(pull);

    assert_eq!(list(&seen), [Presence::Connected]);
}

#[test]
fn a_dialer_reports_each_connection() {
    let place = Place::new();
    let (options, seen) = watched();
    let listener = place.listen_raw();
    let push = Push::dial(&place.url(), options).unwrap();
    let first = accept_raw(&listener, PULL);
    eventually("a connection", || list(&seen) == [Presence::Connected]);

    drop(first);
    let _second = accept_raw(&listener, PULL);

    eventually("another connection", || {
        list(&seen) == [Presence::Connected, Presence::Left, Presence::Connected]
    });
    drop(push);
    assert_eq!(list(&seen).len(), 3);
}

#[test]
fn the_first_connection_is_reported_before_connect_returns() {
    let place = Place::new();
    let (options, seen) = watched();
    let _pull = Pull::listen(&place.url(), Options::default()).unwrap();

    let _push = Push::connect(&place.url(), options, Duration::from_secs(10)).unwrap();

    assert_eq!(list(&seen), [Presence::Connected]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_inode_of_a_dialer_is_that_of_its_connection() {
    let place = Place::new();
    let push = dial(&place);
    assert_eq!(push.inode(), None);

    let _pull = Pull::listen(&place.url(), Options::default()).unwrap();
    eventually("a connection", || push.is_connected());

    let socket = format!("socket:[{}]", push.inode().unwrap());
    let mut files = std::fs::read_dir("/proc/self/fd").unwrap();
    assert!(
        files.any(|file| {
            std::fs::read_link(file.unwrap().path())
                .is_ok_and(|link| link.to_str() == Some(&socket))
        }),
        "{socket}"
    );
}

#[test]
fn the_id_of_the_last_request_is_kept_after_its_answer() {
    let place = Place::new();
    let mut rep = Rep::listen(&place.url(), Options::default()).unwrap();
    let mut raw = place.dial_raw(REQ);
    assert_eq!(rep.request_id(), None);

    raw.write_all(&frame(b"\x80\x01\x02\x03hi")).unwrap();
    assert_eq!(rep.recv(LIMIT).unwrap(), b"hi");
    assert_eq!(rep.request_id(), Some(0x8001_0203));
    rep.send(b"yes", LIMIT).unwrap();
    assert_eq!(rep.request_id(), Some(0x8001_0203));

    // A request that passed through a device has the device's id in front.
    raw.write_all(&frame(b"\x00\x00\x00\x07\x80\x00\x00\x04again"))
        .unwrap();
    assert_eq!(rep.recv(LIMIT).unwrap(), b"again");
    assert_eq!(rep.request_id(), Some(0x8000_0004));
}
