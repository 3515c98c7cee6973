//! What a plugin did wrong, as data.

mod code;
mod explain;

pub use self::code::{Code, UnknownCode};
pub use self::explain::{
    Explanation, NOTHING, OtherText, Place, Quote, Remedy, Sdk, explain, other_texts,
    troubleshooting,
};
