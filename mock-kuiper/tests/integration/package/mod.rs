//! `mock-kuiper new`, `check`, `pack`, `hosts`, `explain` and `pages`: real runs, on plugins
//! that are a few small files.

mod cargo_package;
mod check;
mod common;
mod described;
mod executable;
mod explain;
mod go_module;
mod hostile;
mod hosts;
mod new;
mod pack;
mod pages;
mod reference;
mod undescribed;
mod yaml;
mod zipped;
