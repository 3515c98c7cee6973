use std::io::Write;
use std::thread;
use std::time::Duration;

use ekuiper_sp::{Error, Options, ProtocolError, Rep};

use crate::common::*;

fn listening(place: &Place) -> Rep {
    Rep::listen(&place.url(), Options::default()).unwrap()
}

#[test]
fn an_answer_carries_the_id_of_its_request() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(b"\x01\0\0\0\0\0\0\0\x0d\x80\0\0\x07handshake")
        .unwrap();

    assert_eq!(rep.recv(LIMIT).unwrap(), b"handshake");
    rep.send(b"ok", LIMIT).unwrap();

    assert_eq!(read(&mut raw, 15), b"\x01\0\0\0\0\0\0\0\x06\x80\0\0\x07ok");
}

#[test]
fn the_ids_of_devices_on_the_way_come_back_too() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\0\0\0\x05\x80\0\0\x07asked"))
        .unwrap();

    assert_eq!(rep.recv(LIMIT).unwrap(), b"asked");
    rep.send(b"", LIMIT).unwrap();

    assert_eq!(read_frame(&mut raw), b"\0\0\0\x05\x80\0\0\x07");
}

#[test]
fn the_peer_that_asked_is_answered() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut peers = [
        place.dial_raw(REQ),
        place.dial_raw(REQ),
        place.dial_raw(REQ),
    ];
    for (index, raw) in peers.iter_mut().enumerate() {
        raw.write_all(&frame(&[0x80, 0, 0, 1, index as u8]))
            .unwrap();
    }

    for _ in 0..3 {
        let asked = rep.recv(LIMIT).unwrap().to_vec();
        rep.send(&asked, LIMIT).unwrap();
    }

    for (index, raw) in peers.iter_mut().enumerate() {
        assert_eq!(read_frame(raw), [0x80, 0, 0, 1, index as u8]);
    }
}

#[test]
fn a_new_request_replaces_the_one_before_it() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01old")).unwrap();
    raw.write_all(&frame(b"\x80\0\0\x02new")).unwrap();

    assert_eq!(rep.recv(LIMIT).unwrap(), b"old");
    assert_eq!(rep.recv(LIMIT).unwrap(), b"new");
    rep.send(b"ok", LIMIT).unwrap();

    assert_eq!(read_frame(&mut raw), b"\x80\0\0\x02ok");
    assert!(matches!(rep.send(b"ok", LIMIT), Err(Error::WrongState)));
}

#[test]
fn a_wait_without_a_new_request_leaves_the_last_one_to_be_answered() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x07asked")).unwrap();
    assert_eq!(rep.recv(LIMIT).unwrap(), b"asked");

    let nothing = rep.recv(Some(Duration::from_millis(1))).map(drop);
    rep.send(b"ok", LIMIT).unwrap();

    assert!(matches!(nothing, Err(Error::TimedOut)));
    assert_eq!(read_frame(&mut raw), b"\x80\0\0\x07ok");
}

#[test]
fn an_answer_to_nothing_is_the_wrong_state() {
    let place = Place::new();
    let mut rep = listening(&place);

    let error = rep.send(b"ok", LIMIT).unwrap_err();

    assert_eq!(error.to_string(), "wrong state: no request is pending");
}

#[test]
fn a_peer_that_leaves_before_its_answer_is_told_at_the_answer() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(LIMIT).unwrap();
    drop(raw);

    assert!(matches!(rep.send(b"ok", LIMIT), Err(Error::Disconnected)));
    assert!(matches!(rep.recv(SHORT), Err(Error::TimedOut)), "told once");
}

#[test]
fn the_leaving_of_the_peer_that_was_heard_last_is_told_once() {
    let place = Place::new();
    let mut rep = listening(&place);
    let bystander = place.dial_raw(REQ);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(LIMIT).unwrap();

    drop(bystander);
    assert!(matches!(rep.recv(SHORT), Err(Error::TimedOut)));
    drop(raw);

    assert!(matches!(rep.recv(LIMIT), Err(Error::Disconnected)));
    assert!(matches!(rep.recv(SHORT), Err(Error::TimedOut)));
}

#[test]
fn a_wake_does_not_hide_that_the_peer_left() {
    let place = Place::new();
    let mut rep = listening(&place);

    // Often enough for both to be found by one poll.
    for _ in 0..100 {
        let mut raw = place.dial_raw(REQ);
        raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
        rep.recv(LIMIT).unwrap();
        let waker = rep.waker();
        let other = thread::spawn(move || {
            drop(raw);
            waker.wake();
        });

        let told = [rep.recv(LIMIT).map(|_| ()), rep.recv(LIMIT).map(|_| ())];

        assert!(
            matches!(
                told,
                [Err(Error::Woken), Err(Error::Disconnected)]
                    | [Err(Error::Disconnected), Err(Error::Woken)]
            ),
            "{told:?}"
        );
        other.join().unwrap();
    }
}

