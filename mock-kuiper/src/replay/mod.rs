//! Plays the host's half of a trace to a plugin, and compares the plugin's half.
//!
//! The host's messages are sent byte for byte, on the channels of the trace. What the
//! trace's plugin had sent before one of them is awaited first, so that the order of
//! cause and effect is that of the trace.
//!
//! Layers: `options` (how it is played), `compare` (when two messages are alike),
//! `contents` (what a trace has), `clock` (its times), `data` (rows and acks, read in the
//! background), `player` (the conversation).

mod clock;
mod compare;
mod contents;
mod data;
mod options;
mod player;
mod rows;

pub use self::contents::{Contents, Unplayable};
pub use self::options::{Difference, Options, Outcome, Timing};
pub use self::player::replay;
