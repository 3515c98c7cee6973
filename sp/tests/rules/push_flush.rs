use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Push};

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

/// Returns whether a flush that waits while the peer reads ends before its limit.
fn ends_early(push: &Push, patience: Duration) -> bool {
    let begin = Instant::now();
    let unread = push.flush_while_read(LONG, patience);
    assert!(matches!(unread, Err(Error::TimedOut)), "{unread:?}");
    begin.elapsed() < LONG
}

#[test]
fn flush_while_read_ends_early_if_the_peer_reads_nothing() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    let mut raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    push.flush_while_read(Duration::ZERO, Duration::ZERO)
        .unwrap();
    push.send(&vec![7; 2 << 20], NEVER).unwrap();

    assert!(ends_early(&push, SHORT.unwrap()));
    assert!(ends_early(&push, Duration::ZERO));
    let reader = thread::spawn(move || {
        read_frame(&mut raw);
        raw
    });
    let read = push.flush_while_read(LONG, LONG);

    assert!(read.is_ok(), "{read:?}");
    reader.join().unwrap();
}

#[test]
fn flush_while_read_is_patient_with_a_peer_that_has_not_greeted() {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = dial(&place);
    push.send(b"a", NEVER).unwrap();

    let begin = Instant::now();
    let silent = push.flush_while_read(SHORT.unwrap() * 3, Duration::from_millis(1));
    let waited = begin.elapsed();
    let reader = thread::spawn(move || read_frame(&mut accept_raw(&listener, PULL)));
    let greeted = push.flush_while_read(LONG, Duration::from_millis(1));

    assert!(matches!(silent, Err(Error::TimedOut)), "{silent:?}");
    assert!(waited >= SHORT.unwrap() * 3, "{waited:?}");
    assert!(greeted.is_ok(), "{greeted:?}");
    assert_eq!(reader.join().unwrap(), b"a");
}

/// Returns the processor time of this thread, in ticks of the kernel.
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    // Counted from the end of the thread's name, which may have spaces.
    let fields = stat.rsplit(") ").next().unwrap().split(' ');
    let times = fields.skip(11).take(2);
    times.map(|time| time.parse::<u64>().unwrap()).sum()
}

#[test]
fn flush_while_read_without_patience_sleeps_while_a_peer_has_not_greeted() {
    const TICKS: u64 = 15;
    let place = Place::new();
    let _silent = place.listen_raw();
    let push = dial(&place);
    push.send(b"a", NEVER).unwrap();

    let before = ticks();
    let outcome = push.flush_while_read(Duration::from_millis(500), Duration::ZERO);
    let busy = ticks() - before;

    assert!(matches!(outcome, Err(Error::TimedOut)), "{outcome:?}");
    assert!(busy < TICKS, "{busy}");
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
