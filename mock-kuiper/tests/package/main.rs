//! Runs of `mock-kuiper check`, `pack` and `hosts`, on plugins that are a few small
//! files.

mod check;
mod common;
mod executable;
mod hostile;
mod hosts;
mod pack;
mod yaml;
mod zipped;
