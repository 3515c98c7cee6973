//! The SDK in a real process over real sockets: the probe plugin is launched by
//! a small host, which gives it orders as eKuiper does.

mod control;
mod function;
mod host;
mod life;
mod sink;
mod source;
