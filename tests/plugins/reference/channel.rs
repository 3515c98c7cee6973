//! A channel with the faults that concern its connections.

use std::{path::Path, thread, time::Duration};

use ekuiper_tests::nng_plugin::{Connection, GREETING, Server};
use nng::{Error, Message};

use crate::fault;

/// How long the host takes to remove the file of a socket that it has closed.
const REMOVAL: Duration = Duration::from_millis(50);

/// Answers with `answer`; receives and dials as the plugin's fault has it.
pub(crate) struct Channel<F> {
    path: String,
    is_control: bool,
    answer: F,
}

impl<F: FnMut(&[u8]) -> Vec<u8>> Channel<F> {
    /// The control channel, or the channel of a function, at `url`.
    pub(crate) fn new(url: &str, answer: F) -> Self {
        Self {
            path: url.trim_start_matches("ipc://").to_owned(),
            is_control: url.contains("/plugin_"),
            answer,
        }
    }
}

impl<F: FnMut(&[u8]) -> Vec<u8>> Server for Channel<F> {
    fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        (self.answer)(message)
    }

    fn receive(&mut self, connection: &Connection) -> Result<Message, Error> {
        let is_deaf = fault::has("deaf-control") && self.is_control
            || fault::has("deaf-function") && !self.is_control;
        let greets = fault::has("idle-greeting") && self.is_control
            || fault::has("function-greets") && !self.is_control;
        if !is_deaf && !greets {
            return connection.receive();
        }
        loop {
            match connection.receive_within(fault::idle()) {
                Err(Error::TimedOut) if is_deaf => fault::hang(),
                Err(Error::TimedOut) => connection.send(GREETING, None)?,
                received => return received,
            }
        }
    }

    fn dials_again(&mut self) -> bool {
        let is_removed = || {
            thread::sleep(REMOVAL);
            !Path::new(&self.path).exists()
        };
        let gives_up = fault::has("leaves-with-host") && self.is_control
            || fault::has("dials-once") && !self.is_control
            || fault::has("looks-once") && self.is_control && is_removed();
        !gives_up
    }
}
