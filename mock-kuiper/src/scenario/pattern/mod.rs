//! Values with variables, and what is expected of a value.
//!
//! Layers, each of which imports only those before it: `text` (variables),
//! `input` (values from files), `number`, `matching`, `table` (the matchers, for
//! documentation), `template`, `tree` (patterns), `parse`, `compare`.

mod compare;
mod input;
mod matching;
mod number;
mod parse;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod tree;

pub(in crate::scenario) use parse::has_matchers;
pub(in crate::scenario) use table::MATCHERS;
pub(in crate::scenario) use template::{Template, escape_key};
pub(in crate::scenario) use text::{Variables, escape_part, escape_text};
pub(in crate::scenario) use tree::Pattern;
