//! The command `mock-kuiper test`, run on literal files with the plugin
//! `examples/probe`.

mod commands;
mod common;
mod deaths;
mod from_rust;
mod functions;
mod interrupts;
mod looks;
mod options;
mod reports;
mod retries;
mod scopes;
mod sinks;
mod sources;
