use std::io::Write;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Options, ProtocolError, Pull, Push};

use crate::common::*;

/// Sends rows until the queue stays full. Returns how many were accepted.
fn fill(push: &Push, row: &[u8]) -> usize {
    const PATIENT: Option<Duration> = Some(Duration::from_secs(1));

    let mut taken = 0;
    loop {
        match push.send(row, NEVER) {
            Ok(()) => taken += 1,
            // The flusher may be about to make room, and wait for a processor.
            Err(Error::TimedOut) if push.send(row, PATIENT).is_ok() => taken += 1,
            Err(Error::TimedOut) => return taken,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_single_row_is_sent_at_once_as_one_frame() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = listener.accept().unwrap().0;
    raw.write_all(b"\0SP\0\0\x51\0\0").unwrap();
    assert_eq!(read(&mut raw, 8), b"\0SP\0\0\x50\0\0");
    eventually("connected", || push.is_connected());

    push.send(b"row", NEVER).unwrap();

    assert_eq!(waiting(&raw), 12, "sent, not queued");
    assert_eq!(read(&mut raw, 12), b"\x01\0\0\0\0\0\0\0\x03row");
    push.send(b"", NEVER).unwrap();
    assert_eq!(read(&mut raw, 9), b"\x01\0\0\0\0\0\0\0\0");
}

#[test]
fn rows_are_queued_until_a_peer_listens() {
    let place = Place::new();
    let push = dial(&place);

    push.send(b"one", NEVER).unwrap();
    push.send(b"two", NEVER).unwrap();
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();

    assert_eq!(pull.recv(LIMIT).unwrap(), b"one");
    assert_eq!(pull.recv(LIMIT).unwrap(), b"two");
}

#[test]
fn a_row_sent_during_the_greeting_follows_it() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = listener.accept().unwrap().0;
    read(&mut raw, 8);

    push.send(b"row", NEVER).unwrap();
    raw.write_all(PULL).unwrap();

    assert_eq!(read_frame(&mut raw), b"row");
}

#[test]
fn push_dials_again_after_the_peer_left() {
    let place = Place::new();
    let push = dial(&place);
    let pull = Pull::listen(&place.url(), Options::default()).unwrap();
    eventually("connected", || push.is_connected());

    drop(pull);
    eventually("disconnected", || !push.is_connected());
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();
    push.send(b"row", LIMIT).unwrap();

    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
}

#[test]
fn the_queue_bounds_how_many_bytes_wait() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut options = Options::default();
    options.queue_bytes = 64 * 1024;
    let push = Push::dial(&place.url(), options).unwrap();
    let raw = accept_raw(&listener, PULL);
    let row = [7; 1015];

    let taken = fill(&push, &row) * 1024;

    // The queue, as many bytes again in the flusher, and the rest in the kernel.
    let kernel = waiting(&raw) as usize;
    assert!(taken >= kernel + 63 * 1024, "{taken} {kernel}");
    assert!(taken <= kernel + 2 * 64 * 1024, "{taken} {kernel}");
}

#[test]
fn messages_that_were_put_are_sent_in_order() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());

    assert!(push.put(b"one").unwrap());
    assert!(push.put(b"two").unwrap());
    push.write_out();
    push.send(b"three", LIMIT).unwrap();

    for row in [&b"one"[..], b"two", b"three"] {
        assert_eq!(read_frame(&mut raw), row);
    }
}

#[test]
fn messages_that_were_put_while_the_kernel_is_full_are_sent_later() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut options = Options::default();
    options.queue_bytes = 4 << 20;
    let push = Push::dial(&place.url(), options).unwrap();
    let mut raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    let row = |n: u32| [&n.to_be_bytes()[..], &[7; 1000]].concat();

    // More than the kernel accepts, with a write after each message.
    for n in 0..1000 {
        assert!(push.put(&row(n)).unwrap());
        push.write_out();
    }

    for n in 0..1000 {
        assert!(read_frame(&mut raw) == row(n), "row {n}");
    }
}

#[test]
fn messages_that_were_put_are_written_although_a_send_found_the_queue_full() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut options = Options::default();
    options.queue_bytes = 1 << 20;
    let push = Push::dial(&place.url(), options).unwrap();
    let mut raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    // Exactly as many as the queue has room for, and more than the kernel accepts.
    for _ in 0..1024 {
        assert!(push.put(&[7; 1015]).unwrap());
    }

    push.send(b"last", NEVER).unwrap();
    push.write_out();

    for _ in 0..1024 {
        assert!(read_frame(&mut raw) == [7; 1015]);
    }
    assert_eq!(read_frame(&mut raw), b"last");
}

