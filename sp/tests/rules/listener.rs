use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Options, Peer, Pull, Push, Rep, claim};
use rustix::fs::{FlockOperation, flock};

use crate::common::*;

/// The variable with the address on which [`another_process`] listens.
const ADDRESS: &str = "EKUIPER_SP_TEST_ADDRESS";

#[test]
fn a_stale_socket_file_is_removed() {
    let place = Place::new();
    drop(UnixListener::bind(place.path()).unwrap());
    assert!(place.path().exists());

    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();
    let push = Push::connect(&place.url(), Options::default(), LONG).unwrap();
    push.send(b"row", LIMIT).unwrap();

    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
    let files = fs::read_dir(place.path().parent().unwrap()).unwrap();
    assert_eq!(files.count(), 1, "the directory holds other files");
}

#[test]
fn a_file_that_is_not_a_socket_is_left_alone() {
    let place = Place::new();
    fs::write(place.path(), "precious").unwrap();

    let error = Rep::listen(&place.url(), Options::default()).unwrap_err();

    assert!(matches!(error, Error::NotASocket { .. }), "{error}");
    assert_eq!(fs::read(place.path()).unwrap(), b"precious");
}

/// Listens as the user 65534, and returns the error.
fn refused_as_another_user(url: &str) -> Error {
    let url = url.to_owned();
    let listen = move || {
        // Of this thread alone.
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65534)).unwrap();
        Pull::listen(&url, Options::default()).unwrap_err()
    };
    thread::spawn(listen).join().unwrap()
}

#[test]
fn a_socket_file_of_another_user_is_in_use_only_if_somebody_listens_there() {
    if !rustix::process::getuid().is_root() {
        eprintln!("skipped: only root can act as two users");
        return;
    }
    let place = Place::new();
    let everyone = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(place.path().parent().unwrap(), everyone(0o1777)).unwrap();
    for mode in [0o755, 0o777] {
        let listener = UnixListener::bind(place.path()).unwrap();
        fs::set_permissions(place.path(), everyone(mode)).unwrap();

        let while_listening = refused_as_another_user(&place.url());
        drop(listener);
        let stale = refused_as_another_user(&place.url());

        assert!(
            matches!(while_listening, Error::InUse { .. }),
            "{while_listening}"
        );
        assert!(
            matches!(&stale, Error::StaleFile { owner: 0, path } if *path == place.path()),
            "{stale}"
        );
        assert!(place.path().exists());
        fs::remove_file(place.path()).unwrap();
    }
}

#[test]
fn the_error_for_an_address_in_use_names_the_process_that_listens() {
    let place = Place::new();
    let _rep = Rep::listen(&place.url(), Options::default()).unwrap();

    let error = Rep::listen(&place.url(), Options::default()).unwrap_err();

    let Error::InUse { path, pid } = &error else {
        panic!("{error}");
    };
    assert_eq!(*path, place.path());
    if cfg!(target_os = "linux") {
        assert_eq!(*pid, Some(std::process::id()));
        assert_eq!(
            error.to_string(),
            format!(
                "address {} is in use by process {}",
                place.path().display(),
                std::process::id()
            )
        );
    }
}

#[test]
fn the_error_for_an_address_in_use_has_the_pid_of_another_process() {
    let place = Place::new();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "listener::another_process", "--nocapture"])
        .env(ADDRESS, place.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(other.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "it exited");
    }

    let error = Rep::listen(&place.url(), Options::default()).unwrap_err();
    other.kill().unwrap();
    other.wait().unwrap();

    let Error::InUse { pid, .. } = error else {
        panic!("{error}");
    };
    if cfg!(target_os = "linux") {
        assert_eq!(pid, Some(other.id()));
    }
    assert!(place.path().exists(), "a killed process leaves its file");
    Rep::listen(&place.url(), Options::default()).unwrap();
}

/// Not a test: the other process of the test above.
#[test]
fn another_process() {
    let Ok(url) = std::env::var(ADDRESS) else {
        return;
    };
    let _rep = Rep::listen(&url, Options::default()).unwrap();
    println!("listening");
    let _ = io::stdin().read(&mut [0]);
}

#[test]
fn concurrent_binds_to_a_stale_address_have_one_winner() {
    for _ in 0..30 {
        let place = Place::new();
        drop(UnixListener::bind(place.path()).unwrap());
        let start = Barrier::new(8);

        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        Pull::listen(&place.url(), Options::default())
                    })
                })
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });

        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        for error in lost {
            let error = error.unwrap_err();
            assert!(matches!(error, Error::InUse { .. }), "{error}");
        }
        Push::connect(&place.url(), Options::default(), LONG)
            .expect("the socket file belongs to the winner");
    }
}

#[test]
fn a_listener_waits_a_second_for_an_address_that_is_claimed() {
    let place = Place::new();
    let claimed = claim(&place.url()).unwrap();
    let start = Instant::now();

    let _pull = Pull::listen(&place.url(), Options::default()).unwrap();

    assert!(start.elapsed() >= Duration::from_secs(1));
    drop(claimed);
}

#[test]
fn claiming_an_address_removes_a_stale_socket_file_and_no_other() {
    let place = Place::new();
    drop(UnixListener::bind(place.path()).unwrap());

    let stale = claim(&place.url()).map(drop);
    assert!(!place.path().exists());
    let listener = UnixListener::bind(place.path()).unwrap();
    let peer = thread::spawn(move || drop(listener.accept().unwrap()));
    let in_use = claim(&place.url()).unwrap_err();
    assert!(place.path().exists());
    fs::remove_file(place.path()).unwrap();
    fs::write(place.path(), "precious").unwrap();
    let foreign = claim(&place.url()).unwrap_err();

    assert!(stale.is_ok(), "{stale:?}");
    assert!(matches!(in_use, Error::InUse { .. }), "{in_use}");
    assert!(matches!(foreign, Error::NotASocket { .. }), "{foreign}");
    assert_eq!(fs::read(place.path()).unwrap(), b"precious");
    peer.join().unwrap();
}

