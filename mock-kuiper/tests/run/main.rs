//! `mock-kuiper run`, the real command with a real plugin: `examples/probe`.

mod common;
mod functions;
mod rows;
mod sinks;
