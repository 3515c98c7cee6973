//! Reports of the results: as text, as a web page, as JSON, as JUnit's XML and for
//! GitHub; and the pages about the requirements themselves.

mod conclusion;
mod github;
mod html;
mod json;
mod junit;
mod pages;
mod results;
mod text;

pub use self::github::{annotations, summary};
pub use self::html::html;
pub use self::json::{event, json};
pub use self::junit::junit;
pub use self::pages::{explain, list, markdown, rules};
pub use self::results::{Results, Standing};
pub use self::text::{brief, text};
