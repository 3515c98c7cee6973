//! The command `mock-kuiper serve`, driven over HTTP with the plugin `examples/probe`.

mod common;
mod endings;
mod guards;
mod http;
mod instances;
mod plugins;
#[path = "../support/processes.rs"]
mod processes;
mod schema;
mod streams;
