//! A run from its launch to its end.
//!
//! One thread gives the orders; each source has a thread that reads, prints and
//! passes on its rows. What these threads notice (the end of a source, of the
//! plugin, of stdout, a signal) they send to the first as a
//! [`Happening`](super::happening::Happening).

mod drive;
mod start;
mod state;
mod stop;
mod wait;

pub(super) use self::state::Session;
