#![allow(missing_docs)]
use ekuiper_sp::*;
use std::time::Duration;
const S5: Option<Duration> = Some(Duration::from_secs(5));
#[test]
fn req_rep() {
    let d = tempfile::tempdir().unwrap();
    let url = format!("ipc://{}/a.ipc", d.path().display());
    let mut rep = Rep::listen(&url, Options::default()).unwrap();
    let u2 = url.clone();
    let t = std::thread::spawn(move || {
        let mut req = Req::dial(&u2, Options::default()).unwrap();
        req.wait_connected(S5).unwrap();
        req.send(b"handshake").unwrap();
        for _ in 0..1000 {
            let x = req.recv(S5).unwrap().to_vec();
            req.send(&x).unwrap();
        }
    });
    assert_eq!(rep.recv(S5).unwrap(), b"handshake");
    for i in 0..1000 {
        let m = vec![7u8; i * 100];
        rep.send(&m, S5).unwrap();
        assert_eq!(rep.recv(S5).unwrap(), m);
    }
    assert!(matches!(rep.recv(S5), Err(Error::Disconnected)));
    t.join().unwrap();
    drop(rep);
    assert!(!d.path().join("a.ipc").exists());
}
#[test]
fn push_pull() {
    let d = tempfile::tempdir().unwrap();
    let url = format!("ipc://{}/a.ipc", d.path().display());
    let push = Push::dial(&url, Options::default()).unwrap();
    let u2 = url.clone();
    let t = std::thread::spawn(move || {
        let mut pull = Pull::listen(&u2, Options::default()).unwrap();
        for i in 0..200_000u32 {
            let m = pull.recv(S5).unwrap();
            assert_eq!(m[..4], i.to_be_bytes());
            assert_eq!(m.len(), 4 + (i as usize % 300));
        }
    });
    let t0 = std::time::Instant::now();
    for i in 0..200_000u32 {
        let mut m = i.to_be_bytes().to_vec();
        m.resize(4 + (i as usize % 300), 1);
        push.send(&m, S5).unwrap();
    }
    t.join().unwrap();
    eprintln!("{:?}", t0.elapsed());
}
