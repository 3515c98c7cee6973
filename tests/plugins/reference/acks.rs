//! The acks of a sink: one for each message, in order.
//!
//! The sink never waits for them. What the channel takes goes out at once; the
//! rest waits here, and successes are only counted, so that a host that never
//! reads acks costs nothing.

use std::{
    collections::VecDeque,
    io,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use ekuiper_tests::nng_plugin::dial_in_background;
use nng::{Error, PipeEvent, Protocol, Socket};
use serde_json::json;

use crate::fault;

/// The ack channel of a sink, and the acks that wait for it.
pub(crate) struct Acks {
    socket: Socket,
    waiting: VecDeque<Ack>,
}

enum Ack {
    /// So many messages in a row were collected.
    Done(u64),
    /// One message was not collected, for this reason.
    Failed(String),
}

/// How many failed acks wait for a host that does not read them.
const KEPT: usize = 4096;

impl Acks {
    /// Dials in the background for as long as it takes: some hosts have no ack
    /// channel.
    pub(crate) fn dial(url: &str) -> Result<Acks, Error> {
        let socket = Socket::new(Protocol::Push0)?;
        if fault::has("acks-dialed-once") {
            let is_used = AtomicBool::new(false);
            socket.pipe_notify(move |pipe, event| {
                if event == PipeEvent::AddPre && is_used.swap(true, SeqCst) {
                    pipe.close();
                }
            })?;
        }
        dial_in_background(&socket, url)?;
        let waiting = VecDeque::new();
        Ok(Acks { socket, waiting })
    }

    /// Whether every ack was sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds the ack of one message.
    pub(crate) fn push(&mut self, collected: io::Result<()>) {
        if fault::has("no-acks") {
            return;
        }
        match (collected, self.waiting.back_mut()) {
            (Ok(()), Some(Ack::Done(count))) if fault::has("acks-twice") => *count += 2,
            (Ok(()), _) if fault::has("acks-twice") => self.waiting.push_back(Ack::Done(2)),
            (Ok(()), Some(Ack::Done(count))) => *count += 1,
            (Ok(()), _) => self.waiting.push_back(Ack::Done(1)),
            (Err(error), _) => self.waiting.push_back(Ack::Failed(error.to_string())),
        }
        if self.waiting.len() > 2 * KEPT {
            self.waiting.pop_front();
            eprintln!("reference: the host does not read failed acks: the oldest one is dropped");
        }
    }

    /// Sends as many acks as the channel takes at once.
    ///
    /// Only the fault `acks-unordered` uses `is_idle`, which is true if no message
    /// waits to be collected.
    pub(crate) fn send_waiting(&mut self, is_idle: bool) {
        let is_unordered = fault::has("acks-unordered");
        if is_unordered {
            let is_done = |ack: &Ack| matches!(ack, Ack::Done(_));
            self.waiting.make_contiguous().sort_by_key(is_done);
        }
        while let Some(ack) = self.waiting.front_mut() {
            if is_unordered && !is_idle && matches!(ack, Ack::Done(_)) {
                return;
            }
            let text = match ack {
                Ack::Done(_) if fault::has("acks-in-text") => json!("{}").to_string(),
                Ack::Done(_) if fault::has("acks-null") => "null".to_owned(),
                Ack::Done(_) => "{}".to_owned(),
                Ack::Failed(error) if fault::has("ack-misspelled") => {
                    json!({ "eror": error }).to_string()
                }
                Ack::Failed(error) => json!({ "error": error }).to_string(),
            };
            let mut text = text.into_bytes();
            if fault::has("acks-not-utf8") {
                fault::spoil(&mut text);
            }
            if self.socket.try_send(text.as_slice()).is_err() {
                return;
            }
            match ack {
                Ack::Done(count) if *count > 1 => *count -= 1,
                _ => _ = self.waiting.pop_front(),
            }
        }
    }
}
