//! `mock-kuiper check`, `pack` and `hosts`: real runs, on plugins that are a few
//! small files.

mod check;
mod common;
mod executable;
mod hosts;
mod pack;
mod zipped;
