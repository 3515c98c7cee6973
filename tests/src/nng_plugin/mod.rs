//! The parts of a plugin on NNG's C library that are the same in every plugin:
//! sockets, channels, orders, instances, requests to functions.
//!
//! The reference plugin and the NNG peer of the benchmark are built on it. It
//! follows the protocol and has no faults: the reference plugin adds its faults
//! from outside. It uses none of the other crates of this workspace.
//!
//! Rules: docs/protocol.md, sections 4 to 7.

mod channel;
mod instance;
mod order;
mod request;
mod signal;
mod socket;

pub use channel::{Connection, GREETING, Server, serve};
pub use instance::{Instance, Instances, StopFlag, Worker};
pub use order::{Argument, Order};
pub use request::{Request, is_context, reply};
pub use signal::on_termination;
pub use socket::{control_url, dial_in_background, function_url, listen};
