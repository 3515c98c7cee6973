//! The loop of the two channels on which the host asks: control and functions.
//!
//! The plugin holds the asking end of the socket, so everything is turned
//! round: its first request is a greeting, the host's reply is an order, and
//! its next request is that order's answer.
//!
//! It greets once for each connection and never because it is idle: hosts
//! before 2.1.3 take a greeting on control for an answer.
//!
//! Rules: docs/protocol.md, "Control channel" and "The greeting again".

use std::time::Duration;

use ekuiper_sp::{Error, Req};
use log::debug;

use crate::wire;

/// Serves a channel until it is closed from this side.
///
/// `answer` writes the answer to an order over its second argument. A lost
/// connection is dialed again: an answer that is due then is dropped, as is
/// whatever the host had sent, and the new connection is greeted. `reach` is how
/// long each of these may take; `None` is for ever.
///
/// # Errors
///
/// [`Error::Unreachable`] where nobody was reached for `reach`.
pub(crate) fn serve(
    req: &mut Req,
    reach: Option<Duration>,
    mut answer: impl FnMut(&[u8], &mut Vec<u8>),
) -> Result<(), Error> {
    let mut buffer = Vec::new();
    loop {
        match req.wait_connected(reach) {
            Ok(()) => {}
            Err(Error::Closed) => return Ok(()),
            Err(error) => return Err(error),
        }
        match converse(req, &mut buffer, &mut answer) {
            Error::Closed => return Ok(()),
            Error::Disconnected => debug!("a channel was closed by the host; dialing again"),
            error => debug!("a channel was lost: {error}; dialing again"),
        }
    }
}

/// Greets, and answers orders until the connection ends. Returns why it did.
fn converse(
    req: &mut Req,
    buffer: &mut Vec<u8>,
    answer: &mut impl FnMut(&[u8], &mut Vec<u8>),
) -> Error {
    let mut outcome = req.send(wire::GREETING);
    while outcome.is_ok() {
        match req.recv(None) {
            Ok(order) => answer(order, buffer),
            Err(error) => return error,
        }
        outcome = req.send(buffer);
        if buffer.capacity() > KEPT {
            *buffer = Vec::new();
        }
    }
    outcome.err().unwrap_or(Error::Disconnected)
}

/// The capacity in bytes that the buffer may keep after an answer.
const KEPT: usize = 1024 * 1024;
