//! `ipc://` URLs and the paths in them.

use std::path::{Path, PathBuf};

use rustix::net::SocketAddrUnix;

use crate::Error;

/// The path of a Unix-domain socket, checked to fit a kernel socket address.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    path: PathBuf,
    kernel: SocketAddrUnix,
}

impl Address {
    /// Parses `ipc://PATH`.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if the scheme is not `ipc`, or if the path is empty or
    /// longer than a socket address allows (107 bytes on Linux).
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |expected| Error::Address {
            url: url.to_owned(),
            expected,
        };
        let path = url
            .strip_prefix("ipc://")
            .ok_or_else(|| refuse("`ipc://` followed by the path of a socket"))?;
        if path.is_empty() {
            return Err(refuse("a path after `ipc://`"));
        }
        let kernel = SocketAddrUnix::new(path)
            .map_err(|_| refuse("a path of at most 107 bytes, none of them NUL"))?;
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
    fn an_invalid_url_is_rejected_with_what_was_expected() {
        for (url, expected) in [
            (
                "tcp://127.0.0.1:5",
                "address `tcp://127.0.0.1:5`: expected `ipc://` followed by the path of a socket",
            ),
            ("ipc://", "address `ipc://`: expected a path after `ipc://`"),
        ] {
            let error = Address::parse(url).unwrap_err();

            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_path_that_does_not_fit_a_socket_address_is_rejected() {
        let longest = format!("ipc:///{}", "x".repeat(106));
        let too_long = format!("ipc:///{}", "x".repeat(108));

        assert!(Address::parse(&longest).is_ok());
        assert!(matches!(
            Address::parse(&too_long),
            Err(Error::Address { .. })
        ));
    }
}
