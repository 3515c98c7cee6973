//! JSON as Go's `encoding/json` writes and reads it, which is what eKuiper uses.
//!
//! `encode` writes values byte for byte as eKuiper does. `decode` accepts what
//! eKuiper accepts and serde_json does not. `scan` recognizes valid JSON without
//! building values, for rows that come by the million.

mod chunk;
mod decode;
pub(crate) mod depth;
mod encode;
pub(crate) mod scan;

pub(crate) use decode::{decode, field, fields, text};
pub use encode::{Numbers, write_map, write_string, write_value};