/// Puts rows, and writes each out, until one is still queued. Returns how many.
fn put_until_one_waits(push: &Push) -> usize {
    (1..)
        .find(|_| {
            assert!(push.put(b"row").unwrap());
            push.write_out();
            push.flush(Duration::ZERO).is_err()
        })
        .unwrap()
}

#[test]
fn while_the_kernel_has_no_room_messages_that_are_put_wait_for_the_flusher() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    let mut unread = put_until_one_waits(&push);

    // There is room again, but not so much that the flusher is told. At first, it may
    // still be about to try again.
    let is_left_to_the_flusher = (0..3).any(|_| {
        assert_eq!(read_frame(&mut raw), b"row");
        let before = waiting(&raw);
        for _ in 0..9 {
            assert!(push.put(b"row").unwrap());
            push.write_out();
        }
        unread += 9 - 1;
        thread::sleep(SHORT.unwrap());
        waiting(&raw) == before
    });

    assert!(is_left_to_the_flusher);
    for _ in 0..unread {
        assert_eq!(read_frame(&mut raw), b"row");
    }
}

#[test]
fn the_kernel_keeps_less_for_a_peer_that_does_not_read_if_it_is_told_so() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut options = Options::default();
    options.kernel_bytes = Some(32 * 1024);
    let limited = Push::dial(&place.url(), options.clone()).unwrap();
    let _unread = accept_raw(&listener, PULL);
    let connected = thread::scope(|scope| {
        let peer = scope.spawn(|| accept_raw(&listener, PULL));
        let push = Push::connect(&place.url(), options, LONG).unwrap();
        (push, peer.join().unwrap())
    });
    eventually("connected", || limited.is_connected());

    for push in [&limited, &connected.0] {
        let rows = put_until_one_waits(push);

        assert!((20..100).contains(&rows), "{rows}");
    }
}

#[test]
fn a_socket_is_stalled_until_its_peer_reads() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    assert!(!push.is_stalled());

    let rows = put_until_one_waits(&push);

    assert!(push.is_stalled());
    for _ in 0..rows {
        read_frame(&mut raw);
    }
    eventually("not stalled", || !push.is_stalled());
}

#[test]
fn put_is_refused_when_the_queue_is_full_or_the_socket_closed() {
    let place = Place::new();
    let mut options = Options::default();
    options.queue_bytes = 4096;
    let push = Push::dial(&place.url(), options).unwrap();

    let taken = (0..8).filter(|_| push.put(&[7; 1015]).unwrap()).count();

    assert!((4..8).contains(&taken), "{taken}");
    push.close();
    assert!(matches!(push.put(b"row"), Err(Error::Closed)));
}

#[test]
fn the_queue_bounds_how_many_bytes_wait_without_a_connection() {
    let place = Place::new();
    let mut options = Options::default();
    options.queue_bytes = 4096;
    let push = Push::dial(&place.url(), options).unwrap();

    let taken = fill(&push, &[7; 1015]);

    assert!((4..=8).contains(&taken), "{taken}");
}

#[test]
fn a_queue_that_was_full_reports_room_once() {
    let place = Place::new();
    let mut options = Options::default();
    options.queue_bytes = 4096;
    let (room, reports) = mpsc::channel();
    options.on_room = Some(Arc::new(move || room.send(()).unwrap()));
    let push = Push::dial(&place.url(), options).unwrap();
    fill(&push, &[7; 1015]);
    reports.try_iter().for_each(drop);
    assert!(!push.put(&[7; 1015]).unwrap());
    assert!(!push.put(&[7; 1015]).unwrap());
    assert!(reports.try_recv().is_err());

    let listener = place.listen_raw();
    let _raw = accept_raw(&listener, PULL);

    assert_eq!(reports.recv_timeout(LIMIT.unwrap()), Ok(()));
    assert!(push.put(b"row").unwrap());
    push.write_out();
    push.flush(LIMIT.unwrap()).unwrap();
    assert!(reports.recv_timeout(SHORT.unwrap()).is_err());
}

#[test]
fn a_full_queue_that_is_written_out_at_once_reports_room() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut options = Options::default();
    options.queue_bytes = 4096;
    let (room, reports) = mpsc::channel();
    options.on_room = Some(Arc::new(move || room.send(()).unwrap()));
    let push = Push::dial(&place.url(), options).unwrap();
    let _raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    while push.put(&[7; 100]).unwrap() {}

    push.write_out();

    assert_eq!(reports.recv_timeout(LIMIT.unwrap()), Ok(()));
    assert!(push.put(b"row").unwrap());
}

#[test]
fn an_empty_queue_accepts_a_message_longer_than_itself() {
    let place = Place::new();
    let mut options = Options::default();
    options.queue_bytes = 0;
    let push = Push::dial(&place.url(), options).unwrap();
    let body = vec![7; 3 << 20];

    push.send(&body, NEVER).unwrap();
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();

    assert_eq!(pull.recv(LIMIT).unwrap(), body);
}

