//! The tests of `mock-kuiper` with real processes, in groups. They are one executable, so
//! that the tests of a group run while others wait. One group alone:
//! `cargo test -p mock-kuiper --test integration serve::`

#[cfg(feature = "cli")]
mod cases;
mod library;
#[cfg(feature = "cli")]
mod package;
#[cfg(feature = "cli")]
mod record;
#[cfg(feature = "cli")]
mod run;
#[cfg(feature = "cli")]
mod run_cargo_package;
#[cfg(feature = "cli")]
mod serve;
mod support;
mod vectors;
