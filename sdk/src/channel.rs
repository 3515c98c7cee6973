//! The loop that serves a control or function channel: greet, then answer each
//! order.
//!
//! The plugin holds the REQ end although the host gives the orders. So the
//! plugin's first request is the greeting, the host's reply to it is an order,
//! and the plugin's next request is the answer to that order.
//!
//! The plugin greets once per connection and never because it is idle: hosts
//! before 2.1.3 take a second greeting on the control channel for an answer.
//!
//! Rules: docs/protocol.md, "Control channel" and "The greeting again".

use std::time::Duration;

use ekuiper_sp::{Error, Keep, Req};
use log::debug;

use crate::wire;

/// Serves a channel until it is closed on this side.
///
/// `answer` gets the bytes of an order, and replaces the content of its second
/// argument with the answer. A lost connection is dialed again and greeted
/// again; an answer or order that was in transit on it is dropped. `reach`
/// limits each wait for a connection; `None` waits forever.
///
/// # Errors
///
/// [`Error::Unreachable`] if no connection was made within `reach`.
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
            Error::Disconnected => debug!("the host closed a channel: dialing again"),
            error => debug!("lost a channel: {error}: dialing again"),
        }
    }
}

/// Greets, and answers orders until the connection ends. Returns why it ended.
fn converse(
    req: &mut Req,
    buffer: &mut Vec<u8>,
    answer: &mut impl FnMut(&[u8], &mut Vec<u8>),
) -> Error {
    let mut keep = Keep::default();
    let mut outcome = req.send(wire::GREETING);
    while outcome.is_ok() {
        match req.recv(None) {
            Ok(order) => answer(order, buffer),
            Err(error) => return error,
        }
        outcome = req.send(buffer);
        keep.empty(buffer);
    }
    outcome.err().unwrap_or(Error::Disconnected)
}
