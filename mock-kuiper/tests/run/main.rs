//! `mock-kuiper run` and `bench`, the real commands with a real plugin:
//! `examples/probe`.

mod bench;
mod common;
mod endings;
mod faults;
mod functions;
mod isolation;
mod misfortunes;
mod orders;
mod packages;
mod rows;
mod sinks;
mod terminal;
mod traces;
mod watch;
