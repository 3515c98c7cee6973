//! A trace: what went over a plugin's sockets, as lines of JSON.
//!
//! Format: docs/protocol.md, section 10.

mod line;

pub use line::{Header, Line, hex, seconds};
