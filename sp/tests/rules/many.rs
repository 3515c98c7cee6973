//! The rules of many PUSH sockets in one process: the memory they share, and the
//! end of one of them.

use std::thread;
use std::time::Duration;

use ekuiper_sp::{Budget, Error, Options, Push};

use crate::common::*;

const KIB: usize = 1024;

/// Sends rows of 1,000 bytes until the queue stays full. Returns how many were
/// accepted.
fn fill(push: &Push) -> u32 {
    for n in 0_u32.. {
        let row = [&n.to_be_bytes()[..], &[7; 996]].concat();
        if let Err(Error::TimedOut) = push.send(&row, SHORT) {
            return n;
        }
    }
    unreachable!("the queue has an end")
}

#[test]
fn the_memory_of_many_queues_is_bounded_together() {
    const SOCKETS: usize = 32;
    let budget = Budget::new(1024 * KIB);
    let mut options = Options::default();
    options.budget = Some(budget.clone());
    let places: Vec<Place> = (0..SOCKETS).map(|_| Place::new()).collect();
    let sockets: Vec<Push> = places
        .iter()
        .map(|place| Push::dial(&place.url(), options.clone()).unwrap())
        .collect();

    let taken: Vec<u32> = thread::scope(|scope| {
        let threads: Vec<_> = sockets
            .iter()
            .map(|push| scope.spawn(|| fill(push)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });

    // Without a budget each would take 256 KiB, and as much for the flusher.
    let used = budget.used();
    assert!(used <= (1024 + 64 * SOCKETS) * KIB, "{used}");
    // Nobody is left without a queue.
    assert!(taken.iter().all(|rows| *rows >= 32), "{taken:?}");
    drop(sockets);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_queue_that_was_written_gives_its_memory_back() {
    let place = Place::new();
    let listener = place.listen_raw();
    let budget = Budget::new(1024 * KIB);
    let mut options = Options::default();
    options.budget = Some(budget.clone());
    let push = Push::dial(&place.url(), options).unwrap();
    let mut raw = accept_raw(&listener, PULL);
    let rows = fill(&push);
    assert!(budget.used() >= 128 * KIB, "{}", budget.used());

    for n in 0..rows {
        assert_eq!(read_frame(&mut raw)[..4], n.to_be_bytes());
    }

    eventually("the memory is given back", || budget.used() == 0);
    push.send(b"next", LIMIT).unwrap();
    assert_eq!(read_frame(&mut raw), b"next");
}

#[test]
fn the_last_rows_need_no_peer_that_reads_at_this_moment() {
    let place = Place::new();
    let listener = place.listen_raw();
    let mut options = Options::default();
    options.queue_bytes = 64 * KIB;
    let push = Push::dial(&place.url(), options).unwrap();
    let mut raw = accept_raw(&listener, PULL);
    eventually("connected", || push.is_connected());
    let rows = fill(&push);
    let waits = push.flush(Duration::ZERO);
    assert!(matches!(waits, Err(Error::TimedOut)), "{waits:?}");

    push.finish(LONG).unwrap();
    push.close();

    for n in 0..rows {
        assert_eq!(read_frame(&mut raw)[..4], n.to_be_bytes());
    }
    assert!(is_closed(&mut raw));
}

#[test]
fn finishing_says_what_flushing_says() {
    let place = Place::new();
    let push = dial(&place);
    push.finish(LONG).unwrap();
    push.send(b"row", LIMIT).unwrap();

    let alone = push.finish(LONG);
    push.close();
    let closed = push.finish(LONG);

    assert!(matches!(alone, Err(Error::Disconnected)), "{alone:?}");
    assert!(matches!(closed, Err(Error::Closed)), "{closed:?}");
}
