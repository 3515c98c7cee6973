use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Options, Rep, Req};

use crate::common::*;

/// Connects a REQ socket to a raw peer.
fn connected(
    place: &Place,
) -> (
    Req,
    std::os::unix::net::UnixListener,
    std::os::unix::net::UnixStream,
) {
    let listener = place.listen_raw();
    let mut req = Req::dial(&place.url(), Options::default()).unwrap();
    let raw = accept_raw(&listener, REP);
    req.wait_connected(LIMIT).unwrap();
    (req, listener, raw)
}

/// Returns the frame of a reply to `request`, which is the body of a request's
/// frame.
fn reply(request: &[u8], body: &[u8]) -> Vec<u8> {
    frame(&[&request[..4], body].concat())
}

#[test]
fn a_request_is_one_frame_of_its_id_and_its_body() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut req = Req::dial(&place.url(), Options::default()).unwrap();
    let mut raw = listener.accept().unwrap().0;
    raw.write_all(b"\0SP\0\0\x31\0\0").unwrap();
    req.wait_connected(LIMIT).unwrap();

    req.send(b"handshake").unwrap();

    assert_eq!(read(&mut raw, 8), b"\0SP\0\0\x30\0\0");
    assert_eq!(read(&mut raw, 9), b"\x01\0\0\0\0\0\0\0\x0d");
    assert!(read(&mut raw, 4)[0] & 0x80 != 0);
    assert_eq!(read(&mut raw, 9), b"handshake");
}

#[test]
fn ids_have_the_high_bit_and_grow_by_one() {
    let place = Place::new();
    let (mut req, _listener, mut raw) = connected(&place);

    let ids: Vec<u32> = (0..3)
        .map(|_| {
            req.send(b"").unwrap();
            u32::from_be_bytes(read_frame(&mut raw).try_into().unwrap())
        })
        .collect();

    assert!(ids.iter().all(|id| id >> 31 == 1), "{ids:x?}");
    assert_eq!(ids[1], ids[0].wrapping_add(1) | 0x8000_0000);
    assert_eq!(ids[2], ids[1].wrapping_add(1) | 0x8000_0000);
}

#[test]
fn a_reply_with_another_id_is_dropped() {
    let place = Place::new();
    let (mut req, _listener, mut raw) = connected(&place);
    req.send(b"asked").unwrap();
    let request = read_frame(&mut raw);

    raw.write_all(&frame(b"\x80\x00\x00\x00foreign")).unwrap();
    raw.write_all(&reply(&request, b"right")).unwrap();

    assert_eq!(req.recv(LIMIT).unwrap(), b"right");
}

#[test]
fn the_reply_to_an_earlier_request_is_dropped() {
    let place = Place::new();
    let (mut req, _listener, mut raw) = connected(&place);
    req.send(b"first").unwrap();
    let first = read_frame(&mut raw);
    req.send(b"second").unwrap();
    let second = read_frame(&mut raw);

    raw.write_all(&reply(&first, b"late")).unwrap();
    raw.write_all(&reply(&second, b"")).unwrap();

    assert_eq!(req.recv(LIMIT).unwrap(), b"");
    assert!(matches!(req.recv(SHORT), Err(Error::WrongState)));
}

#[test]
fn waiting_for_a_reply_without_a_request_is_a_wrong_state() {
    let place = Place::new();
    let (mut req, _listener, _raw) = connected(&place);

    assert!(matches!(req.recv(LIMIT), Err(Error::WrongState)));
}

#[test]
fn a_reply_can_be_received_after_a_wait_that_timed_out() {
    let place = Place::new();
    let (mut req, _listener, mut raw) = connected(&place);
    req.send(b"asked").unwrap();
    let request = read_frame(&mut raw);
    let start = Instant::now();

    assert!(matches!(req.recv(SHORT), Err(Error::TimedOut)));
    assert!(start.elapsed() >= SHORT.unwrap());
    for none in [Duration::ZERO, Duration::from_nanos(1)] {
        assert!(matches!(req.recv(Some(none)), Err(Error::TimedOut)));
    }
    raw.write_all(&reply(&request, b"late")).unwrap();
    assert_eq!(req.recv(Some(Duration::MAX)).unwrap(), b"late");
}

#[test]
fn other_replies_do_not_extend_the_wait() {
    let place = Place::new();
    let (mut req, _listener, mut raw) = connected(&place);
    req.send(b"asked").unwrap();
    let flood = frame(b"\x80\x00\x00\x00foreign").repeat(2000);
    let flooder = thread::spawn(move || while raw.write_all(&flood).is_ok() {});

    let outcome = req.recv(SHORT).map(<[u8]>::len);

    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    drop(req);
    flooder.join().unwrap();
}

#[test]
fn a_peer_that_listens_later_is_found() {
    let place = Place::new();
    let mut req = Req::dial(&place.url(), Options::default()).unwrap();

    let early = req.wait_connected(SHORT).unwrap_err();
    let mut rep = Rep::listen(&place.url(), Options::default()).unwrap();
    req.wait_connected(LIMIT).unwrap();
    req.send(b"handshake").unwrap();

    assert!(
        early.to_string().contains("cannot reach a peer at") && early.to_string().contains("x.ipc"),
        "{early}"
    );
    assert_eq!(rep.recv(LIMIT).unwrap(), b"handshake");
}

