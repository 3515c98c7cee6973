use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Options, ProtocolError, Pull};

use crate::common::*;

fn listening(place: &Place) -> Pull {
    Pull::listen(&place.url(), Options::default()).unwrap()
}

#[test]
fn the_rows_of_a_peer_that_left_are_received_without_an_error() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut raw = place.dial_raw(PUSH);
    raw.write_all(&[frame(b"one"), frame(b""), frame(b"three")].concat())
        .unwrap();
    drop(raw);

    assert_eq!(pull.recv(LIMIT).unwrap(), b"one");
    assert!(pull.has_buffered());
    assert_eq!(pull.recv(LIMIT).unwrap(), b"");
    assert_eq!(pull.recv(LIMIT).unwrap(), b"three");
    assert!(!pull.has_buffered());
    assert!(matches!(pull.recv(SHORT), Err(Error::TimedOut)));
}

#[test]
fn rows_are_left_in_the_buffer_of_the_caller_whatever_it_held() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut raw = place.dial_raw(PUSH);
    let long = vec![7; 100_000];
    let writer = thread::spawn(move || {
        raw.write_all(&frame(b"one")).unwrap();
        for _ in 0..3 {
            raw.write_all(b"\x01\0\0\0\0\0\x01\x86\xa0").unwrap();
            raw.write_all(&[7; 100_000]).unwrap();
        }
        raw.write_all(&frame(b"")).unwrap();
    });

    let mut buffer = b"old".to_vec();
    for expected in [&b"one"[..], &long, &long, &long, b""] {
        let range = pull.recv_into(&mut buffer, LIMIT).unwrap();
        assert!(buffer[range] == *expected);
    }
    buffer = b"old".to_vec();
    let late = pull.recv_into(&mut buffer, Some(Duration::ZERO));

    // Nothing more comes, or the writer has left.
    assert!(matches!(late, Err(Error::TimedOut)), "{late:?}");
    assert_eq!(buffer, b"old");
    writer.join().unwrap();
}

#[test]
fn an_incomplete_row_is_an_error() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut raw = place.dial_raw(PUSH);
    raw.write_all(b"\x01\0\0\0\0\0\0\0\x03ro").unwrap();
    drop(raw);

    let outcome = pull.recv(LIMIT).map(<[u8]>::to_vec);

    assert!(
        matches!(
            outcome,
            Err(Error::Protocol(ProtocolError::Truncated { had: 11 }))
        ),
        "{outcome:?}"
    );
}

#[test]
fn the_bytes_that_wait_are_counted_until_they_are_received() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut raw = place.dial_raw(PUSH);
    assert_eq!(pull.waiting(), 0);

    raw.write_all(&frame(b"row")).unwrap();
    // The connection is accepted on another thread.
    let limit = Instant::now() + Duration::from_secs(10);
    while pull.waiting() < 12 && Instant::now() < limit {
        thread::yield_now();
    }

    assert_eq!(pull.waiting(), 12);
    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
    assert_eq!(pull.waiting(), 0);
}

#[test]
fn the_bytes_of_an_incomplete_row_are_counted() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut raw = place.dial_raw(PUSH);
    assert_eq!(pull.incomplete(), 0);

    raw.write_all(b"\x01\0\0\0\0\0\0\0\x03ro").unwrap();
    eventually("it is read", || {
        pull.recv(Some(Duration::ZERO)).is_err() && pull.incomplete() > 0
    });

    assert_eq!(pull.incomplete(), 11);
    raw.write_all(b"w").unwrap();
    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
    assert_eq!(pull.incomplete(), 0);
}

#[test]
fn peers_are_served_in_turn() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut peers = [
        place.dial_raw(PUSH),
        place.dial_raw(PUSH),
        place.dial_raw(PUSH),
    ];
    for (name, raw) in peers.iter_mut().enumerate() {
        raw.write_all(&frame(&[name as u8]).repeat(100)).unwrap();
    }
    // Once this peer is greeted, the others have been handed over.
    let _last = place.dial_raw(PUSH);

    let rows: Vec<u8> = (0..240).map(|_| pull.recv(LIMIT).unwrap()[0]).collect();

    for turn in rows[150..180].chunks(3) {
        let mut names = turn.to_vec();
        names.sort();
        assert_eq!(names, [0, 1, 2], "{rows:?}");
    }
}

#[test]
fn the_turns_of_the_others_stay_when_a_peer_breaks_the_protocol() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut peers: Vec<_> = (0..4).map(|_| place.dial_raw(PUSH)).collect();
    for (name, raw) in peers.iter_mut().enumerate() {
        let second = match name {
            0 => b"\x07".to_vec(),
            _ => frame(&[name as u8, 2]),
        };
        raw.write_all(&[frame(&[name as u8, 1]), second].concat())
            .unwrap();
    }
    // Once this peer is greeted, the others have been handed over.
    let _last = place.dial_raw(PUSH);

    let received: Vec<_> = (0..8)
        .map(|_| pull.recv(LIMIT).map(<[u8]>::to_vec))
        .collect();

    let (rows, errors): (Vec<_>, Vec<_>) = received.into_iter().partition(Result::is_ok);
    let rows: Vec<_> = rows.into_iter().map(Result::unwrap).collect();
    assert_eq!(rows[..4], [[0, 1], [1, 1], [2, 1], [3, 1]]);
    assert_eq!(rows[4..], [[1, 2], [2, 2], [3, 2]]);
    assert_eq!(errors.len(), 1);
}

