//! Which entries of `/tmp` a path goes through.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// How many symbolic links are followed in one path. Linux has the same limit.
const MOST_LINKS: usize = 40;

/// How a path is related to `/tmp`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The entries of `/tmp` that the look-up goes through, symbolic links on the
    /// way included.
    pub(super) entries: BTreeSet<OsString>,
    /// Whether the path is `/tmp` itself.
    pub(super) is_tmp: bool,
}

/// Looks up an absolute path as the kernel does, as far as it exists. `tmp` is a
/// path without symbolic links.
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
        // Joining the root replaces the path.
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

/// Pushes the parts of a path, so that the first one is popped first.
fn push(left: &mut Vec<OsString>, path: &Path) {
    let parts = path.components().rev();
    left.extend(
        parts
            .filter(|part| *part != Component::CurDir)
            .map(|part| part.as_os_str().to_owned()),
    );
}
