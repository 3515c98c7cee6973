//! What a plugin did wrong, as data.

mod code;

pub use self::code::{Code, UnknownCode};
