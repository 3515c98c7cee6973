//! `ipc://` URLs and the paths in them.

use std::path::{Path, PathBuf};

use rustix::net::SocketAddrUnix;

use crate::Error;

/// A Unix-domain socket's path, known to fit the kernel's address.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    path: PathBuf,
    kernel: SocketAddrUnix,
}

impl Address {
    /// Reads `ipc://PATH`.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if the scheme is another one, the path is empty, or
    /// it does not fit a socket address (107 bytes on Linux).
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |expected| Error::Address {
            url: url.to_owned(),
            expected,
        };
        let path = url
            .strip_prefix("ipc://")
            .ok_or_else(|| refuse("`ipc://` and the path of a socket"))?;
        if path.is_empty() {
            return Err(refuse("a path after `ipc://`"));
        }
        let kernel = SocketAddrUnix::new(path)
            .map_err(|_| refuse("a path without NUL bytes of at most 107 bytes"))?;
        Ok(Self {
            path: PathBuf::from(path),
            kernel,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn kernel(&self) -> &SocketAddrUnix {
        &self.kernel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_no_socket_path_is_refused_with_what_was_expected() {
        for (url, expected) in [
            (
                "tcp://127.0.0.1:5",
                "address `tcp://127.0.0.1:5`: expected `ipc://` and the path of a socket",
            ),
            ("ipc://", "address `ipc://`: expected a path after `ipc://`"),
        ] {
            let error = Address::parse(url).unwrap_err();

            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_path_longer_than_the_kernel_takes_is_refused() {
        let longest = format!("ipc:///{}", "x".repeat(106));
        let too_long = format!("ipc:///{}", "x".repeat(108));

        assert!(Address::parse(&longest).is_ok());
        assert!(matches!(
            Address::parse(&too_long),
            Err(Error::Address { .. })
        ));
    }
}
