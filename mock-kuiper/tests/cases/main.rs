//! The command `mock-kuiper test`, run on literal files with the plugin
//! `examples/probe`.

mod commands;
mod common;
mod deaths;
mod functions;
mod interrupts;
mod library;
mod looks;
mod options;
#[path = "../support/processes.rs"]
mod processes;
mod reports;
mod retries;
mod scopes;
mod sinks;
mod sources;
