use super::*;

#[test]
fn memory_grows_with_received_bytes_not_with_the_claimed_length() {
    let mut decoder = Decoder::new(None);
    decoder.extend(b"\x01\0\0\0\x40\0\0\0\0"); // 256 GiB

    for arrived in 1..=2048 {
        decoder.extend(&[7; 1024]);
        assert_eq!(decoder.next_message(), Ok(None));
        assert!(decoder.buffer.capacity() <= 2 * (HEADER + 1024 * arrived));
    }
}

#[test]
fn the_memory_of_a_long_message_is_released_after_short_ones() {
    const SIZE: usize = 3 * 1024 * 1024;
    let mut decoder = Decoder::new(None);
    decoder.extend(&header(SIZE));
    decoder.extend(&vec![7; SIZE]);
    assert!(decoder.next_message().is_ok_and(|long| long.is_some()));

    decoder.extend(&header(0));
    assert!(decoder.buffer.capacity() >= SIZE);
    for _ in 0..17 {
        assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
        decoder.extend(&header(0));
    }

    assert!(decoder.buffer.capacity() <= SIZE / 3);
    assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
}

/// Reads all of `bytes` from a socket on which they have arrived. Returns what
/// each read returned.
fn read_all(decoder: &mut Decoder, bytes: &[u8]) -> Vec<(usize, bool)> {
    let (receiver, mut sender) = std::os::unix::net::UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut sender, bytes).unwrap();
    let (mut reads, mut taken) = (Vec::new(), 0);
    while taken < bytes.len() {
        let read = decoder.fill(&receiver, RecvFlags::DONTWAIT).unwrap();
        assert!(read.0 > 0, "this would be the end of the stream");
        reads.push(read);
        taken += read.0;
    }
    reads
}

#[test]
fn many_messages_are_read_at_once() {
    let mut decoder = Decoder::new(None);

    let reads = read_all(&mut decoder, &header(0).repeat(7000));

    assert_eq!(reads, [(63_000, false)]);
    for _ in 0..7000 {
        assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
    }
    assert_eq!(decoder.next_message(), Ok(None));
}

#[test]
fn only_what_is_missing_of_a_long_message_is_read_if_there_is_no_room_for_more() {
    for (length, expected) in [
        (LONG, &[(1109, false)][..]),
        (LONG + 1, &[(849, true), (260, false)]),
    ] {
        let mut decoder = Decoder::new(None);
        let first = [&header(32_000)[..], &[6; 32_000]].concat();
        let second = [&header(length)[..], &vec![7; length]].concat();
        let (begin, end) = second.split_at(second.len() - 100);
        let third = [&header(1000)[..], &[8; 1000]].concat();
        read_all(&mut decoder, &[&first, begin].concat());
        assert_eq!(decoder.next_message(), Ok(Some(&[6; 32_000][..])));

        let reads = read_all(&mut decoder, &[end, &third].concat());

        assert_eq!(reads, expected);
        assert_eq!(decoder.next_message(), Ok(Some(&vec![7; length][..])));
        assert_eq!(decoder.next_message(), Ok(Some(&[8; 1000][..])));
    }
}

#[test]
fn a_buffer_grows_when_less_than_16_kib_are_free() {
    let mut decoder = Decoder::new(None);
    let frame = [&header(100_000)[..], &[7; 100_000]].concat();

    read_all(&mut decoder, &frame[..49_152]);
    read_all(&mut decoder, &frame[49_152..49_153]);
    assert_eq!(decoder.capacity(), 65_536);
    read_all(&mut decoder, &frame[49_153..]);

    assert_eq!(decoder.capacity(), HEADER + 100_000);
    assert_eq!(decoder.next_message(), Ok(Some(&[7; 100_000][..])));
}

#[test]
fn bytes_are_moved_only_when_room_is_needed() {
    let mut decoder = Decoder::new(None);

    read_all(&mut decoder, &[&header(2)[..], b"ok", &header(3)].concat());
    assert_eq!(decoder.next_range(), Ok(Some(9..11)));
    read_all(&mut decoder, b"yes");
    assert_eq!(decoder.next_range(), Ok(Some(20..23)));

    // Now there is nothing to move.
    read_all(&mut decoder, &header(1));
    read_all(&mut decoder, b"x");
    assert_eq!(decoder.next_range(), Ok(Some(9..10)));
}

#[test]
fn the_buffer_of_a_long_message_grows_a_few_times() {
    const SIZE: usize = 4 * 1024 * 1024;
    let mut decoder = Decoder::new(None);
    let (mut capacities, mut last) = (Vec::new(), Vec::new());
    let frame = [&header(SIZE)[..], &vec![7; SIZE]].concat();

    for piece in frame.chunks(50_000) {
        last = read_all(&mut decoder, piece);
        capacities.push(decoder.capacity());
    }

    capacities.dedup();
    // With 50,000 bytes in it, the first buffer has no room for 16 KiB more.
    assert_eq!(
        capacities,
        [65_536, 250_000, 750_000, 2_250_000, HEADER + SIZE]
    );
    assert_eq!(last, [(44_313, true)]);
    assert!(decoder.has_message());
}