#[test]
fn a_peer_that_breaks_the_protocol_is_told_once() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(LIMIT).unwrap();
    raw.write_all(b"\x01\0\0").unwrap();
    drop(raw);

    let told = rep.recv(LIMIT).map(|_| ());

    assert!(
        matches!(
            told,
            Err(Error::Protocol(ProtocolError::Truncated { had: 3 }))
        ),
        "{told:?}"
    );
    assert!(matches!(rep.recv(SHORT), Err(Error::TimedOut)));
}

#[test]
fn a_waker_ends_a_wait_that_began_before_it() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(LIMIT).unwrap();
    rep.send(b"ok", LIMIT).unwrap();
    let waker = rep.waker();
    let other = thread::spawn(move || {
        read_frame(&mut raw);
        waker.wake();
        raw
    });

    // Straight after an answer, where the next request is expected.
    let outcome = rep.recv(None).map(|_| ());

    assert!(matches!(outcome, Err(Error::Woken)), "{outcome:?}");
    other.join().unwrap();
}

#[test]
fn a_wake_counts_for_the_next_wait_and_for_one_only() {
    let place = Place::new();
    let mut rep = listening(&place);
    let waker = rep.waker();

    waker.wake();
    waker.clone().wake();

    assert!(matches!(rep.recv(None), Err(Error::Woken)));
    assert!(matches!(rep.recv(SHORT), Err(Error::TimedOut)));
    waker.wake();
    assert!(matches!(rep.recv(None), Err(Error::Woken)));
}

#[test]
fn a_short_time_limit_holds_after_an_answer_too() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(Some(Duration::MAX)).unwrap();
    rep.send(b"ok", Some(Duration::MAX)).unwrap();

    assert!(matches!(
        rep.recv(Some(Duration::ZERO)),
        Err(Error::TimedOut)
    ));
    assert!(matches!(rep.recv(SHORT), Err(Error::TimedOut)));
}

#[test]
fn an_answer_that_is_not_read_ends_at_its_limit_and_the_connection_with_it() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(LIMIT).unwrap();

    let outcome = rep.send(&vec![7; 4 << 20], SHORT);

    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    assert!(is_closed(&mut raw), "half an answer has no other half");
    assert!(matches!(rep.send(b"x", LIMIT), Err(Error::WrongState)));
}

#[test]
fn a_second_peer_is_heard_while_the_first_talks() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut first = place.dial_raw(REQ);
    let talker = thread::spawn(move || {
        while first.write_all(&frame(b"\x80\0\0\x01first")).is_ok() {
            if std::io::Read::read(&mut first, &mut [0; 64]).unwrap_or(0) == 0 {
                break;
            }
        }
    });
    assert_eq!(rep.recv(LIMIT).unwrap(), b"first");
    rep.send(b"ok", LIMIT).unwrap();
    let mut second = place.dial_raw(REQ);
    second.write_all(&frame(b"\x80\0\0\x01second")).unwrap();

    while rep.recv(LIMIT).unwrap() != b"second" {
        rep.send(b"ok", LIMIT).unwrap();
    }

    drop(rep);
    talker.join().unwrap();
}

#[test]
fn a_stale_answer_carries_another_id_and_leaves_the_request_to_be_answered() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x07asked")).unwrap();

    assert_eq!(rep.recv(LIMIT).unwrap(), b"asked");
    rep.send_stale(b"stale", LIMIT).unwrap();
    rep.send(b"right", LIMIT).unwrap();

    assert_eq!(read_frame(&mut raw), b"\x80\0\0\x06stale");
    assert_eq!(read_frame(&mut raw), b"\x80\0\0\x07right");
}

#[test]
fn a_peer_that_is_disconnected_meets_the_end_and_may_come_again() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x07asked")).unwrap();
    assert_eq!(rep.recv(LIMIT).unwrap(), b"asked");

    rep.disconnect();
    let mut again = place.dial_raw(REQ);
    again.write_all(&frame(b"\x80\0\0\x08again")).unwrap();

    assert!(is_closed(&mut raw));
    assert!(matches!(rep.send(b"", LIMIT), Err(Error::WrongState)));
    assert_eq!(rep.recv(LIMIT).unwrap(), b"again");
}