#[test]
fn the_turn_of_a_peer_that_breaks_the_protocol_goes_to_the_next_one() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut peers = [(); 3].map(|()| place.dial_raw(PUSH));
    let sent = [
        [frame(b"one"), frame(b"three")].concat(),
        b"\x07".to_vec(),
        frame(b"two"),
    ];
    for (raw, bytes) in peers.iter_mut().zip(sent) {
        raw.write_all(&bytes).unwrap();
    }
    // Once this peer is greeted, the others have been handed over.
    let _last = place.dial_raw(PUSH);

    let rows: Vec<_> = (0..4)
        .filter_map(|_| pull.recv(LIMIT).map(<[u8]>::to_vec).ok())
        .collect();

    assert_eq!(rows, [&b"one"[..], b"two", b"three"]);
}

#[test]
fn a_new_peer_is_served_while_another_floods() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut flooder = place.dial_raw(PUSH);
    // Each read fills its buffer, so there is always more to read at once.
    let flood = frame(&[7; 60]).repeat(10_000);
    let flooder = thread::spawn(move || while flooder.write_all(&flood).is_ok() {});
    for _ in 0..50_000 {
        pull.recv(LIMIT).unwrap();
    }

    let mut raw = place.connect_raw();
    raw.write_all(PUSH).unwrap();
    raw.write_all(&frame(b"heard")).unwrap();
    let end = Instant::now() + LONG;
    while pull.recv(LIMIT).unwrap() != b"heard" {
        assert!(Instant::now() < end);
    }

    drop(pull);
    flooder.join().unwrap();
}

#[test]
fn a_waker_ends_a_wait_and_is_reported_before_rows() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut raw = place.dial_raw(PUSH);
    raw.write_all(&frame(b"row")).unwrap();
    let waker = pull.waker();
    waker.wake();

    assert!(matches!(pull.recv(LIMIT), Err(Error::Woken)));
    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
    let other = thread::spawn(move || waker.wake());
    assert!(matches!(pull.recv(None), Err(Error::Woken)));
    other.join().unwrap();
}

#[test]
fn a_waker_is_reported_before_rows_that_are_buffered() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut raw = place.dial_raw(PUSH);
    raw.write_all(&frame(b"row").repeat(2)).unwrap();
    pull.recv(LIMIT).unwrap();
    assert!(pull.has_buffered());

    pull.waker().wake();

    assert!(matches!(pull.recv(LIMIT), Err(Error::Woken)));
    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
}

#[test]
fn a_time_limit_is_kept_after_a_row_that_had_to_be_awaited() {
    const FAR: Duration = Duration::from_millis(100);
    let place = Place::new();
    let mut pull = listening(&place);
    let mut raw = place.dial_raw(PUSH);
    raw.write_all(&frame(b"row")).unwrap();
    pull.recv(LIMIT).unwrap();
    let start = Instant::now();

    let nothing = pull.recv(Some(FAR)).map(<[u8]>::len);

    assert!(matches!(nothing, Err(Error::TimedOut)), "{nothing:?}");
    assert!(start.elapsed() >= FAR);
}

#[test]
fn a_part_of_a_row_does_not_extend_the_wait() {
    let place = Place::new();
    let mut pull = listening(&place);
    let mut raw = place.dial_raw(PUSH);
    let trickle = thread::spawn(move || {
        raw.write_all(b"\x01\0\0\0\x01\0\0\0\0").unwrap();
        while raw.write_all(&[7]).is_ok() {}
    });

    let outcome = pull.recv(SHORT).map(<[u8]>::len);

    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    drop(pull);
    trickle.join().unwrap();
}

#[test]
fn the_shortest_and_the_longest_time_limit_are_accepted() {
    let place = Place::new();
    let mut pull = listening(&place);
    assert!(matches!(
        pull.recv(Some(Duration::ZERO)),
        Err(Error::TimedOut)
    ));
    let mut raw = place.dial_raw(PUSH);
    raw.write_all(&frame(b"row")).unwrap();

    assert_eq!(pull.recv(Some(Duration::MAX)).unwrap(), b"row");
}

#[test]
fn a_zero_time_limit_is_enough_for_a_peer_that_has_just_connected() {
    let place = Place::new();
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();
    let mut first = place.dial_raw(PUSH);
    first.write_all(&frame(b"row")).unwrap();
    // Once the second peer is greeted, the first one has been handed over.
    let _second = place.dial_raw(PUSH);

    let row = pull.recv(Some(Duration::ZERO));

    assert_eq!(row.unwrap(), b"row");
}
