//! The test rig of one check: the plugin, the host that launches it, and its
//! symbols.
//!
//! Each check gets a [`Rig`] of its own and launches the plugin as often as it
//! needs. The files of this folder start sources and sinks, send orders and
//! play faults; when a check passes is decided in `section`.

mod fault;
mod function;
mod gate;
mod greetings;
mod launch;
mod launches;
mod order;
mod run_state;
mod silence;
mod sink;
mod source;

pub(crate) use self::fault::Kinds;
pub(crate) use self::function::{COUNTS, accepted, context, usual};
pub(crate) use self::greetings::unless_it_never_greets;
pub(crate) use self::launch::Rig;
pub(crate) use self::order::{
    Running, carried_out, nothing_came, order_bytes, second_answer, start_argument, unknown_start,
};
pub(crate) use self::run_state::RunState;
pub(crate) use self::sink::{ROW, is_failed_row, is_no_ack, long_row, take_ack, takes_in_time};
pub(crate) use self::source::{is_no_row, next_row};
