//! Runs one fuzz target under libFuzzer: `FUZZ_TARGET=NAME ekuiper-fuzz [OPTION…] CORPUS`.
//!
//! The targets are in the module `fuzz` of each crate, which exists only with
//! `--cfg fuzzing`. Without `FUZZ_TARGET` it prints their names. `ci/fuzz` builds it and
//! runs it.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod target;

/// Explains itself: without `--cfg fuzzing` the crates have no targets.
#[cfg(not(fuzzing))]
fn main() {
    eprintln!("built without fuzz targets: run `ci/fuzz`, which builds this with them");
    std::process::exit(2);
}
