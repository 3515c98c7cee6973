//! A trace: what went over a plugin's sockets, as lines of JSON.
//!
//! It is read line by line ([`Reader`]), and each line is interpreted with what was
//! read before it ([`Interpreter`]): which message it is and what it answers. What
//! the whole proves and how two traces differ is made from that.
//!
//! Format: docs/protocol.md, section 10.

mod channel;
mod diff;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod line;
mod meaning;
mod order;
mod proof;
mod read;
mod shape;
mod spread;
mod summary;
mod text;

pub use channel::Known;
pub use diff::{Shape, Shapes};
pub use line::{Header, Line, hex, seconds};
pub use meaning::{Asked, Greeting, Interpreted, Interpreter, Refusal, Sense};
pub use order::{Ordered, Requested, order, request};
pub(crate) use proof::failure;
pub use proof::{Proof, Prover};
pub use read::{Reader, TraceError, body, dialer, request_id, sender, socket};
pub use shape::{shape, shape_of};
pub use spread::Spread;
pub use summary::{Lane, Note, Summary};
pub use text::milliseconds;
