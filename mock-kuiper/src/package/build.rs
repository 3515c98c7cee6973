//! How the code of a plugin is built.

/// How a Cargo package or a Go module is built.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// Whether to build with optimizations.
    pub release: bool,
    /// The target triple of the machine that the plugin is for; `None` for this
    /// machine. For anything except a Cargo package its processor is enough:
    /// `aarch64`.
    pub target: Option<String>,
}

impl Build {
    /// Builds with optimizations, for this machine.
    #[must_use]
    pub fn optimized() -> Self {
        Self {
            release: true,
            target: None,
        }
    }

    /// Builds without optimizations, for this machine.
    #[must_use]
    pub fn unoptimized() -> Self {
        Self::default()
    }
}
