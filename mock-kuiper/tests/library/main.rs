//! The library as a test uses it: hosts on the probe, many in one process.

mod common;
mod handles;
mod launches;
mod processes;
#[path = "../support/transport.rs"]
mod transport;
mod usage;
