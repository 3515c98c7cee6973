//! The releases of a file, or of a case.

use super::super::node::{Node, Tree};
use super::reader::Reader;
use crate::release::Release;

/// Reads `releases`: a list, or `all`.
pub(super) fn releases(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
) -> Option<Vec<&'static Release>> {
    let node = node?;
    if node.text() == Some("all") {
        return Some(Release::all().iter().collect());
    }
    let Tree::List(items) = &node.tree else {
        return None;
    };
    let mut releases: Vec<&'static Release> = Vec::new();
    for item in items {
        let Some(release) = item.text().and_then(|name| Release::find(name).ok()) else {
            continue;
        };
        if releases.contains(&release) {
            let text = format!(
                "the release {} is in the list already; remove it",
                release.name
            );
            reader.mistake(item.place, text);
        } else {
            releases.push(release);
        }
    }
    Some(releases)
}
