//! Our transport with NNG's when peers come late, leave, vanish halfway through a
//! frame, or come back.

#![cfg(feature = "nng")]

use std::{
    io::{Read, Write},
    thread,
};

use ekuiper_sp::{Error, Options, Pull, Push, Rep, Req};
use ekuiper_tests::yardstick::{
    Address, GREETING_PULL, GREETING_PUSH, GREETING_REP, GREETING_REQ, LIMIT, body,
};
use nng::{Protocol, Socket};

/// The header of a frame of 100 bytes, and only a part of its body.
const PARTIAL_FRAME: &[u8] = b"\x01\0\0\0\0\0\0\0\x64\x80\0\0\x01 only this and no more";

fn options() -> Options {
    Options::default()
}

/// Receives the next request, and ignores that other peers are lost meanwhile.
fn next_request(rep: &mut Rep) -> Vec<u8> {
    loop {
        match rep.recv(Some(LIMIT)) {
            Ok(request) => return request.to_vec(),
            Err(Error::Disconnected | Error::Protocol(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Receives the next row, and ignores that other peers are lost meanwhile.
fn next_row(pull: &mut Pull) -> Vec<u8> {
    loop {
        match pull.recv(Some(LIMIT)) {
            Ok(row) => return row.to_vec(),
            Err(Error::Protocol(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits for a connection, asks, and checks the answer.
fn our_round_trip(req: &mut Req, rep: &Socket) {
    req.wait_connected(Some(LIMIT)).unwrap();
    req.send(b"question").unwrap();
    assert_eq!(*rep.recv().unwrap(), *b"question");
    rep.send(&b"answer"[..]).unwrap();
    assert_eq!(req.recv(Some(LIMIT)).unwrap(), b"answer");
}

/// Asks with NNG's socket, and checks the answer.
fn nng_round_trip(req: &Socket, rep: &mut Rep) {
    req.send(&b"question"[..]).unwrap();
    assert_eq!(next_request(rep), b"question");
    rep.send(b"answer", Some(LIMIT)).unwrap();
    assert_eq!(*req.recv().unwrap(), *b"answer");
}

#[test]
fn our_push_waits_for_a_late_nng_pull() {
    let address = Address::new();
    let push = Push::dial(&address.url(), options()).unwrap();

    push.send(b"early", Some(LIMIT)).unwrap();
    let pull = address.nng_listens(Protocol::Pull0);

    assert_eq!(*pull.recv().unwrap(), *b"early");
}

#[test]
fn nng_push_reaches_our_late_pull() {
    let address = Address::new();
    let push = address.nng_dials(Protocol::Push0);

    let mut pull = Pull::listen(&address.url(), options()).unwrap();
    push.send(&b"row"[..]).unwrap();

    assert_eq!(pull.recv(Some(LIMIT)).unwrap(), b"row");
}

#[test]
fn our_req_waits_for_a_late_nng_rep() {
    let address = Address::new();
    let mut req = Req::dial(&address.url(), options()).unwrap();

    let rep = address.nng_listens(Protocol::Rep0);

    our_round_trip(&mut req, &rep);
}

#[test]
fn nng_req_reaches_our_late_rep() {
    let address = Address::new();
    let req = address.nng_dials(Protocol::Req0);

    let mut rep = Rep::listen(&address.url(), options()).unwrap();

    nng_round_trip(&req, &mut rep);
}

#[test]
fn our_push_resumes_when_its_nng_pull_listens_again() {
    let address = Address::new();
    let pull = address.nng_listens(Protocol::Pull0);
    let push = Push::dial(&address.url(), options()).unwrap();
    push.send(b"before", Some(LIMIT)).unwrap();
    assert_eq!(*pull.recv().unwrap(), *b"before");

    drop(pull);
    while push.is_connected() {
        thread::yield_now();
    }
    push.send(b"after", Some(LIMIT)).unwrap();
    let pull = address.nng_listens(Protocol::Pull0);

    assert_eq!(*pull.recv().unwrap(), *b"after");
}

#[test]
fn nng_push_resumes_when_our_pull_listens_again() {
    let address = Address::new();
    let mut pull = Pull::listen(&address.url(), options()).unwrap();
    let push = address.nng_dials(Protocol::Push0);
    push.send(&b"before"[..]).unwrap();
    assert_eq!(pull.recv(Some(LIMIT)).unwrap(), b"before");

    drop(pull);
    let mut pull = Pull::listen(&address.url(), options()).unwrap();
    // NNG loses the rows that it sends before it notices the end: send until one
    // arrives.
    thread::scope(|scope| {
        let rows = scope.spawn(|| next_row(&mut pull));
        while !rows.is_finished() {
            push.send(&b"after"[..]).unwrap();
            thread::yield_now();
        }

        assert_eq!(rows.join().unwrap(), b"after");
    });
}

#[test]
fn our_req_reports_a_lost_nng_rep_and_asks_the_next_one() {
    let address = Address::new();
    let rep = address.nng_listens(Protocol::Rep0);
    let mut req = Req::dial(&address.url(), options()).unwrap();
    req.wait_connected(Some(LIMIT)).unwrap();
    req.send(b"never answered").unwrap();
    assert_eq!(*rep.recv().unwrap(), *b"never answered");

    drop(rep);
    let lost = req.recv(Some(LIMIT)).map(<[u8]>::to_vec);
    let unsent = req.send(b"an answer to the one before");
    let rep = address.nng_listens(Protocol::Rep0);

    assert!(matches!(lost, Err(Error::Disconnected)), "{lost:?}");
    assert!(matches!(unsent, Err(Error::Disconnected)), "{unsent:?}");
    our_round_trip(&mut req, &rep);
}

#[test]
fn nng_req_reports_that_our_rep_is_lost_and_asks_the_next_one() {
    let address = Address::new();
    let mut rep = Rep::listen(&address.url(), options()).unwrap();
    let req = address.nng_dials(Protocol::Req0);
    req.send(&b"never answered"[..]).unwrap();
    assert_eq!(rep.recv(Some(LIMIT)).unwrap(), b"never answered");

    drop(rep);
    let lost = req.recv().map(|message| message.to_vec());
    let mut rep = Rep::listen(&address.url(), options()).unwrap();

    assert_eq!(lost, Err(nng::Error::ConnectionReset));
    nng_round_trip(&req, &mut rep);
}

#[test]
fn our_rep_reports_a_lost_nng_peer_and_serves_the_next_one() {
    let address = Address::new();
    let mut rep = Rep::listen(&address.url(), options()).unwrap();
    let req = address.nng_dials(Protocol::Req0);
    nng_round_trip(&req, &mut rep);

    drop(req);
    let gone = rep.recv(Some(LIMIT)).map(<[u8]>::to_vec);
    let req = address.nng_dials(Protocol::Req0);

    assert!(matches!(gone, Err(Error::Disconnected)), "{gone:?}");
    nng_round_trip(&req, &mut rep);
}

#[test]
fn our_pull_drops_the_partial_row_of_a_vanished_peer_and_takes_the_next_row() {
    let address = Address::new();
    let mut pull = Pull::listen(&address.url(), options()).unwrap();
    let mut vanishing = address.raw_dials(GREETING_PUSH);
    vanishing.write_all(PARTIAL_FRAME).unwrap();
    drop(vanishing);

    let push = address.nng_dials(Protocol::Push0);
    push.send(&b"row"[..]).unwrap();

    assert_eq!(next_row(&mut pull), b"row");
}

#[test]
fn our_rep_drops_the_partial_request_of_a_vanished_peer_and_serves_the_next_one() {
    let address = Address::new();
    let mut rep = Rep::listen(&address.url(), options()).unwrap();
    let mut vanishing = address.raw_dials(GREETING_REQ);
    vanishing.write_all(PARTIAL_FRAME).unwrap();
    drop(vanishing);

    let req = address.nng_dials(Protocol::Req0);

    nng_round_trip(&req, &mut rep);
}

#[test]
fn our_req_drops_the_partial_reply_of_a_vanished_peer_and_asks_the_next_one() {
    let address = Address::new();
    let mut req = Req::dial(&address.url(), options()).unwrap();
    let mut vanishing = address.raw_listens(GREETING_REP);
    req.wait_connected(Some(LIMIT)).unwrap();
    req.send(b"question").unwrap();
    vanishing.write_all(PARTIAL_FRAME).unwrap();
    drop(vanishing);

    let lost = req.recv(Some(LIMIT)).map(<[u8]>::to_vec);
    let rep = address.nng_listens(Protocol::Rep0);

    assert!(
        matches!(lost, Err(Error::Disconnected | Error::Protocol(_))),
        "{lost:?}"
    );
    our_round_trip(&mut req, &rep);
}

#[test]
fn our_push_resends_a_row_to_the_next_peer_if_a_peer_vanishes_halfway_through_it() {
    let address = Address::new();
    let large = body(16 << 20);
    let push = Push::dial(&address.url(), options()).unwrap();
    let mut vanishing = address.raw_listens(GREETING_PULL);

    thread::scope(|scope| {
        let sent = scope.spawn(|| push.send(&large, Some(LIMIT)));
        vanishing.read_exact(&mut [0; 1 << 20]).unwrap();
        drop(vanishing);
        let pull = address.nng_listens(Protocol::Pull0);

        let row = pull.recv().unwrap();
        sent.join().unwrap().unwrap();
        push.send(b"the next row", Some(LIMIT)).unwrap();

        assert!(*row == *large, "{} bytes", row.len());
        assert_eq!(*pull.recv().unwrap(), *b"the next row");
    });
}

#[test]
fn nng_pull_drops_the_partial_row_of_a_vanished_peer_and_takes_our_next_row() {
    let address = Address::new();
    let pull = address.nng_listens(Protocol::Pull0);
    let mut vanishing = address.raw_dials(GREETING_PUSH);
    vanishing.write_all(PARTIAL_FRAME).unwrap();
    drop(vanishing);

    let push = Push::dial(&address.url(), options()).unwrap();
    push.send(b"row", Some(LIMIT)).unwrap();

    assert_eq!(*pull.recv().unwrap(), *b"row");
}

#[test]
fn our_pull_replaces_the_socket_file_of_a_killed_process() {
    let address = Address::new();
    // Dropping a standard listener leaves its file, as a killed process does.
    drop(std::os::unix::net::UnixListener::bind(address.path()).unwrap());

    let mut pull = Pull::listen(&address.url(), options()).unwrap();
    let push = address.nng_dials(Protocol::Push0);
    push.send(&b"row"[..]).unwrap();

    assert_eq!(pull.recv(Some(LIMIT)).unwrap(), b"row");
}

#[test]
fn our_pull_does_not_take_an_address_on_which_nng_listens() {
    let address = Address::new();
    let _pull = address.nng_listens(Protocol::Pull0);

    let refused = Pull::listen(&address.url(), options());

    let pid = std::process::id();
    assert!(
        matches!(&refused, Err(Error::InUse { pid: Some(found), .. }) if *found == pid),
        "{:?}",
        refused.err()
    );
    assert!(address.path().exists());
}
