use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;
use crate::Budget;
use crate::changes::{lock, wait_for};
use crate::connection::Greeting;
use crate::frame::Protocol;

const KIB: usize = 1024;
const LONG: Duration = Duration::from_secs(20);

/// A PUSH with a queue of 40 bytes and no flusher, and its peer.
pub(crate) fn connected() -> (Shared, UnixStream) {
    let (socket, peer) = UnixStream::pair().unwrap();
    peer.set_nonblocking(true).unwrap();
    let connection = Greeting::new(socket.into(), Protocol::Push).finish();
    let shared = Shared {
        address: Address::parse("ipc:///nowhere").unwrap(),
        queue_bytes: 40,
        kernel_bytes: None,
        on_peer: None,
        on_room: None,
        state: Mutex::new(State {
            connection: Some(Arc::new(connection)),
            ..State::default()
        }),
        changed: Changes::default(),
        bell: Bell::new().unwrap(),
    };
    (shared, peer)
}

/// Returns all bytes that have arrived.
fn arrived(mut peer: &UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let end = peer.read_to_end(&mut bytes).unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::WouldBlock);
    bytes
}

/// Returns the frame of a body of 11 bytes, which has 20.
fn frame(body: &[u8; 11]) -> Vec<u8> {
    [&[1, 0, 0, 0, 0, 0, 0, 0, 11], &body[..]].concat()
}

/// Queues a frame of `length` bytes if there is room in a queue of `most`.
fn queue(state: &mut State, length: usize, most: usize) -> bool {
    state.queue_if_room(&vec![7; length - HEADER], most)
}

#[test]
fn a_stall_begins_anew_when_the_kernel_has_accepted_something() {
    let mut state = State::default();

    state.attempted(0, false);
    let first = state.stalled.unwrap();
    state.attempted(0, false);
    assert_eq!(state.stalled, Some(first));
    while first.elapsed().is_zero() {}
    state.attempted(3, false);
    assert!(state.stalled > Some(first), "{:?}", state.stalled);
    state.attempted(3, true);
    assert_eq!(state.stalled, None);
}

#[test]
fn only_completely_written_frames_count_as_sent() {
    let batch = b"\x01\0\0\0\0\0\0\0\x01a\x01\0\0\0\0\0\0\0\x02bc";

    let kept: Vec<usize> = (0..=batch.len())
        .map(|end| whole_frames(batch, end))
        .collect();

    assert_eq!(kept[..10], [0; 10]);
    assert_eq!(kept[10..21], [10; 11]);
    assert_eq!(kept[21], 21);
}

#[test]
fn a_single_message_is_written_without_waking_the_flusher() {
    let (shared, peer) = connected();

    let sent = shared.offer(&mut lock(&shared.state), b"eleven byte");

    assert!(matches!(sent, Some(Ok(()))), "{sent:?}");
    assert_eq!(arrived(&peer), frame(b"eleven byte"));
    assert!(!shared.bell.is_rung());
}

#[test]
fn the_flusher_writes_what_the_kernel_has_no_room_for() {
    let (shared, _peer) = connected();
    let mut state = lock(&shared.state);
    let connection = state.connection.clone().unwrap();
    while connection.write(&[7; 4096]).is_ok() {}

    let queued = shared.offer(&mut state, b"eleven byte");

    assert!(matches!(queued, Some(Ok(()))), "{queued:?}");
    assert_eq!(state.queue, frame(b"eleven byte"));
    assert!(shared.bell.is_rung());
}

#[test]
fn without_a_connection_the_flusher_is_not_woken() {
    let (shared, _peer) = connected();
    let mut state = lock(&shared.state);
    state.connection = None;

    let queued = shared.offer(&mut state, b"eleven byte");

    assert!(matches!(queued, Some(Ok(()))), "{queued:?}");
    assert_eq!(state.queue, frame(b"eleven byte"));
    assert!(!shared.bell.is_rung());
}

#[test]
fn a_sender_that_finds_the_queue_full_writes_it() {
    let (shared, peer) = connected();
    let mut state = lock(&shared.state);
    assert!(state.queue_if_room(b"first bytes", 40));
    assert!(state.queue_if_room(b"other bytes", 40));

    let sent = shared.offer(&mut state, b"third bytes");

    assert!(matches!(sent, Some(Ok(()))), "{sent:?}");
    assert_eq!(
        arrived(&peer),
        [frame(b"first bytes"), frame(b"other bytes")].concat()
    );
    assert_eq!(state.queue, frame(b"third bytes"));
    assert!(!state.full);
    assert!(!shared.bell.is_rung());
}

#[test]
fn a_sender_that_finds_the_queue_full_does_not_write_while_another_does() {
    let (shared, peer) = connected();
    let mut state = lock(&shared.state);
    state.writing = true;
    assert!(state.queue_if_room(b"first bytes", 40));
    assert!(state.queue_if_room(b"other bytes", 40));

    let refused = shared.offer(&mut state, b"third bytes");

    assert!(refused.is_none(), "{refused:?}");
    assert_eq!(arrived(&peer), b"");
    assert_eq!(state.queue.len(), 40);
    assert!(state.full);
}

