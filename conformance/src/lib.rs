//! Numbered requirements for portable eKuiper plugins in any language, and the
//! checks that observe them, for any eKuiper release.
//!
//! Each [`Requirement`] is a rule of `docs/protocol.md` and one check. The host
//! of `mock-kuiper` launches the plugin for each check alone. [`run::run`]
//! tries many requirements at the same time.
//!
//! ```no_run
//! use ekuiper_conformance::{Plan, run, section};
//! use mock_kuiper::{Package, Release};
//! use mock_kuiper::engine::package::Build;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let package = Package::build("../sdk/examples/mirror".as_ref(), Build::optimized())?;
//! let plan = Plan::new(package, Release::find("2.4")?);
//! let trials = run::run(&plan, &section::all(), &|_| {});
//! assert!(trials.iter().all(|trial| !trial.verdict.is_failure()));
//! # Ok(())
//! # }
//! ```

mod board;
mod checked;
mod diagnosis;
pub mod expect;
mod limits;
mod line;
pub mod plan;
pub mod promise;
pub mod report;
pub mod requirement;
mod rig;
pub mod run;
pub mod section;
mod self_check;
mod transcript;
mod trial;
pub mod verdict;

pub use plan::Plan;
pub use requirement::Requirement;
