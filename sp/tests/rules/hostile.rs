use std::io::Write;
use std::os::unix::net::UnixStream;

use ekuiper_sp::{Error, Options, ProtocolError, Pull, Rep, Req};

use crate::common::*;

/// Sends bytes to a PULL after a correct greeting. Returns the message or the
/// protocol error that the PULL received.
fn pull_on(bytes: &[u8], max_message: Option<u64>) -> Result<Vec<u8>, ProtocolError> {
    let place = Place::new();
    let mut options = Options::default();
    options.max_message = max_message;
    let mut pull = Pull::listen(&place.url(), options).unwrap();
    let mut honest = place.dial_raw(PUSH);
    let mut raw = place.dial_raw(PUSH);

    raw.write_all(bytes).unwrap();
    let outcome = match pull.recv(LIMIT) {
        Ok(row) => return Ok(row.to_vec()),
        Err(Error::Protocol(error)) => error,
        Err(error) => panic!("{error}"),
    };

    assert!(is_closed(&mut raw), "{outcome}");
    honest.write_all(&frame(b"row")).unwrap();
    assert_eq!(
        pull.recv(LIMIT).unwrap(),
        b"row",
        "the other peers are still served"
    );
    Err(outcome)
}

#[test]
fn an_unknown_frame_closes_only_its_connection() {
    assert_eq!(
        pull_on(b"\x00\0\0\0\0\0\0\0\x01x", None),
        Err(ProtocolError::UnknownFrame { kind: 0 })
    );
}

#[test]
fn a_length_above_the_limit_closes_only_its_connection() {
    assert_eq!(pull_on(&frame(b"four"), Some(4)), Ok(b"four".to_vec()));
    assert_eq!(
        pull_on(b"\x01\0\0\0\0\0\0\0\x05", Some(4)),
        Err(ProtocolError::TooLong {
            length: 5,
            limit: 4
        })
    );
}

#[test]
fn an_impossible_length_closes_only_its_connection() {
    let outcome = pull_on(b"\x01\xff\xff\xff\xff\xff\xff\xff\xff", None);

    assert!(
        matches!(outcome, Err(ProtocolError::TooLong { length, .. }) if length == u64::MAX),
        "{outcome:?}"
    );
}

#[test]
fn the_length_limit_includes_the_id() {
    let place = Place::new();
    let mut options = Options::default();
    options.max_message = Some(8);
    let mut rep = Rep::listen(&place.url(), options).unwrap();
    let mut raw = place.dial_raw(REQ);

    raw.write_all(&frame(b"\x80\0\0\x01four")).unwrap();
    assert_eq!(rep.recv(LIMIT).unwrap(), b"four");
    raw.write_all(&frame(b"\x80\0\0\x01fives")).unwrap();

    assert_eq!(
        rep.recv(LIMIT).unwrap_err().to_string(),
        "a frame of 9 bytes exceeds the limit of 8 bytes"
    );
}

/// Sends `bytes` to a PULL as the greeting. Returns the text of its error.
fn pull_greeted_with(bytes: &[u8]) -> String {
    let place = Place::new();
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();
    let mut raw = place.connect_raw();

    raw.write_all(bytes).unwrap();
    let error = pull.recv(LIMIT).unwrap_err();

    assert!(is_closed(&mut raw));
    error.to_string()
}

#[test]
fn the_error_for_a_wrong_greeting_names_what_was_received() {
    assert_eq!(
        pull_greeted_with(b"GET / HTTP/1.1\r\n\r\n"),
        "the peer sent 474554202f204854 instead of a Scalability Protocols greeting"
    );
    assert_eq!(
        pull_greeted_with(b"\0SP\0\0\x21\0\0"),
        "the peer speaks SUB, expected PUSH"
    );
    assert_eq!(
        pull_greeted_with(b"\0SP\0\x12\x34\0\0"),
        "the peer speaks protocol 0x1234, expected PUSH"
    );
}

