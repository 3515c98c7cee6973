//! The rules of the transport, each against literal bytes on a raw Unix socket
//! where the wire is meant.

mod common;
mod framing;
mod hostile;
mod listener;
mod presence;
mod pull;
mod push;
mod rep;
mod req;
