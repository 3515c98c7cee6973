//! The rules of the transport. Rules about the wire are tested against literal
//! bytes on a raw Unix socket.

mod common;
mod framing;
mod hostile;
mod listener;
mod many;
mod presence;
mod pull;
mod push;
mod push_flush;
mod push_long;
mod push_lost;
mod push_order;
mod rep;
mod req;
