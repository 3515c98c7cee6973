//! Reports as one HTML file: what a report says is a [`Page`], how it looks is
//! decided here.
//!
//! The file needs no network, no font and no script: a script adds a filter and a
//! search. Its content security policy allows only the page's own style and
//! script. All text of a page is foreign and is escaped here, and the size of the
//! file is bounded, see [`Page::to_html`].
//!
//! Layers: `page` (what a report says), `escape` (text), `blocks`, `picture`
//! (parts of an entry), `render` (the file).

mod blocks;
mod escape;
mod page;
mod picture;
mod render;

pub use self::page::{
    Block, Difference, Entry, Label, Line, Mark, Page, Problem, Section, Span, Timeline, Tone,
};
