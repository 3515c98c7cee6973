//! Our transport with NNG's, for each pair of sockets and in both directions: what
//! one sends arrives at the other whole, in order and once.

#![cfg(feature = "nng")]

use std::{thread, time::Duration};

use ekuiper_sp::{Error, Options, Pull, Push, Rep, Req};
use ekuiper_tests::yardstick::{Address, LIMIT, body};
use nng::{
    Protocol,
    options::{Options as _, RecvTimeout},
};

const SIZES: [usize; 6] = [0, 1, 60, 64 << 10, 1 << 20, 16 << 20];

fn options() -> Options {
    Options::default()
}

#[test]
fn our_push_sends_bodies_of_every_size_to_nng_pull() {
    let address = Address::new();
    let pull = address.nng_listens(Protocol::Pull0);
    let push = Push::dial(&address.url(), options()).unwrap();

    for size in SIZES {
        push.send(&body(size), Some(LIMIT)).unwrap();

        assert!(*pull.recv().unwrap() == *body(size), "{size} bytes");
    }
}

#[test]
fn nng_push_sends_bodies_of_every_size_to_our_pull() {
    let address = Address::new();
    let mut pull = Pull::listen(&address.url(), options()).unwrap();
    let push = address.nng_dials(Protocol::Push0);

    for size in SIZES {
        push.send(&*body(size)).unwrap();

        assert!(
            *pull.recv(Some(LIMIT)).unwrap() == body(size),
            "{size} bytes"
        );
    }
}

#[test]
fn our_req_and_nng_rep_exchange_bodies_of_every_size() {
    let address = Address::new();
    let rep = address.nng_listens(Protocol::Rep0);
    let mut req = Req::dial(&address.url(), options()).unwrap();
    req.wait_connected(Some(LIMIT)).unwrap();

    for size in SIZES {
        let (asked, answer) = thread::scope(|scope| {
            let served = scope.spawn(|| {
                let asked = rep.recv().unwrap();
                rep.send(&*body(size)).unwrap();
                asked
            });
            req.send(&body(size)).unwrap();
            let answer = req.recv(Some(LIMIT)).unwrap();
            (served.join().unwrap(), answer)
        });

        assert!(*asked == *body(size), "request of {size} bytes");
        assert!(*answer == body(size), "reply of {size} bytes");
    }
}

#[test]
fn nng_req_and_our_rep_exchange_bodies_of_every_size() {
    let address = Address::new();
    let mut rep = Rep::listen(&address.url(), options()).unwrap();
    let req = address.nng_dials(Protocol::Req0);

    for size in SIZES {
        req.send(&*body(size)).unwrap();
        let asked = rep.recv(Some(LIMIT)).unwrap().to_vec();
        let answer = thread::scope(|scope| {
            let answer = scope.spawn(|| req.recv().unwrap());
            rep.send(&body(size), Some(LIMIT)).unwrap();
            answer.join().unwrap()
        });

        assert!(asked == body(size), "request of {size} bytes");
        assert!(*answer == *body(size), "reply of {size} bytes");
    }
}

/// A row that carries its number; the length differs from row to row, so that
/// rows never align with a buffer.
fn row(n: u32) -> Vec<u8> {
    let mut row = n.to_be_bytes().to_vec();
    row.resize(4 + n as usize * 37 % 1009, 0xaa);
    row
}

const ROWS: u32 = 10_000;

#[test]
fn our_push_keeps_the_order_of_10_000_rows_to_nng_pull() {
    let address = Address::new();
    let pull = address.nng_listens(Protocol::Pull0);
    let push = Push::dial(&address.url(), options()).unwrap();

    thread::scope(|scope| {
        scope.spawn(|| (0..ROWS).for_each(|n| push.send(&row(n), Some(LIMIT)).unwrap()));

        for n in 0..ROWS {
            assert_eq!(*pull.recv().unwrap(), *row(n), "row {n}");
        }
    });
}

#[test]
fn nng_push_keeps_the_order_of_10_000_rows_to_our_pull() {
    let address = Address::new();
    let mut pull = Pull::listen(&address.url(), options()).unwrap();
    let push = address.nng_dials(Protocol::Push0);

    thread::scope(|scope| {
        scope.spawn(|| (0..ROWS).for_each(|n| push.send(&*row(n)).unwrap()));

        for n in 0..ROWS {
            assert_eq!(pull.recv(Some(LIMIT)).unwrap(), row(n), "row {n}");
        }
    });
}

