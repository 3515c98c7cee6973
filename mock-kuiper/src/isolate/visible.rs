//! Which entries of `/tmp` a path needs.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The symbolic links that are followed in one path, as Linux does.
const MOST_LINKS: usize = 40;

/// What a path has to do with `/tmp`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The entries of `/tmp` that its look-up goes through, whether it leads
    /// there or only comes by: each symbolic link on the way counts.
    pub(super) entries: BTreeSet<OsString>,
    /// Whether it leads to `/tmp` itself.
    pub(super) is_tmp: bool,
}

/// Looks up an absolute path as the kernel does, as far as it exists.
///
/// `tmp` is a path without symbolic links.
pub(super) fn look_up(tmp: &Path, path: &Path) -> Found {
    let mut found = Found::default();
    let mut here = PathBuf::from("/");
    let mut left = Vec::new();
    let mut links = 0;
    push(&mut left, path);
    while let Some(part) = left.pop() {
        if part == ".." {
            here.pop();
            continue;
        }
        // The root replaces what is there.
        let next = here.join(&part);
        let Ok(metadata) = next.symlink_metadata() else {
            return found;
        };
        if here == tmp && part != "/" {
            found.entries.insert(part);
        }
        if !metadata.is_symlink() {
            here = next;
            continue;
        }
        links += 1;
        match next.read_link() {
            Ok(target) if links <= MOST_LINKS => push(&mut left, &target),
            _ => return found,
        }
    }
    found.is_tmp = here == tmp;
    found
}

/// Puts the parts of a path on top, the first uppermost.
fn push(left: &mut Vec<OsString>, path: &Path) {
    let parts = path.components().rev();
    left.extend(
        parts
            .filter(|part| *part != Component::CurDir)
            .map(|part| part.as_os_str().to_owned()),
    );
}
