//! Plays cases on real processes.
//!
//! `case` plays an attempt of a case, `steps` has what each step does, `live` what
//! runs meanwhile, `record` what a report shows of it. `file` has what the cases of
//! a file share.

mod case;
mod commands;
mod error;
mod file;
mod live;
mod packages;
mod player;
mod ready;
mod record;
mod running;
mod steps;
mod stop;
mod values;
mod waits;

pub(super) use self::case::{Attempt, play};
pub(super) use self::file::{FileRun, Settings};
pub(super) use self::live::Live;
pub(super) use self::packages::Packages;
pub use self::stop::Stop;