#[test]
fn a_request_does_not_move_to_the_next_connection() {
    let place = Place::new();
    let (mut req, listener, mut raw) = connected(&place);
    req.send(b"lost").unwrap();
    read_frame(&mut raw);
    drop(raw);

    assert!(matches!(req.recv(LIMIT), Err(Error::Disconnected)));
    assert!(matches!(req.send(b"an answer"), Err(Error::Disconnected)));
    assert!(matches!(req.recv(LIMIT), Err(Error::Disconnected)));
    let mut raw = accept_raw(&listener, REP);
    req.wait_connected(LIMIT).unwrap();
    assert!(matches!(req.recv(SHORT), Err(Error::WrongState)));
    req.send(b"handshake").unwrap();

    assert_eq!(read_frame(&mut raw)[4..], *b"handshake");
}

#[test]
fn a_connection_that_ends_before_it_is_taken_fails_at_the_first_use() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut req = Req::dial(&place.url(), Options::default()).unwrap();
    drop(accept_raw(&listener, REP));

    req.wait_connected(LIMIT).unwrap();
    let lost = req.send(b"handshake");
    let mut raw = accept_raw(&listener, REP);
    req.wait_connected(LIMIT).unwrap();
    req.send(b"handshake").unwrap();

    assert!(matches!(lost, Err(Error::Disconnected)));
    assert_eq!(read_frame(&mut raw)[4..], *b"handshake");
}

#[test]
fn a_peer_that_closes_every_connection_is_not_dialed_in_a_tight_loop() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut req = Req::dial(&place.url(), Options::default()).unwrap();
    let start = Instant::now();

    for _ in 0..5 {
        drop(accept_raw(&listener, REP));
        req.wait_connected(LIMIT).unwrap();
        assert!(matches!(req.send(b"x"), Err(Error::Disconnected)));
    }

    // Pauses of 10, 20, 40 and 80 ms, each shortened by at most a quarter.
    assert!(start.elapsed() >= Duration::from_millis(112));
}

#[test]
fn closing_ends_a_wait_for_a_reply() {
    let place = Place::new();
    let (mut req, _listener, mut raw) = connected(&place);
    req.send(b"asked").unwrap();
    let closer = req.closer();
    let other = thread::spawn(move || {
        read_frame(&mut raw);
        closer.close();
        raw
    });

    let outcome = req.recv(None).map(<[u8]>::len);

    assert!(matches!(outcome, Err(Error::Closed)), "{outcome:?}");
    other.join().unwrap();
}

#[test]
fn closing_ends_a_wait_for_a_connection() {
    let place = Place::new();
    let mut req = Req::dial(&place.url(), Options::default()).unwrap();
    let closer = req.closer();
    let other = thread::spawn(move || closer.close());

    assert!(matches!(req.wait_connected(None), Err(Error::Closed)));
    other.join().unwrap();
}

#[test]
fn closing_ends_a_send_that_the_peer_does_not_read() {
    let place = Place::new();
    let (mut req, _listener, mut raw) = connected(&place);
    let closer = req.closer();
    let other = thread::spawn(move || {
        read(&mut raw, 100); // the send has begun
        closer.close();
        raw
    });

    let outcome = req.send(&vec![7; 16 << 20]);

    assert!(matches!(outcome, Err(Error::Closed)), "{outcome:?}");
    other.join().unwrap();
}

#[test]
fn a_closed_socket_does_not_return_a_reply_that_has_arrived() {
    let place = Place::new();
    let (mut req, _listener, mut raw) = connected(&place);
    req.send(b"asked").unwrap();
    let request = read_frame(&mut raw);
    raw.write_all(&reply(&request, b"too late")).unwrap();

    req.closer().close();

    assert!(matches!(req.recv(LIMIT), Err(Error::Closed)));
    assert!(matches!(req.send(b"x"), Err(Error::Closed)));
    assert!(matches!(req.wait_connected(LIMIT), Err(Error::Closed)));
}

#[test]
fn messages_of_any_length_arrive_unchanged() {
    let place = Place::new();
    let mut rep = Rep::listen(&place.url(), Options::default()).unwrap();
    let mut req = Req::dial(&place.url(), Options::default()).unwrap();
    req.wait_connected(LIMIT).unwrap();

    for length in [0, 1, 115, 116, 2035, 2036, 65_536, 3 << 20] {
        let body: Vec<u8> = (0..length).map(|at| at as u8).collect();
        thread::scope(|scope| {
            scope.spawn(|| {
                let asked = rep.recv(LIMIT).unwrap().to_vec();
                rep.send(&asked, LIMIT).unwrap();
            });
            req.send(&body).unwrap();
            assert_eq!(req.recv(LIMIT).unwrap(), body);
        });
    }
}
