//! The faults of a channel on a plain socket: it carries out whatever comes,
//! under whatever id, and may answer twice.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    thread,
    time::Duration,
};

const HEADER: [u8; 8] = [0, b'S', b'P', 0, 0, 0x30, 0, 0];

/// Greets and answers every order, on one connection after the other; `twice`
/// tells which are answered twice.
pub(crate) fn serve(
    path: &str,
    mut answer: impl FnMut(&[u8]) -> Vec<u8>,
    twice: impl Fn(&[u8]) -> bool,
) -> ! {
    loop {
        // It is over when the host hangs up.
        let _ = run(path, &mut answer, &twice);
        thread::sleep(Duration::from_millis(10));
    }
}

fn run(
    path: &str,
    answer: &mut dyn FnMut(&[u8]) -> Vec<u8>,
    twice: &dyn Fn(&[u8]) -> bool,
) -> io::Result<()> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(&HEADER)?;
    stream.read_exact(&mut [0; 8])?;
    let mut id = 0x8000_0001_u32;
    send(&mut stream, id, b"handshake")?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = u64::from_be_bytes(head[1..].try_into().unwrap_or_default());
        let mut message = vec![0; usize::try_from(length).unwrap_or_default()];
        stream.read_exact(&mut message)?;
        let order = message.get(4..).unwrap_or_default();
        let answered = answer(order);
        for _ in 0..1 + usize::from(twice(order)) {
            id += 1;
            send(&mut stream, id, &answered)?;
        }
    }
}

fn send(stream: &mut UnixStream, id: u32, body: &[u8]) -> io::Result<()> {
    let length = (body.len() as u64 + 4).to_be_bytes();
    stream.write_all(&[&[1][..], &length, &id.to_be_bytes(), body].concat())
}
