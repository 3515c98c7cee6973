//! A channel on a plain socket, for faults that NNG does not allow: it answers a
//! message under any id, may answer twice, and may close each connection after
//! its answer.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    thread,
    time::Duration,
};

use ekuiper_tests::{nng_plugin::GREETING, yardstick::GREETING_REQ};

use crate::fault;

/// How long a plugin with one of these faults waits for an order before it greets
/// again: only such a plugin gets orders under ids that were abandoned.
const IDLE: Duration = Duration::from_secs(2);

/// How long after its answer a socket with the fault of a resend sends it again.
const RESEND: Duration = Duration::from_secs(1);

/// Greets and answers every message, on one connection after the other; answers
/// those twice for which `is_doubled` is true.
pub(crate) fn serve(
    url: &str,
    mut answer: impl FnMut(&[u8]) -> Vec<u8>,
    is_doubled: impl Fn(&[u8]) -> bool,
) -> ! {
    let path = url.trim_start_matches("ipc://");
    loop {
        // An error means that the host has closed the connection.
        let _ = serve_connection(path, &mut answer, &is_doubled);
        thread::sleep(Duration::from_millis(10));
    }
}

fn serve_connection(
    path: &str,
    answer: &mut dyn FnMut(&[u8]) -> Vec<u8>,
    is_doubled: &dyn Fn(&[u8]) -> bool,
) -> io::Result<()> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(&GREETING_REQ)?;
    stream.read_exact(&mut [0; 8])?;
    let mut id = 0x8000_0001_u32;
    send(&mut stream, id, GREETING)?;
    let mut last: Option<Vec<u8>> = None;
    loop {
        let mut head = [0; 9];
        let greets = fault::has("careless-ids") || fault::has("careless-calls");
        let is_late = fault::has("answers-after-a-minute") || fault::has("results-after-a-minute");
        let repeats = is_late || fault::has("answers-again") || fault::has("results-again");
        stream.set_read_timeout(match () {
            () if greets => Some(IDLE),
            () if is_late && last.is_some() => Some(Duration::from_secs(60)),
            () if repeats && last.is_some() => Some(RESEND),
            () => None,
        })?;
        while let Err(error) = stream.read_exact(&mut head[..1]) {
            if error.kind() != io::ErrorKind::WouldBlock {
                return Err(error);
            }
            if let Some(last) = last.take().filter(|_| repeats) {
                send(&mut stream, id, &last)?;
                stream.set_read_timeout(None)?;
            } else if greets {
                id += 1;
                send(&mut stream, id, GREETING)?;
            }
        }
        stream.set_read_timeout(None)?;
        stream.read_exact(&mut head[1..])?;
        let length = u64::from_be_bytes(head[1..].try_into().unwrap_or_default());
        let mut frame = vec![0; usize::try_from(length).unwrap_or_default()];
        stream.read_exact(&mut frame)?;
        let message = frame.get(4..).unwrap_or_default();
        let closes = fault::has("closes-after-answers");
        if closes && !frame.starts_with(&id.to_be_bytes()) {
            continue;
        }
        let answered = answer(message);
        for _ in 0..1 + usize::from(is_doubled(message)) {
            id += 1;
            send(&mut stream, id, &answered)?;
        }
        if closes {
            return Ok(());
        }
        // So that only the checks that listen after a refusal, or after a call with a short
        // result, meet the fault: with a long one, a busy host may take a second to go on.
        let is_refusal = String::from_utf8_lossy(&answered).contains("no_such_symbol");
        let is_short = fault::has("results-again") && answered.len() < 100;
        last = (is_late || is_short || is_refusal).then_some(answered);
    }
}

fn send(stream: &mut UnixStream, id: u32, body: &[u8]) -> io::Result<()> {
    let length = (body.len() as u64 + 4).to_be_bytes();
    stream.write_all(&[&[1][..], &length, &id.to_be_bytes(), body].concat())
}
