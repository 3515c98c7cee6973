//! The limit of open files: raised at the start, and explained when it is reached.
//!
//! Each channel of an instance needs files, so many instances need more than the
//! 1,024 that a process usually may open before it asks for more.

use std::error::Error;
use std::fmt;
use std::io;

use log::debug;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::BoxError;

/// How many open files are asked for at most: enough for 100,000 sinks. Some programs
/// that a plugin launches look at each file that they may have open.
const MOST: u64 = 1 << 20;

/// Raises the soft limit of open files to the hard limit, as Go does at the start of
/// each program.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(MOST).min(MOST);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            ..limit
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            debug!("cannot raise the limit of open files to {wanted}: {error}");
        }
    }
}

/// Replaces the error of an instance that could not be started because the process
/// may not open more files.
pub(crate) fn explain(error: BoxError) -> BoxError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(current) = cause {
        let number = current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error);
        if number == Some(Errno::MFILE.raw_os_error()) {
            return Box::new(TooMany {
                limit: getrlimit(Resource::Nofile).current,
            });
        }
        cause = current.source();
    }
    error
}

/// The process may not open more files.
#[derive(Debug)]
struct TooMany {
    limit: Option<u64>,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the plugin's process has as many open files as it may have")?;
        if let Some(limit) = self.limit {
            write!(f, ", {limit}")?;
        }
        write!(
            f,
            " (a source or a function needs 3, a sink 9): raise the hard limit of open files of the host (`ulimit -Hn`, systemd's LimitNOFILE, Docker's --ulimit nofile) and restart it, or run fewer instances"
        )
    }
}

impl Error for TooMany {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_error_of_too_many_open_files_is_replaced() {
        let io = |errno: Errno| -> BoxError {
            Box::new(ekuiper_sp::Error::Io {
                doing: "open a socket for",
                path: "/tmp/a.ipc".into(),
                source: errno.into(),
            })
        };

        let too_many = explain(io(Errno::MFILE)).to_string();
        let other = explain(io(Errno::ACCESS)).to_string();

        let limit = getrlimit(Resource::Nofile).current.unwrap();
        let begin =
            format!("the plugin's process has as many open files as it may have, {limit} (");
        assert!(too_many.starts_with(&begin), "{too_many}");
        assert_eq!(other, io(Errno::ACCESS).to_string());
    }
}
