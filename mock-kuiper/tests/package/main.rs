//! `mock-kuiper new`, `check`, `pack`, `hosts` and `explain`: real runs, on plugins
//! that are a few small files.

mod cargo_package;
mod check;
mod common;
mod described;
mod executable;
mod explain;
mod hostile;
mod hosts;
mod new;
mod pack;
mod reference;
mod undescribed;
mod yaml;
mod zipped;