#[test]
fn a_greeting_may_arrive_byte_by_byte_and_be_followed_by_a_frame() {
    let place = Place::new();
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();
    let mut raw = place.connect_raw();

    for byte in &PUSH[..7] {
        raw.write_all(&[*byte]).unwrap();
        assert!(matches!(
            pull.recv(Some(std::time::Duration::ZERO)),
            Err(Error::TimedOut)
        ));
    }
    raw.write_all(&[&PUSH[7..], &frame(b"row")].concat())
        .unwrap();

    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
}

#[test]
fn silent_peers_do_not_delay_other_peers() {
    let place = Place::new();
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();
    let silent: Vec<UnixStream> = (0..20).map(|_| place.connect_raw()).collect();
    let mut raw = place.dial_raw(PUSH);

    raw.write_all(&frame(b"row")).unwrap();

    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
    drop(silent);
}

#[test]
fn a_peer_that_leaves_before_its_greeting_is_not_reported() {
    let place = Place::new();
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();

    drop(place.connect_raw());
    let mut raw = place.connect_raw();
    raw.write_all(b"\0SP").unwrap();
    drop(raw);

    assert!(matches!(pull.recv(SHORT), Err(Error::TimedOut)));
}

#[test]
fn a_request_without_an_id_closes_its_connection() {
    for (body, expected) in [
        (
            &b""[..],
            "a message has 0 bytes, expected an id of 4 bytes before it",
        ),
        (
            b"\x80\0\0",
            "a message has 3 bytes, expected an id of 4 bytes before it",
        ),
        (
            b"\0\x4b\x1d\x02handshake",
            "a message begins with the bytes 00 4b 1d 02, expected an id, whose first byte is 80 \
             or more",
        ),
    ] {
        let place = Place::new();
        let mut rep = Rep::listen(&place.url(), Options::default()).unwrap();
        let mut raw = place.dial_raw(REQ);

        raw.write_all(&frame(body)).unwrap();
        let outcome = rep.recv(LIMIT).map(<[u8]>::to_vec);

        let Err(Error::Protocol(error @ ProtocolError::NoId { .. })) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(error.to_string(), expected);
        assert!(is_closed(&mut raw));
    }
}

#[test]
fn a_reply_that_breaks_the_protocol_closes_the_connection_and_req_dials_again() {
    for (bytes, expected) in [
        (&b"\x07"[..], ProtocolError::UnknownFrame { kind: 7 }),
        (
            b"\x01\0\0\0\0\0\0\0\x02ok",
            ProtocolError::NoId {
                bytes: b"ok".to_vec(),
            },
        ),
        (
            b"\x01\0\0\0\0\0\0\x01\0",
            ProtocolError::TooLong {
                length: 256,
                limit: 100,
            },
        ),
    ] {
        let place = Place::new();
        let listener = place.listen_raw();
        let mut options = Options::default();
        options.max_message = Some(100);
        let mut req = Req::dial(&place.url(), options).unwrap();
        let mut raw = accept_raw(&listener, REP);
        req.wait_connected(LIMIT).unwrap();
        req.send(b"asked").unwrap();

        raw.write_all(bytes).unwrap();
        let error = req.recv(LIMIT).unwrap_err();

        let Error::Protocol(error) = error else {
            panic!("{error}");
        };
        assert_eq!(error, expected);
        assert!(is_closed(&mut raw));
        let _again = accept_raw(&listener, REP);
        req.wait_connected(LIMIT).unwrap();
    }
}

#[test]
fn the_error_of_a_dialer_names_the_wrong_greeting_as_its_cause() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut req = Req::dial(&place.url(), Options::default()).unwrap();
    let _raw = accept_raw(&listener, PULL);

    eventually("the cause", || {
        let error = req.wait_connected(SHORT).unwrap_err().to_string();
        error.ends_with("(the peer speaks PULL, expected REP)")
    });
}