#[test]
fn our_req_sends_a_request_once() {
    let address = Address::new();
    let rep = address.nng_listens(Protocol::Rep0);
    let mut req = Req::dial(&address.url(), options()).unwrap();
    req.wait_connected(Some(LIMIT)).unwrap();

    req.send(b"once").unwrap();
    let first = rep.recv().unwrap();
    rep.set_opt::<RecvTimeout>(Some(Duration::from_millis(200)))
        .unwrap();
    let second = rep.recv();

    assert_eq!(*first, *b"once");
    assert_eq!(second.err(), Some(nng::Error::TimedOut));
}

#[test]
fn our_req_drops_the_reply_to_a_request_that_it_gave_up() {
    let address = Address::new();
    let rep = address.nng_listens(Protocol::Rep0);
    let mut req = Req::dial(&address.url(), options()).unwrap();
    req.wait_connected(Some(LIMIT)).unwrap();

    req.send(b"first").unwrap();
    assert_eq!(*rep.recv().unwrap(), *b"first");
    req.send(b"second").unwrap();
    rep.send(&b"to the first"[..]).unwrap();
    assert_eq!(*rep.recv().unwrap(), *b"second");
    rep.send(&b"to the second"[..]).unwrap();

    assert_eq!(req.recv(Some(LIMIT)).unwrap(), b"to the second");
}

#[test]
fn nng_req_drops_our_reply_to_a_request_that_it_gave_up() {
    let address = Address::new();
    let mut rep = Rep::listen(&address.url(), options()).unwrap();
    let req = address.nng_dials(Protocol::Req0);

    req.send(&b"first"[..]).unwrap();
    assert_eq!(rep.recv(Some(LIMIT)).unwrap(), b"first");
    req.send(&b"second"[..]).unwrap();
    rep.send(b"to the first", Some(LIMIT)).unwrap();
    assert_eq!(rep.recv(Some(LIMIT)).unwrap(), b"second");
    rep.send(b"to the second", Some(LIMIT)).unwrap();

    assert_eq!(*req.recv().unwrap(), *b"to the second");
}

#[test]
fn our_rep_answers_each_of_several_nng_peers() {
    let address = Address::new();
    let mut rep = Rep::listen(&address.url(), options()).unwrap();
    let peers: Vec<_> = (0..4).map(|_| address.nng_dials(Protocol::Req0)).collect();

    for (n, peer) in peers.iter().enumerate() {
        peer.send(format!("request {n}").as_bytes()).unwrap();
    }
    for _ in &peers {
        let asked = rep.recv(Some(LIMIT)).unwrap().to_vec();
        rep.send(&[b"reply to ", &*asked].concat(), Some(LIMIT))
            .unwrap();
    }

    for (n, peer) in peers.iter().enumerate() {
        let expected = format!("reply to request {n}");
        assert_eq!(*peer.recv().unwrap(), *expected.as_bytes());
    }
}

#[test]
fn our_pull_keeps_the_order_of_the_rows_of_each_nng_peer() {
    let address = Address::new();
    let mut pull = Pull::listen(&address.url(), options()).unwrap();
    let peers: Vec<_> = (0..4).map(|_| address.nng_dials(Protocol::Push0)).collect();

    thread::scope(|scope| {
        for (peer, socket) in (0_u8..).zip(&peers) {
            scope.spawn(move || (0_u8..200).for_each(|n| socket.send(&[peer, n][..]).unwrap()));
        }

        let mut next = [0; 4];
        for _ in 0..4 * 200 {
            let row = pull.recv(Some(LIMIT)).unwrap();
            let expected = &mut next[usize::from(row[0])];
            assert_eq!(row[1], *expected, "a row of peer {}", row[0]);
            *expected += 1;
        }
    });
}

#[test]
fn a_body_over_our_limit_closes_only_the_connection_of_its_nng_peer() {
    let address = Address::new();
    let mut limited = options();
    limited.max_message = Some(1 << 20);
    let mut pull = Pull::listen(&address.url(), limited).unwrap();
    let large = address.nng_dials(Protocol::Push0);
    let small = address.nng_dials(Protocol::Push0);

    large.send(&*body((1 << 20) + 1)).unwrap();
    let refused = pull.recv(Some(LIMIT)).map(<[u8]>::to_vec);
    drop(large);
    small.send(&*body(1 << 20)).unwrap();
    let taken = pull.recv(Some(LIMIT)).map(<[u8]>::to_vec);

    assert!(matches!(refused, Err(Error::Protocol(_))), "{refused:?}");
    assert!(taken.unwrap() == body(1 << 20));
}
