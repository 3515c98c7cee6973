use std::thread;
use std::time::Duration;

use ekuiper_sp::Error;

use crate::common::*;

#[test]
fn flush_waits_until_everything_is_written() {
    let place = Place::new();
    let push = dial(&place);
    push.flush(Duration::ZERO).unwrap();
    push.send(&vec![7; 2 << 20], NEVER).unwrap();

    let alone = push.flush(LONG);
    let mut raw = accept_raw(&place.listen_raw(), PULL);
    eventually("connected", || push.is_connected());
    let unread = push.flush(SHORT.unwrap());
    let reader = thread::spawn(move || {
        read_frame(&mut raw);
        raw
    });
    let read = push.flush(LONG);

    assert!(matches!(alone, Err(Error::Disconnected)), "{alone:?}");
    assert!(matches!(unread, Err(Error::TimedOut)), "{unread:?}");
    assert!(read.is_ok(), "{read:?}");
    reader.join().unwrap();
}

#[test]
fn flush_waits_for_the_greeting_of_a_peer_that_listens() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    push.send(b"a", NEVER).unwrap();

    let silent = push.flush(SHORT.unwrap());
    let reader = thread::spawn(move || read_frame(&mut accept_raw(&listener, PULL)));
    let greeted = push.flush(LONG);

    assert!(matches!(silent, Err(Error::TimedOut)), "{silent:?}");
    assert!(greeted.is_ok(), "{greeted:?}");
    assert_eq!(reader.join().unwrap(), b"a");
}

#[test]
fn flush_does_not_wait_for_a_peer_whose_greeting_failed() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    push.send(b"a", NEVER).unwrap();

    let refusal = thread::spawn(move || drop(accept_raw(&listener, REQ)));
    let refused = push.flush(LONG);

    assert!(matches!(refused, Err(Error::Disconnected)), "{refused:?}");
    refusal.join().unwrap();
}
