//! Plays the host's half of a trace to a plugin, and compares the plugin's half.
//!
//! The host's messages are sent byte for byte, on the channels of the trace. What the
//! trace's plugin had sent before one of them is awaited first, so that the order of
//! cause and effect is that of the trace.
//!
//! Layers: `contents` (what a trace needs), `compare` (when two messages are alike),
//! `data` (rows and acks, read in the background), `player` (the conversation).

mod compare;
mod contents;
mod data;
mod player;

pub use self::contents::{Contents, Unplayable};
pub use self::player::{Difference, Options, Outcome, Timing, replay};
