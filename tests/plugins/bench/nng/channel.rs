//! The plugin's end of a channel that carries orders: a REQ socket that greets.

use std::time::Duration;

use nng::{
    Error, Protocol, Socket,
    options::{
        Options, ReconnectMaxTime, ReconnectMinTime, RecvMaxSize, protocol::reqrep::ResendTime,
    },
};

/// What the plugin says first; no host looks at it.
const GREETING: &[u8] = b"handshake";

/// Greets and answers orders, for as long as the connection lives; returns why
/// no longer.
pub(crate) fn serve(url: &str, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> Error {
    let ended = dial(url).and_then(|socket| {
        let mut message = GREETING.to_vec();
        loop {
            socket.send(&message).map_err(|(_, error)| error)?;
            message = answer(&socket.recv()?);
        }
    });
    match ended {
        Ok(never) => never,
        Err(error) => error,
    }
}

/// Dials in the background, again and again; a send waits for the connection.
fn dial(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Req0)?;
    socket.set_opt::<RecvMaxSize>(0)?;
    socket.set_opt::<ResendTime>(None)?;
    dial_in_background(&socket, url)?;
    Ok(socket)
}

/// Dials in the background, 10 ms after a failure, or later by and by.
pub(crate) fn dial_in_background(socket: &Socket, url: &str) -> Result<(), Error> {
    socket.set_opt::<ReconnectMinTime>(Some(Duration::from_millis(10)))?;
    socket.set_opt::<ReconnectMaxTime>(Some(Duration::from_millis(500)))?;
    socket.dial_async(url)
}
