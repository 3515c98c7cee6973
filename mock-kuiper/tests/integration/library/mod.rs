//! The library as a test uses it: hosts on the probe, many in one process.

mod attach;
mod common;
mod failures;
mod handles;
mod interrupts;
mod launches;
mod processes;
mod usage;
