//! The fault `careless-ids`: a control channel on a plain socket, which carries
//! out whatever comes, under whatever id.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

const HEADER: [u8; 8] = [0, b'S', b'P', 0, 0, 0x30, 0, 0];

/// Greets and answers every order, until the connection ends.
pub(crate) fn serve(path: &str, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> io::Error {
    run(path, &mut answer)
        .err()
        .unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn run(path: &str, answer: &mut dyn FnMut(&[u8]) -> Vec<u8>) -> io::Result<()> {
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
        let answered = answer(message.get(4..).unwrap_or_default());
        id += 1;
        send(&mut stream, id, &answered)?;
    }
}

fn send(stream: &mut UnixStream, id: u32, body: &[u8]) -> io::Result<()> {
    let length = (body.len() as u64 + 4).to_be_bytes();
    stream.write_all(&[&[1][..], &length, &id.to_be_bytes(), body].concat())
}
