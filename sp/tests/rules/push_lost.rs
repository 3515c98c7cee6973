//! What a PUSH keeps for the next connection, and what it gives up.

use std::io::Write;
use std::os::unix::net::UnixStream;

use ekuiper_sp::{Options, Push};

use crate::common::*;

/// Waits until a part of a long message is written, which nobody has read. It may be a
/// small one: while more than a quarter of its buffer waits, the kernel has no room.
fn wait_for_a_part(raw: &UnixStream) {
    eventually("a part is written", || waiting(raw) > 0);
}

#[test]
fn a_row_is_kept_however_many_attempts_to_connect_fail() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    push.send(b"row", NEVER).unwrap();

    for _ in 0..5 {
        // No greeting.
        drop(listener.accept().unwrap());
    }

    assert_eq!(read_frame(&mut accept_raw(&listener, PULL)), b"row");
}

#[test]
fn rows_that_are_written_out_during_the_greeting_do_not_end_it() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = listener.accept().unwrap().0;
    raw.set_read_timeout(LIMIT).unwrap();
    assert_eq!(read(&mut raw, 8), PUSH);

    assert!(push.put(b"row").unwrap());
    push.write_out();
    raw.write_all(PULL).unwrap();

    assert_eq!(read_frame(&mut raw), b"row");
}

#[test]
fn connections_that_broke_inside_an_earlier_frame_do_not_count() {
    const SIZE: usize = 4 << 20;
    let place = Place::new();
    let mut options = Options::default();
    options.queue_bytes = 4 * SIZE;
    let push = Push::dial(&place.url(), options).unwrap();
    push.send(&[1; SIZE], NEVER).unwrap();
    push.send(&[2; SIZE], NEVER).unwrap();
    let listener = place.listen_raw();
    let accept = || {
        let raw = accept_raw(&listener, PULL);
        wait_for_a_part(&raw);
        raw
    };

    drop(accept());
    drop(accept());
    let mut raw = accept();
    assert!(read_frame(&mut raw) == [1; SIZE]);
    wait_for_a_part(&raw);
    drop(raw);
    drop(accept());

    assert!(read_frame(&mut accept()) == [2; SIZE]);
}
