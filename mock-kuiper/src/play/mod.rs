//! Plays faults on a running plugin, and checks that it survives.
//!
//! A fault is made of methods of [`Host`](crate::Host) and its handles, which a
//! test may call directly. This example plays the first five:
//!
//! ```
//! use mock_kuiper::serde_json::json;
//! use mock_kuiper::{Fault, Host, HostError, Stage};
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
//!     println!("{fault}: {:?}", fault.play(&mut stage)?);
//! }
//! # Ok(())
//! # }
//! ```

mod stage;
mod steps;

pub use self::stage::Stage;
