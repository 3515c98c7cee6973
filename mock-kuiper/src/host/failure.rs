//! What an error of the transport means for the host: the one place that
//! decides.

use ekuiper_sp::Error;

use super::error::{HostError, SystemError};
use crate::finding::{Finding, Observed, Violation};
use crate::foreign::in_sentence;
use crate::symbol::Channel;

/// Why a wait on a channel gave no message.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing arrived in time.
    TimedOut,
    /// The wait was ended: the process exited or was replaced, the host was
    /// interrupted, or a waker was used.
    Woken,
    /// The plugin's process has exited.
    Exited,
    /// The host was interrupted.
    Interrupted,
    /// The connection was lost; another one may follow.
    Disconnected,
    /// The plugin broke the protocol, or the system failed.
    Host(HostError),
}

impl Failure {
    /// Sorts an error of the transport on `channel`.
    pub(crate) fn of(channel: &Channel, error: Error) -> Self {
        match error {
            Error::TimedOut => Self::TimedOut,
            Error::Woken => Self::Woken,
            Error::Disconnected => Self::Disconnected,
            other => Self::Host(transport_error(channel, other)),
        }
    }
}

/// Makes the host's error from one of the transport on `channel`.
pub(crate) fn transport_error(channel: &Channel, error: Error) -> HostError {
    let system = match error {
        Error::Protocol(violation) => {
            let observed = Observed::Protocol(Violation::new(violation));
            return Finding::new(observed).on(channel).into();
        }
        Error::InUse { path, pid } => SystemError::AddressInUse { path, pid },
        Error::StaleFile { path, owner } => SystemError::StaleFile { path, owner },
        Error::Address { .. } => return too_long(channel),
        other => SystemError::Transport(other.to_string()),
    };
    HostError::System(Box::new(system))
}

/// Makes the error for a channel whose socket has too long a path.
pub(super) fn too_long(channel: &Channel) -> HostError {
    HostError::invalid(format!(
        "the channel {} cannot be opened: the path of its socket is longer than the 107 bytes that \
         the system allows; shorten the plugin's name, the rule id, or the name of the stream, \
         action or function",
        in_sentence(channel.name())
    ))
}

/// Makes the observation from a failed attempt to connect to a sink.
pub(crate) fn not_listening(error: &Error) -> Observed {
    let cause = match error {
        Error::Unreachable {
            cause: Some(cause), ..
        } => &**cause,
        other => other,
    };
    match cause {
        Error::Protocol(violation) => Observed::WrongSocket(Violation::new(violation.clone())),
        _ => Observed::NotListening {
            cause: error.to_string(),
        },
    }
}
