//! A mock eKuiper: drives any portable plugin, in whatever language, through
//! start, data and stop, without eKuiper. As a command it is `mock-kuiper run`;
//! this is the library for `cargo test`.
//!
//! ```
//! use std::time::Duration;
//! use mock_kuiper::{Host, HostError};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), HostError> {
//! let host = Host::builder("../sdk/examples/mirror").launch()?;
//!
//! let mut random = host.source("random").config(json!({"interval": 10})).start()?;
//! assert_eq!(random.next(Duration::from_secs(5))?.message, json!({"count": 50}));
//! random.stop()?;
//!
//! let mut echo = host.function("echo")?;
//! assert_eq!(echo.exec(&[json!("hi")])?, json!("hi"));
//! # Ok(())
//! # }
//! ```
//!
//! The plugin is a directory, a zip, or a Cargo package, which is built first;
//! a package's own tests name the binary that Cargo has built for them:
//! `.plugin(".").executable(env!("CARGO_BIN_EXE_mirror"))`. A test needs nothing
//! of the command: `default-features = false` spares a third of the crates.
//! It is launched as eKuiper launches it, and the orders it gets are byte for
//! byte those of the [release](host::Builder::release) that is played. When the
//! host goes out of scope the plugin's process group is killed, and nothing is
//! left behind; a test that failed prints the last messages on the wire and the
//! plugin's output.
//!
//! eKuiper's addresses in `/tmp` are fixed, so that two hosts at once are in
//! each other's way; [`isolated`](host::Builder::isolated) gives the plugin a
//! `/tmp` of its own, and then any number runs side by side. Where the system
//! allows no such thing that is an error, and with
//! [`isolated_or_in_turn`](host::Builder::isolated_or_in_turn) they run one
//! after the other.
//!
//! ```
//! # use std::time::Duration;
//! # use mock_kuiper::{Host, HostError};
//! # use serde_json::json;
//! # fn main() -> Result<(), HostError> {
//! # let out = tempfile::tempdir().unwrap();
//! # let path = out.path().join("rows");
//! let host = Host::builder()
//!     .plugin("../sdk/examples/mirror")
//!     .release("2.0")
//!
//!     .visible(out.path()) // in /tmp, where the sink shall write
//!     .launch()?;
//!
//! let mut sink = host.sink("append").config(json!({"path": path})).require_ack().start()?;
//! sink.send(&json!({"a": 1}))?.ack(Duration::from_secs(5))?;
//! sink.stop()?;
//!
//! assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"a\":1}\n");
//! # Ok(())
//! # }
//! ```
//!
//! What goes wrong in the life of a plugin is in [`fault`]: by name, one after
//! the other or all of them, or by methods of [`Host`] and its handles, e.g.
//! [`Host::kill`] and [`reload`](Host::reload), [`Host::restart`],
//! [`Sink::redial`](host::Sink::redial).

#[cfg(test)]
mod any_json;
mod breach;
pub mod call;
pub mod event;
pub mod fault;
pub mod finding;
pub mod go_json;
pub mod host;
pub mod isolate;
pub mod package;
mod play;
pub mod release;
mod spawn;
pub mod symbol;
pub mod transport;
mod usage;
pub mod wire;

pub use serde_json;

pub use breach::Breach;
pub use event::{Event, Frame, Limits, Meaning, Message, Observer, Side, What};
pub use fault::{Fault, Outcome};
pub use finding::{Advice, Code, Finding, Limit, Observed};
pub use host::{
    Builder, Function, Host, HostError, Reply, Row, Sink, SinkStart, Source, SourceStart,
};
pub use package::{Package, PackageError};
pub use play::Stage;
pub use symbol::{Channel, Kind, Meta, Symbol};
pub use usage::Usage;
