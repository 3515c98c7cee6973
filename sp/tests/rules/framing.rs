use ekuiper_sp::ProtocolError;
use ekuiper_sp::frame::{Decoder, Protocol, header};
use proptest::prelude::*;

#[test]
fn greetings_equal_the_recorded_ones() {
    // `sp` in tests/vectors/ekuiper-2.4.0-go.jsonl.
    let recorded = |hex: &str| u64::from_str_radix(hex, 16).unwrap().to_be_bytes();

    assert_eq!(Protocol::Req.greeting(), recorded("0053500000300000"));
    assert_eq!(Protocol::Rep.greeting(), recorded("0053500000310000"));
    assert_eq!(Protocol::Push.greeting(), recorded("0053500000500000"));
    assert_eq!(Protocol::Pull.greeting(), recorded("0053500000510000"));
}

#[test]
fn only_the_counterpart_of_a_protocol_is_accepted_as_peer() {
    let rep = Protocol::Rep;

    assert_eq!(rep.check_peer(*b"\0SP\0\0\x30\0\0"), Ok(()));
    assert_eq!(
        rep.check_peer(*b"\0SP\0\0\x50\0\0"),
        Err(ProtocolError::WrongProtocol {
            expected: 0x30,
            found: 0x50
        })
    );
    for wrong in [b"\x01SP\0\0\x30\0\0", b"\0SP\x01\0\x30\0\0", b"GET / HT"] {
        assert_eq!(
            rep.check_peer(*wrong),
            Err(ProtocolError::NoGreeting { bytes: *wrong })
        );
    }
}

#[test]
fn a_frame_is_the_byte_1_the_length_in_8_bytes_and_the_body() {
    let mut decoder = Decoder::new(None);
    decoder.extend(b"\x01\0\0\0\0\0\0\0\x09handshake\x01\0\0\0\0\0\0\0\0");

    assert_eq!(header(0x0001_0203), *b"\x01\0\0\0\0\0\x01\x02\x03");
    assert_eq!(decoder.next_message(), Ok(Some(&b"handshake"[..])));
    assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
    assert_eq!(decoder.next_message(), Ok(None));
    assert_eq!(decoder.truncation(), None);
}

#[test]
fn an_unknown_frame_is_rejected_at_its_first_byte() {
    let mut decoder = Decoder::new(None);
    decoder.extend(b"\x02");

    assert!(decoder.has_message(), "an error counts as a message");
    assert_eq!(
        decoder.next_message(),
        Err(ProtocolError::UnknownFrame { kind: 2 })
    );
}

#[test]
fn a_frame_above_the_limit_is_rejected_at_its_header() {
    let mut decoder = Decoder::new(Some(4));
    decoder.extend(b"\x01\0\0\0\0\0\0\0\x04four\x01\0\0\0\0\0\0\0\x05");

    assert_eq!(decoder.next_message(), Ok(Some(&b"four"[..])));
    assert_eq!(
        decoder.next_message(),
        Err(ProtocolError::TooLong {
            length: 5,
            limit: 4
        })
    );
}

#[test]
fn an_impossible_length_is_rejected_even_without_a_limit() {
    for claimed in [u64::MAX, u64::MAX - 8, 1 << 63, (1 << 63) - 9] {
        let mut decoder = Decoder::new(None);
        decoder.extend(&[&[1][..], &claimed.to_be_bytes(), b"xyz"].concat());

        let outcome = decoder.next_message().map(|_| ());

        assert!(
            matches!(outcome, Err(ProtocolError::TooLong { length, .. }) if length == claimed),
            "{claimed}: {outcome:?}"
        );
    }
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_truncated() {
    let mut decoder = Decoder::new(None);
    decoder.extend(b"\x01\0\0\0\0\0\0\0\x02o");

    assert_eq!(decoder.next_message(), Ok(None));
    assert_eq!(
        decoder.truncation(),
        Some(ProtocolError::Truncated { had: 10 })
    );
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_messages(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        pieces in prop::collection::vec(1_usize..400, 1..40),
    ) {
        let stream: Vec<u8> = bodies
            .iter()
            .flat_map(|body| [&[1][..], &(body.len() as u64).to_be_bytes(), body].concat())
            .collect();
        let mut decoder = Decoder::new(None);
        let mut messages = Vec::new();

        let mut rest = &stream[..];
        for length in pieces.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*length));
            decoder.extend(piece);
            while let Some(message) = decoder.next_message().unwrap() {
                messages.push(message.to_vec());
            }
            rest = after;
            if rest.is_empty() {
                break;
            }
        }

        prop_assert_eq!(messages, bodies);
        prop_assert_eq!(decoder.truncation(), None);
    }

    #[test]
    fn arbitrary_bytes_never_panic_nor_yield_more_bytes_than_were_fed(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                // Bytes that often form valid frames.
                (any::<u64>(), 0_u32..64, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
                    |(length, shift, body)| {
                        [&[1][..], &(length >> shift).to_be_bytes(), &body].concat()
                    }
                ),
            ],
            0..20,
        ),
        limit in prop::option::of(any::<u64>()),
    ) {
        let mut decoder = Decoder::new(limit);
        let mut fed = 0;
        let mut given = 0;

        for piece in &pieces {
            decoder.extend(piece);
            fed += piece.len();
            let due = decoder.has_message();
            let mut came = false;
            while let Ok(Some(message)) = decoder.next_message() {
                given += 9 + message.len();
                came = true;
            }
            prop_assert!(due || !came);
        }

        prop_assert!(given <= fed);
        let _ = decoder.truncation();
    }
}
