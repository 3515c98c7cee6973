//! The command `mock-kuiper serve`, driven over HTTP with the plugin `examples/probe`.

mod attach;
mod common;
mod documentation;
mod endings;
mod guards;
mod http;
mod instances;
mod open;
mod plugins;
mod schema;
mod streams;
