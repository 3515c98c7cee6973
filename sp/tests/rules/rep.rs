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
fn an_answer_carries_the_ids_of_devices_too() {
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
fn each_answer_goes_to_the_peer_that_asked() {
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
fn a_request_can_still_be_answered_after_a_wait_that_timed_out() {
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
fn an_answer_without_a_request_is_a_wrong_state() {
    let place = Place::new();
    let mut rep = listening(&place);

    let error = rep.send(b"ok", LIMIT).unwrap_err();

    assert_eq!(error.to_string(), "wrong state: no request is pending");
}

#[test]
fn the_answer_to_a_peer_that_left_fails_and_recv_does_not_report_it_again() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(LIMIT).unwrap();
    drop(raw);

    assert!(matches!(rep.send(b"ok", LIMIT), Err(Error::Disconnected)));
    assert!(matches!(rep.recv(SHORT), Err(Error::TimedOut)));
}

#[test]
fn only_the_peer_of_the_last_request_is_reported_when_it_leaves() {
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
fn the_peer_of_the_last_request_is_reported_after_another_broke_the_protocol() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(LIMIT).unwrap();

    place.dial_raw(REQ).write_all(&frame(b"no id")).unwrap();
    let broke = rep.recv(LIMIT).map(|_| ());
    drop(raw);
    let left = rep.recv(LIMIT).map(|_| ());

    assert!(
        matches!(broke, Err(Error::Protocol(ProtocolError::NoId { .. }))),
        "{broke:?}"
    );
    assert!(matches!(left, Err(Error::Disconnected)), "{left:?}");
}

#[test]
fn a_wake_and_a_peer_that_left_are_both_reported() {
    let place = Place::new();
    let mut rep = listening(&place);

    // Often enough that one poll finds both in some rounds.
    for _ in 0..100 {
        let mut raw = place.dial_raw(REQ);
        raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
        rep.recv(LIMIT).unwrap();
        let waker = rep.waker();
        let other = thread::spawn(move || {
            drop(raw);
            waker.wake();
        });

        let reported = [rep.recv(LIMIT).map(|_| ()), rep.recv(LIMIT).map(|_| ())];

        assert!(
            matches!(
                reported,
                [Err(Error::Woken), Err(Error::Disconnected)]
                    | [Err(Error::Disconnected), Err(Error::Woken)]
            ),
            "{reported:?}"
        );
        other.join().unwrap();
    }
}

#[test]
fn a_peer_that_breaks_the_protocol_is_reported_once() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(LIMIT).unwrap();
    raw.write_all(b"\x01\0\0").unwrap();
    drop(raw);

    let outcome = rep.recv(LIMIT).map(|_| ());

    assert!(
        matches!(
            outcome,
            Err(Error::Protocol(ProtocolError::Truncated { had: 3 }))
        ),
        "{outcome:?}"
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

    // Directly after an answer `recv` reads without polling first.
    let outcome = rep.recv(None).map(|_| ());

    assert!(matches!(outcome, Err(Error::Woken)), "{outcome:?}");
    other.join().unwrap();
}

#[test]
fn a_wake_before_the_wait_ends_one_wait() {
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
fn a_short_time_limit_is_kept_after_an_answer() {
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
fn an_answer_that_times_out_half_written_closes_the_connection() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
    rep.recv(LIMIT).unwrap();

    let outcome = rep.send(&vec![7; 4 << 20], SHORT);

    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    assert!(is_closed(&mut raw));
    assert!(matches!(rep.send(b"x", LIMIT), Err(Error::WrongState)));
}

#[test]
fn an_answer_that_times_out_before_its_first_byte_can_be_sent_again() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    let mut answered = 0;

    // Short answers are written as a whole, so the connection is full between two.
    loop {
        raw.write_all(&frame(b"\x80\0\0\x01asked")).unwrap();
        rep.recv(LIMIT).unwrap();
        match rep.send(b"answered", NEVER) {
            Ok(()) => answered += 1,
            Err(error) => {
                assert!(matches!(error, Error::TimedOut), "{error}");
                break;
            }
        }
    }
    for _ in 0..answered {
        assert_eq!(read_frame(&mut raw), b"\x80\0\0\x01answered");
    }

    rep.send(b"at last", LIMIT).unwrap();

    assert_eq!(read_frame(&mut raw), b"\x80\0\0\x01at last");
    assert!(matches!(rep.send(b"", LIMIT), Err(Error::WrongState)));
}

#[test]
fn a_second_peer_is_served_while_the_first_keeps_asking() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut first = place.dial_raw(REQ);
    let asker = thread::spawn(move || {
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
    asker.join().unwrap();
}

#[test]
fn a_stale_answer_has_an_earlier_id_and_the_request_can_still_be_answered() {
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
fn a_stale_answer_to_a_peer_that_has_left_is_refused_once_and_the_next_request_is_awaited() {
    let place = Place::new();
    let mut rep = listening(&place);
    let mut raw = place.dial_raw(REQ);
    raw.write_all(&frame(b"\x80\0\0\x07asked")).unwrap();
    assert_eq!(rep.recv(LIMIT).unwrap(), b"asked");
    drop(raw);
    assert!(matches!(rep.recv(LIMIT), Err(Error::Disconnected)));

    let left = rep.send_stale(b"stale", LIMIT);
    let again = rep.send_stale(b"stale", LIMIT);

    assert!(matches!(left, Err(Error::Disconnected)), "{left:?}");
    assert!(matches!(again, Err(Error::WrongState)), "{again:?}");
}

#[test]
fn a_disconnected_peer_sees_its_connection_closed_and_may_connect_again() {
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