#[test]
fn an_address_whose_file_cannot_be_looked_at_cannot_be_claimed() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();

    let error = claim(&format!("{}/below", place.url())).unwrap_err();

    assert_eq!(
        error.to_string(),
        format!(
            "cannot remove the stale socket file {}/below: Not a directory (os error 20)",
            place.path().display()
        )
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_is_in_use_though_its_backlog_is_full() {
    let place = Place::new();
    let listener = place.listen_raw();
    rustix::net::listen(&listener, 0).unwrap();
    let _first = place.connect_raw();

    let error = Pull::listen(&place.url(), Options::default()).unwrap_err();

    assert!(matches!(error, Error::InUse { pid: None, .. }), "{error}");
    assert!(place.path().exists());
}

#[test]
fn dropping_a_listener_removes_its_file() {
    let place = Place::new();
    let pull = Pull::listen(&place.url(), Options::default()).unwrap();
    assert!(place.path().exists());

    drop(pull);

    assert!(!place.path().exists());
}

#[test]
fn dropping_a_listener_keeps_a_file_that_replaced_its_own() {
    let place = Place::new();
    let old = Pull::listen(&place.url(), Options::default()).unwrap();
    fs::remove_file(place.path()).unwrap();
    let mut new = Pull::listen(&place.url(), Options::default()).unwrap();

    drop(old);

    let push = Push::connect(&place.url(), Options::default(), LONG).unwrap();
    push.send(b"row", LIMIT).unwrap();
    assert_eq!(new.recv(LIMIT).unwrap(), b"row");
}

#[test]
fn a_peer_that_is_not_admitted_is_closed_without_a_greeting() {
    let place = Place::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut options = Options::default();
    let record = Arc::clone(&seen);
    options.admit = Some(Arc::new(move |peer: &Peer| {
        let mut seen = record.lock().unwrap();
        seen.push(peer.pid);
        seen.len() > 1
    }));
    let mut pull = Pull::listen(&place.url(), options).unwrap();

    let mut refused = place.connect_raw();
    let mut rest = Vec::new();
    refused.read_to_end(&mut rest).unwrap();
    let push = Push::connect(&place.url(), Options::default(), LONG).unwrap();
    push.send(b"row", LIMIT).unwrap();

    assert_eq!(rest, b"");
    assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
    if cfg!(target_os = "linux") {
        assert_eq!(*seen.lock().unwrap(), [Some(std::process::id()); 2]);
    }
}

#[test]
fn the_error_for_a_missing_directory_names_the_path() {
    let error = Pull::listen("ipc:///nowhere/at/all.ipc", Options::default()).unwrap_err();

    assert!(
        error
            .to_string()
            .starts_with("cannot listen at /nowhere/at/all.ipc: "),
        "{error}"
    );
}

#[test]
fn the_check_for_an_address_in_use_waits_for_the_greeting() {
    let place = Place::new();
    let listener = place.listen_raw();

    thread::scope(|scope| {
        let bind = scope.spawn(|| Pull::listen(&place.url(), Options::default()));
        let mut peer = listener.accept().unwrap().0;
        peer.write_all(PULL).unwrap();
        let mut rest = Vec::new();

        // Leaving with the greeting unread would reset the connection, and this
        // read would fail.
        assert_eq!(peer.read_to_end(&mut rest).unwrap(), 0);
        assert!(matches!(bind.join().unwrap(), Err(Error::InUse { .. })));
    });
}

#[test]
fn other_addresses_do_not_wait_for_the_greeting_of_one_in_use() {
    let place = Place::new();
    let listener = place.listen_raw();
    let directory = fs::File::open(place.path().parent().unwrap()).unwrap();

    // Whether a listener may lock the directory while another one waits for the
    // greeting of the socket that listens already. Only a machine that stands still
    // for the whole second of that wait misses it.
    let is_free = || {
        thread::scope(|scope| {
            let bind = scope.spawn(|| Pull::listen(&place.url(), Options::default()));
            let mut peer = listener.accept().unwrap().0;
            while flock(&directory, FlockOperation::NonBlockingLockExclusive).is_err() {
                thread::yield_now();
            }
            peer.set_nonblocking(true).unwrap();
            let waits = peer.read(&mut [0; 8]);
            flock(&directory, FlockOperation::Unlock).unwrap();
            peer.write_all(PULL).ok();
            assert!(matches!(bind.join().unwrap(), Err(Error::InUse { .. })));
            waits.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        })
    };

    assert!((0..5).any(|_| is_free()));
}

#[test]
fn a_message_is_received_though_the_peer_left_after_sending_it() {
    let place = Place::new();
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();

    for _ in 0..50 {
        // It often leaves before its greeting is answered.
        let mut peer = place.connect_raw();
        peer.write_all(&[&PUSH[..], &frame(b"row")].concat())
            .unwrap();
        drop(peer);

        assert_eq!(pull.recv(LIMIT).unwrap(), b"row");
    }
}

#[test]
fn a_socket_shows_its_address() {
    let place = Place::new();
    let pull = Pull::listen(&place.url(), Options::default()).unwrap();
    let push = dial(&place);

    for shown in [format!("{pull:?}"), format!("{push:?}")] {
        assert!(shown.contains(&format!("{:?}", place.path())), "{shown}");
    }
}
