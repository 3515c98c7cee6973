//! Numbered requirements that a portable plugin, in any language, is held
//! against, for any eKuiper release.
//!
//! Each [`Requirement`] is a rule of `docs/protocol.md` and one function that
//! observes it on the plugin, which is launched for it alone by the host of
//! `mock-kuiper`. [`run::run`] tries many side by side.
//!
//! ```no_run
//! use ekuiper_conformance::{Plan, requirement, run};
//! use mock_kuiper::package::Package;
//! use mock_kuiper::profile::Profile;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let package = Package::build("../sdk/examples/mirror".as_ref(), true)?;
//! let plan = Plan::new(package, Profile::find("2.4")?);
//! let results = run::run(&plan, &requirement::all(), &|_| {});
//! assert!(results.iter().all(|result| !result.verdict.is_failure()));
//! # Ok(())
//! # }
//! ```

pub mod bench;
pub mod expect;
pub mod plan;
pub mod redact;
pub mod report;
pub mod requirement;
pub mod run;
mod section;
mod self_check;
mod silence;
mod stage;
mod transcript;

pub use plan::Plan;
pub use requirement::Requirement;
