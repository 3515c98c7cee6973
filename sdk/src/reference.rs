//! Pages for reading: the protocol, what eKuiper does with a configuration, and a
//! complete plugin. They exist in the documentation only.

/// The protocol between eKuiper and a plugin, as this SDK implements it.
///
/// Files named `tests/…` and `requirements.md` are in the repository of the SDK.
///
#[doc = include_str!("../docs/protocol.md")]
#[expect(
    rustdoc::broken_intra_doc_links,
    reason = "the page marks facts with `[trace]` and `[seen]`"
)]
pub mod protocol {}

/// What arrives at a plugin of the configuration that a user has written.
///
/// [the protocol]: crate::reference::protocol
///
#[doc = include_str!("../docs/configuration.md")]
pub mod configuration {}

/// The source of a complete plugin with its unit tests: `mirror`, the example to
/// copy.
///
/// Its `Cargo.toml` depends on `ekuiper` and `serde`, and builds a small executable:
///
/// ```toml
/// [profile.release]
/// opt-level = "s"
/// lto = true
/// codegen-units = 1
/// strip = true
/// ```
///
/// # `src/main.rs`
///
/// ```rust,ignore
#[doc = include_str!("../docs/mirror/main.rs")]
/// ```
///
/// # `src/random.rs`
///
/// ```rust,ignore
#[doc = include_str!("../docs/mirror/random.rs")]
/// ```
///
/// # `src/append.rs`
///
/// ```rust,ignore
#[doc = include_str!("../docs/mirror/append.rs")]
/// ```
///
/// # `src/functions.rs`
///
/// ```rust,ignore
#[doc = include_str!("../docs/mirror/functions.rs")]
/// ```
pub mod example {}