#[test]
fn more_is_read_while_a_long_message_waits_to_be_taken() {
    let mut decoder = Decoder::new(None);
    let long = vec![7; 300_000];
    read_all(&mut decoder, &header(long.len()));
    for piece in long.chunks(50_000) {
        read_all(&mut decoder, piece);
    }

    let reads = read_all(&mut decoder, &header(0));

    assert_eq!(reads, [(9, false)]);
    assert_eq!(decoder.next_message(), Ok(Some(&long[..])));
    assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
}

#[test]
fn long_messages_are_not_moved() {
    const SIZE: usize = 1024 * 1024;
    let (receiver, mut sender) = std::os::unix::net::UnixStream::pair().unwrap();
    let sending = std::thread::spawn(move || {
        for number in 0..8 {
            let frame = [&header(SIZE)[..], &vec![number; SIZE]].concat();
            std::io::Write::write_all(&mut sender, &frame).unwrap();
        }
    });
    let mut decoder = Decoder::new(None);

    for number in 0..8 {
        while !decoder.has_message() {
            let read = decoder.fill(&receiver, RecvFlags::empty());
            assert!(read.is_ok_and(|(read, _)| read > 0));
        }
        let range = decoder.next_range().unwrap().unwrap();

        assert_eq!(range, HEADER..HEADER + SIZE);
        assert!(decoder.bytes(range).iter().all(|byte| *byte == number));
        assert_eq!(decoder.buffer.capacity(), HEADER + SIZE);
        assert_eq!(decoder.incomplete(), 0);
    }
    sending.join().unwrap();
}

/// Returns a decoder that has received these bodies and `rest`.
fn received(bodies: &[&[u8]], rest: &[u8]) -> Decoder {
    let mut decoder = Decoder::new(None);
    for body in bodies {
        decoder.extend(&[&header(body.len())[..], body].concat());
    }
    decoder.extend(rest);
    decoder
}

fn move_next(decoder: &mut Decoder, buffer: &mut Vec<u8>) -> Range<usize> {
    let range = decoder.next_range().unwrap().unwrap();
    decoder.move_into(buffer, range)
}

#[test]
fn a_long_message_is_moved_out_without_a_copy() {
    let long = [7; LONG + 1];
    let mut decoder = received(&[b"first", &long], b"");
    let place = decoder.buffer.as_ptr();
    let mut buffer = b"old".to_vec();

    assert_eq!(move_next(&mut decoder, &mut buffer), 0..5);
    assert_eq!(buffer, b"first");
    let range = move_next(&mut decoder, &mut buffer);

    assert_eq!(buffer[range], long);
    assert_eq!(buffer.as_ptr(), place);
    decoder.extend(b"\x01\0\0\0\0\0\0\0\x04next");
    assert_eq!(decoder.next_message(), Ok(Some(&b"next"[..])));
    assert_eq!(decoder.incomplete(), 0);
}

#[test]
fn a_message_before_others_is_copied_and_they_stay() {
    let long = [7; LONG + 1];
    let mut decoder = received(&[&long, b"next"], b"\x01\0");
    let mut buffer = b"old".to_vec();

    assert_eq!(move_next(&mut decoder, &mut buffer), 0..LONG + 1);
    assert_eq!(buffer, long);
    assert_eq!(move_next(&mut decoder, &mut buffer), 0..4);
    assert_eq!(buffer, b"next");
    assert_eq!(decoder.incomplete(), 2);
}

#[test]
fn a_short_message_leaves_the_memory_where_it_is() {
    let mut decoder = received(&[b"short"], b"");
    decoder.make_room();
    let mut buffer = Vec::new();

    assert_eq!(move_next(&mut decoder, &mut buffer), 0..5);

    assert_eq!(buffer, b"short");
    assert!(decoder.buffer.capacity() >= PIECE / 4);
    assert!(buffer.capacity() < PIECE / 4);
}

#[test]
fn both_buffers_stay_while_long_messages_are_moved_out() {
    const SIZE: usize = 3 * 1024 * 1024;
    let frame = [&header(SIZE)[..], &vec![7; SIZE]].concat();
    let (mut decoder, mut buffer) = (Decoder::new(None), Vec::new());

    for turn in 0..40 {
        // As a read does.
        decoder.make_room();
        assert!(turn < 2 || decoder.buffer.capacity() >= SIZE);
        decoder.buffer.extend_from_slice(&frame);
        assert_eq!(move_next(&mut decoder, &mut buffer).len(), SIZE);
        assert!(buffer.capacity() >= SIZE);
    }
}
