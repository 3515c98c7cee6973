//! The kernel's list of the Unix sockets that listen.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// The file that every user may read.
const LIST: &str = "/proc/net/unix";

/// How often the list is read until it has what is looked for.
const READS: usize = 3;

/// Returns the paths to which listening Unix sockets of this network namespace are
/// bound, by the inodes of the sockets.
///
/// A path is the one that was given to `bind`, even if the file was renamed or removed
/// since. No socket is connected to.
///
/// The kernel hands the list out a page at a time, and leaves a socket out now and then
/// if others are closed meanwhile. So the list is read again, at most twice, until
/// `is_whole` says that what has been seen has all that the caller looks for. What one of
/// the lists had is returned.
///
/// # Errors
///
/// Fails if the list cannot be read.
pub fn listed(
    is_whole: impl FnMut(&HashMap<u64, PathBuf>) -> bool,
) -> io::Result<HashMap<u64, PathBuf>> {
    read_until(is_whole, || fs::read(LIST))
}

fn read_until(
    mut is_whole: impl FnMut(&HashMap<u64, PathBuf>) -> bool,
    mut read: impl FnMut() -> io::Result<Vec<u8>>,
) -> io::Result<HashMap<u64, PathBuf>> {
    let mut found = HashMap::new();
    for _ in 0..READS {
        found.extend(read()?.split(|byte| *byte == b'\n').filter_map(parse));
        if is_whole(&found) {
            break;
        }
    }
    Ok(found)
}

/// Reads a line of the list; `None` if its socket does not listen, or has no path.
fn parse(line: &[u8]) -> Option<(u64, PathBuf)> {
    /// A socket that accepts connections.
    const ACCEPTS: u32 = 0x10000;
    let mut rest = line;
    let mut fields = [""; 7];
    for field in &mut fields {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| *byte == b' ')?;
        *field = std::str::from_utf8(&rest[..end]).ok()?;
        rest = &rest[end..];
    }
    let [_number, _references, _protocol, flags, _type, _state, inode] = fields;
    let accepts = u32::from_str_radix(flags, 16).ok()? & ACCEPTS != 0;
    let path = OsStr::from_bytes(&rest[1..]);
    accepts.then_some((inode.parse().ok()?, path.into()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;

    use super::*;

    const HEAD: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n";

    fn has(path: &Path) -> impl Fn(&HashMap<u64, PathBuf>) -> bool {
        move |found| found.values().any(|bound| bound == path)
    }

    #[test]
    fn of_the_kernels_list_those_that_accept_are_read() {
        let list = format!(
            "{HEAD}ffff8881: 00000002 00000000 00010000 0001 01   231 /tmp/plugin a.ipc\n\
             ffff8882: 00000003 00000000 00000000 0001 03 23022 /tmp/plugin_b.ipc\n\
             ffff8883: 00000002 00000000 00010000 0001 01 2303456\n"
        );

        let found = read_until(|_| true, || Ok(list.clone().into_bytes())).unwrap();

        assert_eq!(found, HashMap::from([(231, "/tmp/plugin a.ipc".into())]));
    }

    #[test]
    fn what_one_list_leaves_out_is_found_in_the_next() {
        let a = "0: 00000002 00000000 00010000 0001 01 1 /tmp/a\n";
        let b = "0: 00000002 00000000 00010000 0001 01 2 /tmp/b\n";
        let found = |lists: [&str; 4], path| {
            let mut lists = lists.into_iter();
            let read = || Ok(format!("{HEAD}{}", lists.next().unwrap()).into_bytes());
            let found = read_until(has(Path::new(path)), read).unwrap();
            let mut inodes: Vec<_> = found.into_keys().collect();
            inodes.sort_unstable();
            (inodes, lists.count())
        };

        assert_eq!(found([a, b, "", ""], "/tmp/a"), (vec![1], 3));
        assert_eq!(found([b, a, "", ""], "/tmp/a"), (vec![1, 2], 2));
        assert_eq!(found(["", b, a, ""], "/tmp/a"), (vec![1, 2], 1));
        assert_eq!(found(["", "", "", a], "/tmp/a"), (vec![], 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_is_listed_while_it_listens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let is_listed = |path: &Path| {
            let has = has(path);
            has(&listed(&has).unwrap())
        };
        assert!(!is_listed(&path));

        let listener = UnixListener::bind(&path).unwrap();
        let _peer = UnixStream::connect(&path).unwrap();
        // The accepted socket has the same path.
        let _accepted = listener.accept().unwrap();

        assert!(is_listed(&path));
        fs::rename(&path, dir.path().join("y")).unwrap();
        assert!(is_listed(&path));
        let end = path.strip_prefix("/").unwrap();
        assert!(!is_listed(end), "the end of a path is another path");
        drop(listener);
        assert!(!is_listed(&path));
    }
}
