//! The commands `mock-kuiper run` and `bench`, run with the plugin
//! `examples/probe`.

mod attach;
mod bench;
mod bench_signals;
pub(super) mod common;
mod conformance;
mod endings;
mod faults;
mod functions;
mod greetings;
mod hang_ups;
mod idling;
mod interrupted;
mod isolation;
mod orders;
mod packages;
mod played_faults;
mod read_traces;
mod replays;
mod rows;
mod saves;
mod sinks;
mod summaries;
mod terminal;
mod traced_cases;
mod traces;
mod watch;
