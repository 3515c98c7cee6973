//! A mock eKuiper: drives any portable plugin, in any language, through start,
//! data and stop, without eKuiper. This is the library for `cargo test`; the
//! command is `mock-kuiper run`.
//!
//! ```
//! use std::time::Duration;
//!
//! use mock_kuiper::serde_json::json;
//! use mock_kuiper::{Host, HostError};
//!
//! # fn main() -> Result<(), HostError> {
//! let host = Host::launch("../sdk/examples/mirror")?;
//!
//! let mut random = host.source("random").config(json!({"period": 10})).start()?;
//! assert_eq!(random.next(Duration::from_secs(5))?.message, json!({"count": 50}));
//! random.stop()?;
//!
//! let mut echo = host.function("echo")?;
//! assert_eq!(echo.exec(&[json!("hi")])?, json!("hi"));
//! # Ok(())
//! # }
//! ```
//!
//! # The plugin
//!
//! A plugin is a directory, a zip, or a Cargo package or Go module, which is built first. In
//! the tests of such a package, name the binary that Cargo has built already:
//! `Host::builder(".").executable(env!("CARGO_BIN_EXE_mirror"))`. A test needs
//! nothing of the command: `default-features = false` saves a third of the
//! dependencies.
//!
//! The plugin is launched as eKuiper launches it, and its orders are byte for
//! byte those of the [release](Builder::release) that is played. When the
//! [`Host`] is dropped, everything that descends from the plugin is killed and
//! nothing is left behind.
//!
//! # Tests in a file
//!
//! The cases of `*.test.yaml` files, which `mock-kuiper test` runs for a plugin in any
//! language, run in `cargo test` through [`scenario::Runner`].
//!
//! # What can go wrong
//!
//! What the plugin does wrong is a [`Finding`] in [`HostError::Finding`]: it has
//! a stable [`Code`], names the symbol, and carries its details as data.
//! `mock-kuiper explain CODE` says what a real eKuiper shows in this case.
//!
//! ```
//! # use mock_kuiper::serde_json::json;
//! use mock_kuiper::{Code, Host};
//!
//! # fn main() -> Result<(), mock_kuiper::HostError> {
//! let host = Host::launch("../sdk/examples/mirror")?;
//! let refused = host.source("random").config(json!({"period": "soon"})).start();
//! assert_eq!(refused.unwrap_err().code(), Some(Code::OrderRefused));
//! # Ok(())
//! # }
//! ```
//!
//! A test that fails prints the finding first, then what to do about it, then the
//! last messages on the wire and the plugin's last lines of output.
//!
//! # Many hosts at once
//!
//! eKuiper's addresses in `/tmp` are fixed, so two hosts at once disturb each
//! other. By default each plugin gets a `/tmp` of its own if the system allows
//! it; otherwise hosts run one after another, in all processes.
//! [`Builder::isolated`] requires isolation, [`Builder::shared_tmp`] shares the
//! machine's `/tmp`. A path in `/tmp` that an isolated plugin needs is made
//! [visible](Builder::visible):
//!
//! ```
//! # use std::time::Duration;
//! # use mock_kuiper::serde_json::json;
//! # use mock_kuiper::{Host, HostError};
//! # fn main() -> Result<(), HostError> {
//! # let out = tempfile::tempdir().unwrap();
//! # let path = out.path().join("rows");
//! let host = Host::builder("../sdk/examples/mirror")
//!     .release("2.0")
//!     .visible(out.path())
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
//! # Faults
//!
//! [`Fault`] names what can go wrong in the life of a plugin, [`Fault::play`]
//! plays it on a [`Stage`] and checks that the plugin survives. A fault is made
//! of methods of [`Host`] and its handles, for example [`Host::kill`] and
//! [`Host::reload`], [`Host::restart`], and [`Sink::redial`].
//!
//! ```
//! use mock_kuiper::serde_json::json;
//! use mock_kuiper::{Fault, Host, HostError, Outcome, Stage};
//!
//! # fn main() -> Result<(), HostError> {
//! let host = Host::launch("../sdk/examples/mirror")?;
//! let mut random = host.source("random").config(json!({"period": 10})).start()?;
//! let mut append = host.sink("append").start()?;
//! let mut echo = host.function("echo")?;
//!
//! let row = br#"[{"a":1}]"#.to_vec();
//! let mut stage = Stage::set(&host, [&mut random], [&mut append], [&mut echo], row)?;
//! for fault in Fault::all().take(5) {
//!     assert_eq!(fault.play(&mut stage)?, Outcome::Survived, "{fault}");
//! }
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod any_json;
mod breach;
mod call;
mod event;
mod fault;
mod finding;
mod foreign;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod go_json;
mod host;
mod html;
mod isolate;
mod markdown;
mod nearest;
mod open_files;
mod package;
#[cfg(feature = "pages")]
mod pages;
mod play;
mod recorder;
mod redact;
mod release;
mod replay;
mod scratch;
mod spawn;
mod symbol;
mod trace;
mod transport;
mod usage;
mod wire;

pub mod engine;
pub mod scenario;

pub use serde_json;

pub use breach::Breach;
pub use event::{Event, Frame, Limits, Meaning, Message, Observer, Stranger, What};
pub use fault::{Fault, Outcome};
pub use finding::{Advice, Code, Finding, Limit, Observed};
pub use host::{
    AttachCommand, Builder, Function, Host, HostError, InputError, Reply, Row, Sink, SinkStart,
    Source, SourceStart, SystemError,
};
pub use package::{Package, PackageError};
pub use play::Stage;
pub use release::Release;
pub use symbol::{Channel, Kind, Meta, Side, Symbol};
pub use usage::Usage;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
