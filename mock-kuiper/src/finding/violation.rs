//! How a plugin broke the transport.

use std::fmt;

use ekuiper_sp::ProtocolError;

/// How a plugin broke the Scalability Protocols; `Display` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(ProtocolError);

impl Violation {
    pub(crate) fn new(error: ProtocolError) -> Self {
        Self(error)
    }

    /// Returns the protocol numbers that were expected and found in a greeting,
    /// for example 0x51 (PULL) and 0x50 (PUSH); `None` for another violation.
    #[must_use]
    pub fn wrong_socket(&self) -> Option<(u16, u16)> {
        match self.0 {
            ProtocolError::WrongProtocol { expected, found } => Some((expected, found)),
            _ => None,
        }
    }

    /// Whether a peer connected and sent no greeting in time.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        self.0 == ProtocolError::GreetingTimedOut
    }

    /// Whether a message lacks the id that REQ and REP put before its body, or
    /// has one without its highest bit.
    #[must_use]
    pub fn is_missing_id(&self) -> bool {
        matches!(self.0, ProtocolError::NoId { .. })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
