//! The mock-kuiper command.
fn main() {}
