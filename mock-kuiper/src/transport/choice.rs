//! Which transport carries a host, and whether this build has it.

use std::fmt;
use std::str::FromStr;

/// What carries the messages between the host and the plugin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// `ekuiper-sp`, this project's implementation in Rust.
    #[default]
    Sp,
    /// NNG's C library; needs the feature `nng`.
    Nng,
}

/// Why a transport cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnavailableTransport {
    /// There is no transport of this name.
    Unknown {
        /// The name as it was given.
        name: String,
    },
    /// This build lacks NNG.
    WithoutNng,
}

impl fmt::Display for UnavailableTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "unknown transport `{name}`; use sp or nng"),
            Self::WithoutNng => f.write_str(
                "this build has no NNG; build mock-kuiper with its feature `nng`, or use the \
                 transport sp",
            ),
        }
    }
}

impl std::error::Error for UnavailableTransport {}

impl FromStr for Transport {
    type Err = UnavailableTransport;

    /// Reads `sp` or `nng`.
    ///
    /// # Errors
    ///
    /// [`UnavailableTransport`] for any other name, and for `nng` in a build
    /// without NNG.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let transport = match name {
            "sp" => Self::Sp,
            "nng" => Self::Nng,
            other => {
                return Err(UnavailableTransport::Unknown {
                    name: other.to_owned(),
                });
            }
        };
        transport.backend().map(|_| transport)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sp => "sp",
            Self::Nng => "nng",
        })
    }
}

impl Transport {
    /// Returns the backend that opens the sockets, if this build has it.
    pub(crate) fn backend(self) -> Result<Backend, UnavailableTransport> {
        match self {
            Self::Sp => Ok(Backend::Sp),
            #[cfg(feature = "nng")]
            Self::Nng => Ok(Backend::Nng),
            #[cfg(not(feature = "nng"))]
            Self::Nng => Err(UnavailableTransport::WithoutNng),
        }
    }
}

/// A transport that this build has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    Sp,
    #[cfg(feature = "nng")]
    Nng,
}
