//! Ways to break the transport's protocol on purpose.

/// A way in which the host breaks the transport's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Breach {
    /// A frame whose connection ends inside its body.
    CutFrame,
    /// A frame that claims more bytes than any memory holds.
    LyingLength,
    /// A greeting of another protocol: PAIR.
    WrongGreeting,
    /// Bytes that are not a greeting.
    NoGreeting,
}

impl Breach {
    /// All ways.
    pub const ALL: [Self; 4] = [
        Self::CutFrame,
        Self::LyingLength,
        Self::WrongGreeting,
        Self::NoGreeting,
    ];

    /// Describes what the host sends.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::CutFrame => "a frame that is cut off",
            Self::LyingLength => "a frame that claims 4 EiB",
            Self::WrongGreeting => "a greeting of PAIR",
            Self::NoGreeting => "bytes that are not a greeting",
        }
    }
}