#[test]
fn a_message_whose_send_timed_out_is_never_sent() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = accept_raw(&listener, PULL);
    let taken = fill(&push, &[7; 100]);
    let start = Instant::now();

    let outcome = push.send(&[8; 100], SHORT);

    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    assert!(start.elapsed() >= SHORT.unwrap());
    for _ in 0..taken {
        assert_eq!(read_frame(&mut raw), [7; 100]);
    }
    push.send(b"next", LIMIT).unwrap();
    assert_eq!(read_frame(&mut raw), b"next");
}

#[test]
fn closing_ends_a_send_that_waits() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let _raw = accept_raw(&listener, PULL);
    fill(&push, &[7; 100]);

    thread::scope(|scope| {
        let sender = scope.spawn(|| push.send(b"waits", None));
        push.close();

        assert!(matches!(sender.join().unwrap(), Err(Error::Closed)));
    });
    assert!(matches!(push.send(b"x", NEVER), Err(Error::Closed)));
    assert!(matches!(push.flush(LONG), Err(Error::Closed)));
    assert!(!push.is_connected());
}

#[test]
fn queued_rows_are_written_with_few_system_calls() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    fill(&push, &[7; 60]);

    // These were written one by one. The kernel accounts for each write, so it
    // accepted few.
    let singly = waiting(&raw);
    read(&mut raw, usize::try_from(singly).unwrap());

    // Many times as many bytes fit if several rows are written at once.
    eventually("many rows per call", || waiting(&raw) > 4 * singly);
}

#[test]
fn a_frame_half_sent_by_the_flusher_is_sent_whole_on_the_next_connection() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = accept_raw(&listener, PULL);
    let body: Vec<u8> = (0..4_u32 << 20).map(|at| (at % 251) as u8).collect();
    push.send(&body, LIMIT).unwrap();
    push.send(b"next", LIMIT).unwrap();
    read(&mut raw, 1_000_000);

    drop(raw);
    let mut raw = accept_raw(&listener, PULL);

    assert!(read_frame(&mut raw) == body);
    assert_eq!(read_frame(&mut raw), b"next");
}

#[test]
fn a_frame_half_sent_by_the_caller_is_sent_whole_on_the_next_connection() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    let body = vec![7; 1 << 20];
    push.send(&body, NEVER).unwrap();
    assert!(waiting(&raw) > 0, "a part of it was sent");

    drop(raw);
    let mut raw = accept_raw(&listener, PULL);

    assert!(read_frame(&mut raw) == body);
}

#[test]
fn a_frame_is_given_up_after_three_connections_broke_inside_it() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = accept_raw(&listener, PULL);
    push.send(&vec![7; 4 << 20], LIMIT).unwrap();
    push.send(b"next", LIMIT).unwrap();

    for _ in 0..3 {
        // Waits until the flusher has added to what the sender wrote.
        eventually("a full kernel buffer", || waiting(&raw) > 60_000);
        drop(raw);
        raw = accept_raw(&listener, PULL);
    }

    assert_eq!(read_frame(&mut raw), b"next");
}

#[test]
fn connect_attempts_once() {
    let place = Place::new();

    let nobody = Push::connect(&place.url(), Options::default(), LONG).unwrap_err();
    let listener = place.listen_raw();
    let silent = Push::connect(&place.url(), Options::default(), SHORT.unwrap()).unwrap_err();
    let mut pull = {
        drop(listener);
        Pull::listen(&place.url(), Options::default()).unwrap()
    };
    let push = Push::connect(&place.url(), Options::default(), Duration::MAX).unwrap();
    push.send(b"row", NEVER).unwrap();

    assert!(matches!(nobody, Error::Unreachable { .. }), "{nobody}");
    let Error::Unreachable { cause, .. } = silent else {
        panic!("{silent}");
    };
    assert!(matches!(
        *cause.unwrap(),
        Error::Protocol(ProtocolError::GreetingTimedOut)
    ));
    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
}

#[test]
fn connect_reconnects_later() {
    let place = Place::new();
    let pull = Pull::listen(&place.url(), Options::default()).unwrap();
    let push = Push::connect(&place.url(), Options::default(), LONG).unwrap();

    drop(pull);
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();
    eventually("reconnected", || {
        push.send(b"row", LIMIT).unwrap();
        pull.recv(SHORT).is_ok()
    });
}

#[test]
fn a_peer_that_writes_to_a_push_is_disconnected_and_dialed_again() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = accept_raw(&listener, PULL);

    raw.write_all(b"unexpected").unwrap();
    assert!(is_closed(&mut raw));
    let mut raw = accept_raw(&listener, PULL);
    push.send(b"row", LIMIT).unwrap();

    assert_eq!(read_frame(&mut raw), b"row");
}
