//! The messages of the protocol, from the host's side.
//!
//! Orders, requests and rows to a sink are written byte for byte as an eKuiper
//! release writes them. Answers, acks and rows from a source are read as strictly
//! as eKuiper reads them. No socket is opened here.
//!
//! Rules: protocol.md sections 4 to 7. The recorded frames are
//! compared in `orders.rs`, `requests.rs` and `every.rs` of `mock-kuiper/tests/integration/vectors`.

mod answer;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod order;
mod request;
mod row;

pub use answer::{Ack, FunctionAnswer, InvalidAnswer, OrderAnswer, parse_ack};
pub use order::{Command, Order, StreamOptions, source_config};
pub use request::{Context, Expr, exec, is_aggregate, validate};
pub use row::{InvalidRow, SourceRow, write_sink_row, write_sink_value};
