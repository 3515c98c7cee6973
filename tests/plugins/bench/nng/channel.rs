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

/// Greets and answers orders, on one connection after the other; returns an
/// error of NNG's that is no lost connection.
pub(crate) fn serve(url: &str, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> Error {
    let ended = dial(url).and_then(|socket| {
        let mut message = GREETING.to_vec();
        loop {
            socket.send(&message).map_err(|(_, error)| error)?;
            message = match socket.recv() {
                Ok(order) => answer(&order),
                Err(Error::ConnectionReset) => GREETING.to_vec(),
                Err(error) => return Err(error),
            };
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

/// How long an instance waits in NNG before it looks whether it was stopped.
///
/// A close of its socket would end the wait at once, but NNG 1.4 dies now and
/// then of a close while something is sent.
pub(crate) const STEP: Duration = Duration::from_millis(50);

/// Dials in the background, 10 ms after a failure, or later by and by.
pub(crate) fn dial_in_background(socket: &Socket, url: &str) -> Result<(), Error> {
    socket.set_opt::<ReconnectMinTime>(Some(Duration::from_millis(10)))?;
    socket.set_opt::<ReconnectMaxTime>(Some(Duration::from_millis(500)))?;
    socket.dial_async(url)
}
