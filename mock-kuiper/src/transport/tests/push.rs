//! Sending rows to a sink.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn an_address_without_a_pull_socket_is_unreachable() {
    for backend in BACKENDS {
        let unreachable = |address: &Address| {
            let limit = Duration::from_millis(300);
            let begin = Instant::now();
            let error = Push::connect(*backend, &address.url(), Options::default(), limit);
            assert!(begin.elapsed() < LIMIT.unwrap());
            let error = error.unwrap_err();
            assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        };
        let nobody = Address::new();
        let silent = Address::new();
        let _silent = UnixListener::bind(silent.path()).unwrap();
        let wrong = Address::new();
        let _wrong = sp::Rep::listen(&wrong.url(), Options::default()).unwrap();

        unreachable(&nobody);
        unreachable(&silent);
        unreachable(&wrong);
    }
}

#[test]
fn a_sender_times_out_if_nobody_reads_and_loses_nothing() {
    for backend in BACKENDS {
        let address = Address::new();
        let mut sink = address.plugin_pull();
        let push = address.push(*backend);
        let row = vec![b'x'; 64 * 1024];

        let sent = (0..1000).take_while(|_| match push.send(&row, SHORT) {
            Ok(()) => true,
            Err(Error::TimedOut) => false,
            Err(error) => panic!("{error}"),
        });
        let sent = sent.count();
        assert!((1..1000).contains(&sent), "{sent}");
        assert!(matches!(push.flush(SHORT.unwrap()), Err(Error::TimedOut)));

        for _ in 0..sent {
            assert_eq!(sink.recv(LIMIT).unwrap().len(), row.len());
        }
        push.flush(LIMIT.unwrap()).unwrap();
        assert!(matches!(sink.recv(SHORT), Err(Error::TimedOut)));
    }
}

#[test]
fn a_sender_reconnects_and_reports_peers_until_it_is_closed() {
    for backend in BACKENDS {
        let address = Address::new();
        let (options, seen) = watched();
        let first = address.plugin_pull();
        let limit = LIMIT.unwrap();
        let mut push = Push::connect(*backend, &address.url(), options, limit).unwrap();
        drop(first);
        let mut second = address.plugin_pull();

        let lost = || seen.lock().unwrap().len() >= 2;
        while !lost() {
            assert!(second.recv(SHORT).is_err());
        }
        push.send(b"row", LIMIT).unwrap();
        assert_eq!(second.recv(LIMIT).unwrap(), b"row");
        push.close();
        let sent = push.send(b"late", LIMIT);

        assert!(matches!(sent, Err(Error::Closed)), "{sent:?}");
        let presences = seen.lock().unwrap();
        let presences: Vec<_> = presences.iter().map(|(_, presence)| *presence).collect();
        let connected = Presence::Connected;
        // On a busy machine it may take more than one attempt.
        assert!(
            presences.starts_with(&[connected, Presence::Left, connected]),
            "{presences:?}"
        );
    }
}

#[test]
fn a_sender_survives_peers_that_disconnect_while_it_sends() {
    for backend in BACKENDS {
        let times = match backend {
            // The pauses between attempts grow while every peer leaves.
            Backend::Sp => 10,
            #[cfg(feature = "nng")]
            Backend::Nng => 200,
        };
        let address = Address::new();
        let peers = UnixListener::bind(address.path()).unwrap();
        let gone = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&gone);
        let peers = thread::spawn(move || {
            for _ in 0..times {
                let (mut peer, _) = peers.accept().unwrap();
                peer.write_all(b"\0SP\0\0\x51\0\0").unwrap();
                peer.read_exact(&mut [0; 12]).unwrap();
            }
            over.store(true, Ordering::SeqCst);
        });
        let push = address.push(*backend);

        while !gone.load(Ordering::SeqCst) {
            let sent = push.send(b"row", SHORT);
            assert!(matches!(sent, Ok(()) | Err(Error::TimedOut)), "{sent:?}");
        }

        peers.join().unwrap();
        // Read in another thread: the sender's queue is full of rows, so a send may
        // have to wait for a read.
        let mut last = address.plugin_pull();
        let reader = thread::spawn(move || while last.recv(LIMIT).unwrap() != b"last" {});
        while !reader.is_finished() {
            let sent = push.send(b"last", SHORT);
            assert!(matches!(sent, Ok(()) | Err(Error::TimedOut)), "{sent:?}");
        }
        reader.join().unwrap();
    }
}
