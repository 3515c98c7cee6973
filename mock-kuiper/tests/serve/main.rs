//! The command `mock-kuiper serve`.