#[test]
fn what_waits_is_written_in_parts_and_makes_room_in_the_queue_twice() {
    let (shared, peer) = connected();
    let mut state = lock(&shared.state);
    let long = vec![7; 1 << 20];
    state.queue_frame(&long, 40);

    let batched = shared.write_waiting(&mut state);
    let mut bytes = arrived(&peer);
    assert!(batched);
    assert!(!bytes.is_empty() && state.sent == bytes.len());
    state.queue_frame(b"other bytes", 40);
    let mut made = Vec::new();
    while !state.is_drained() {
        made.push(shared.write_waiting(&mut state));
        bytes.extend(arrived(&peer));
    }

    assert_eq!(made.pop(), Some(true));
    assert!(!made.contains(&true), "{made:?}");
    assert!(bytes == [&frame::header(1 << 20)[..], &long, &frame(b"other bytes")].concat());
}

/// Lets a thread wait until `ready`, while `act` uses the state. Returns whether the
/// thread has learned of it before its time limit, when it looks anyway.
fn is_told(shared: &Shared, ready: fn(&State) -> bool, act: impl FnOnce(&mut State)) -> bool {
    let start = Instant::now();
    thread::scope(|scope| {
        let (look, looked) = mpsc::channel();
        let waits = scope.spawn(move || {
            wait_for(&shared.state, &shared.changed, Some(LONG), |state| {
                look.send(()).unwrap();
                ready(state).then_some(())
            })
        });
        looked.recv().unwrap();
        // The thread has the lock until it waits.
        act(&mut lock(&shared.state));
        waits.join().unwrap().is_some() && start.elapsed() < LONG
    })
}

#[test]
fn a_thread_that_waits_for_room_is_told_of_it_though_the_kernel_is_full() {
    let (shared, _peer) = connected();
    let mut state = lock(&shared.state);
    let connection = state.connection.clone().unwrap();
    while connection.write(&[7; 4096]).is_ok() {}
    state.queue_frame(b"first bytes", 40);
    drop(state);

    let told = is_told(
        &shared,
        |state| state.queue.is_empty(),
        |state| assert!(shared.write_waiting(state)),
    );

    assert!(told);
}

#[test]
fn a_thread_that_waits_for_the_end_of_a_batch_is_told_of_it() {
    let (shared, peer) = connected();
    let mut state = lock(&shared.state);
    state.queue_frame(&vec![7; 1 << 20], 40);
    shared.write_waiting(&mut state);
    drop(state);

    let told = is_told(&shared, State::is_drained, |state| {
        while !state.is_drained() {
            arrived(&peer);
            assert!(!shared.write_waiting(state));
        }
    });

    assert!(told);
}

#[test]
fn the_memory_of_a_queue_doubles_up_to_its_room() {
    let budget = Budget::new(1024 * KIB);
    let mut state = State {
        share: Share::of(Some(budget.clone())),
        ..State::default()
    };

    let memory = [20, 20, 20, 40, 1].map(|length| {
        state.queue_frame(&vec![7; length], 100);
        assert_eq!(budget.used(), state.queue.capacity());
        state.queue.capacity()
    });

    // 29 bytes, 58, 87, 136, 146.
    assert_eq!(memory, [58, 58, 100, 136, 146]);
}

#[test]
fn the_memory_of_both_buffers_is_counted() {
    let budget = Budget::new(1024 * KIB);
    let mut state = State {
        share: Share::of(Some(budget.clone())),
        queue: Vec::with_capacity(30),
        batch: Vec::with_capacity(40),
        ..State::default()
    };

    state.count_memory();

    assert_eq!(budget.used(), 70);
}

#[test]
fn a_message_is_queued_if_it_fits_exactly() {
    let mut state = State::default();

    assert!(queue(&mut state, 20, 60));
    assert!(queue(&mut state, 20, 60));
    assert!(queue(&mut state, 20, 60));

    assert!(!queue(&mut state, 9, 60));
    assert_eq!(state.queue.len(), 60);
}

#[test]
fn a_queue_uses_the_memory_that_it_has_though_its_room_became_less() {
    let budget = Budget::new(512 * KIB);
    let mut state = State {
        share: Share::of(Some(budget.clone())),
        ..State::default()
    };
    let mut other = Share::of(Some(budget));
    assert!(queue(&mut state, 24 * KIB, 64 * KIB));
    assert_eq!(state.queue.capacity(), 48 * KIB);

    // From now on the room is 32 KiB.
    other.set(512 * KIB);

    assert!(queue(&mut state, 24 * KIB, 64 * KIB));
    assert!(!queue(&mut state, 9, 64 * KIB));
}

#[test]
fn the_memory_of_an_empty_queue_above_its_room_is_given_back() {
    let budget = Budget::new(512 * KIB);
    let mut state = State {
        share: Share::of(Some(budget.clone())),
        ..State::default()
    };
    let mut next = |length| {
        assert!(queue(&mut state, length, 48 * KIB));
        assert!(state.next_batch(48 * KIB));
        state.end_batch();
        state.queue.capacity()
    };

    // The memory of the queue becomes that of the batch, and the other way round.
    let kept = [next(24 * KIB), next(10 * KIB), next(10 * KIB)];
    let mut other = Share::of(Some(budget));
    other.set(512 * KIB);
    let given_back = next(10 * KIB);

    assert_eq!(kept, [0, 48 * KIB, 20 * KIB]);
    assert_eq!(given_back, 0);
}

#[test]
fn a_socket_has_memory_to_give_back_if_one_of_its_buffers_has() {
    let memory = |queue, batch| {
        let state = State {
            queue: Vec::with_capacity(queue),
            batch: Vec::with_capacity(batch),
            ..State::default()
        };
        state.has_memory()
    };

    assert!(!memory(0, 0));
    assert!(memory(0, 7));
    assert!(memory(7, 0));
    assert!(memory(7, 7));
}
