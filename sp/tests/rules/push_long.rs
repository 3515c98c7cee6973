//! Long messages of a PUSH, which the sending thread writes itself.

use std::io::Read;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ekuiper_sp::{Error, Options, Push};

use crate::common::*;

fn connect(
    place: &Place,
) -> (
    Push,
    std::os::unix::net::UnixListener,
    std::os::unix::net::UnixStream,
) {
    let listener = place.listen_raw();
    let push = dial(place);
    let raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    (push, listener, raw)
}

/// Waits until a part of a long message is written, which nobody has read.
fn wait_for_a_part(raw: &std::os::unix::net::UnixStream) {
    eventually("a part is written", || waiting(raw) > 60_000);
}

fn body(length: u32) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[test]
fn a_long_message_waits_for_its_reader_and_keeps_its_place() {
    let place = Place::new();
    let (push, _listener, mut raw) = connect(&place);
    let body = body(3 << 20);

    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for n in 0..20_u8 {
                push.send(&[n], None)?;
                push.send(&body, None)?;
            }
            push.flush(LONG)
        });
        wait_for_a_part(&raw);
        assert!(!sender.is_finished());
        // It waits in the queue, as another thread is writing.
        push.send(b"other", Some(Duration::ZERO)).unwrap();

        assert_eq!(read_frame(&mut raw), [0]);
        assert!(read_frame(&mut raw) == body);
        assert_eq!(read_frame(&mut raw), b"other");
        for n in 1..20 {
            assert_eq!(read_frame(&mut raw), [n]);
            assert!(read_frame(&mut raw) == body);
        }
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn a_message_of_less_than_32_kib_does_not_wait_for_its_reader() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut options = Options::default();
    options.queue_bytes = 16 << 20;
    let push = Push::dial(&place.url(), options).unwrap();
    let raw = accept_raw(&listener, PULL);
    push.send(&body(4 << 20), Some(Duration::ZERO)).unwrap();
    wait_for_a_part(&raw);

    let outcome = thread::scope(|scope| {
        let (done, outcome) = mpsc::channel();
        let push = &push;
        scope.spawn(move || done.send(push.send(&body(32 * 1024 - 1), None)));
        let outcome = outcome.recv_timeout(LONG);
        // Ends the wait of a message that was not queued.
        push.close();
        outcome
    });

    assert!(matches!(outcome, Ok(Ok(()))), "{outcome:?}");
}

#[test]
fn long_messages_of_several_threads_are_not_mixed() {
    let place = Place::new();
    let (push, _listener, mut raw) = connect(&place);

    thread::scope(|scope| {
        for thread in 0..3_u8 {
            let push = &push;
            scope.spawn(move || {
                for _ in 0..20 {
                    push.send(&vec![thread; 300_000], None).unwrap();
                }
            });
        }
        let mut counts = [0; 3];
        for _ in 0..60 {
            let row = read_frame(&mut raw);
            assert!(row.len() == 300_000 && row.iter().all(|byte| *byte == row[0]));
            counts[usize::from(row[0])] += 1;
        }

        assert_eq!(counts, [20; 3]);
    });
}

#[test]
fn closing_ends_a_long_send_that_waits() {
    let place = Place::new();
    let (push, _listener, raw) = connect(&place);

    thread::scope(|scope| {
        let sender = scope.spawn(|| push.send(&body(4 << 20), None));
        wait_for_a_part(&raw);
        push.close();

        assert!(matches!(sender.join().unwrap(), Err(Error::Closed)));
    });
}

#[test]
fn a_long_message_that_is_cut_is_sent_whole_before_what_was_queued_meanwhile() {
    let place = Place::new();
    let (push, listener, mut raw) = connect(&place);
    let body = body(4 << 20);

    thread::scope(|scope| {
        let sender = scope.spawn(|| push.send(&body, None));
        raw.read_exact(&mut [0; 1_000_000]).unwrap();
        push.send(b"next", Some(Duration::ZERO)).unwrap();
        drop(raw);
        let mut raw = accept_raw(&listener, PULL);

        assert!(read_frame(&mut raw) == body);
        assert_eq!(read_frame(&mut raw), b"next");
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn a_long_message_is_given_up_after_three_connections_broke_inside_it() {
    let place = Place::new();
    let (push, listener, mut raw) = connect(&place);

    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            push.send(&vec![7; 4 << 20], None)?;
            push.send(b"next", LIMIT)
        });
        for _ in 0..3 {
            wait_for_a_part(&raw);
            drop(raw);
            raw = accept_raw(&listener, PULL);
        }

        assert_eq!(read_frame(&mut raw), b"next");
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn a_long_message_is_queued_until_a_peer_listens() {
    let place = Place::new();
    let push = dial(&place);

    push.send(&body(100_000), None).unwrap();

    let listener = place.listen_raw();
    let mut raw = accept_raw(&listener, PULL);
    assert!(read_frame(&mut raw) == body(100_000));
}
