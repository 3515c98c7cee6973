//! The SDK in a real process with real sockets: a small host launches the probe
//! plugin and sends it orders as eKuiper does.

#[cfg(feature = "tokio")]
mod asynchronous;
mod batch;
mod config;
mod control;
mod describe;
mod function;
mod host;
mod life;
mod many;
mod panic;
mod sink;
mod source;
#[cfg(feature = "tracing")]
mod tracing;
