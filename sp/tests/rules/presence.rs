use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ekuiper_sp::{Options, Presence, Pull, Push, Rep};

use crate::common::*;

type Seen = Arc<Mutex<Vec<(Option<u32>, Presence)>>>;

fn watched() -> (Options, Seen) {
    let seen = Seen::default();
    let told = Arc::clone(&seen);
    let mut options = Options::default();
    options.on_peer = Some(Arc::new(move |peer, presence| {
        told.lock().unwrap().push((peer.pid, presence));
    }));
    (options, seen)
}

fn list(seen: &Seen) -> Vec<Presence> {
    seen.lock().unwrap().iter().map(|(_, what)| *what).collect()
}

#[test]
fn a_listener_tells_of_a_peer_before_its_first_message_and_after_its_last() {
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
    assert!(pull.recv(SHORT).is_err());

    assert_eq!(list(&seen), [Presence::Connected, Presence::Left]);
    assert_eq!(seen.lock().unwrap()[0].0, Some(std::process::id()));
}

#[test]
fn one_that_greets_wrongly_is_never_told_of() {
    let place = Place::new();
    let (options, seen) = watched();
    let mut pull = Pull::listen(&place.url(), options).unwrap();
    let mut raw = place.connect_raw();
    raw.write_all(b"GET / HT").unwrap();

    assert!(pull.recv(LIMIT).is_err());

    assert_eq!(list(&seen), []);
}

#[test]
fn closing_a_socket_is_not_a_peers_leaving() {
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
fn a_dialer_tells_of_each_connection() {
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
fn a_first_connection_is_told_before_connect_returns() {
    let place = Place::new();
    let (options, seen) = watched();
    let _pull = Pull::listen(&place.url(), Options::default()).unwrap();

    let _push = Push::connect(&place.url(), options, Duration::from_secs(10)).unwrap();

    assert_eq!(list(&seen), [Presence::Connected]);
}

#[test]
fn a_requests_id_is_known_until_the_next_one_comes() {
    let place = Place::new();
    let mut rep = Rep::listen(&place.url(), Options::default()).unwrap();
    let mut raw = place.dial_raw(REQ);
    assert_eq!(rep.request_id(), None);

    raw.write_all(&frame(b"\x80\x01\x02\x03hi")).unwrap();
    assert_eq!(rep.recv(LIMIT).unwrap(), b"hi");
    assert_eq!(rep.request_id(), Some(0x8001_0203));
    rep.send(b"yes", LIMIT).unwrap();
    assert_eq!(rep.request_id(), Some(0x8001_0203));

    // One that came through a device has that one's id in front.
    raw.write_all(&frame(b"\x00\x00\x00\x07\x80\x00\x00\x04again"))
        .unwrap();
    assert_eq!(rep.recv(LIMIT).unwrap(), b"again");
    assert_eq!(rep.request_id(), Some(0x8000_0004));
}
