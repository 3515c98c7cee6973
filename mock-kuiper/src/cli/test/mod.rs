//! `test`: runs the cases of test files, and reports what came of them.

mod github;
mod html;
mod json;
mod junit;
mod phrase;
mod progress;
#[cfg(test)]
mod samples;
mod text;
