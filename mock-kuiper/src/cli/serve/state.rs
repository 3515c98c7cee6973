//! What all requests share.

use std::sync::Arc;

use tokio::sync::watch;

use super::desk::Desk;
use super::guard::Guard;

/// What all requests share.
pub(super) struct Server {
    /// The random id of this process.
    pub(super) id: String,
    pub(super) desk: Desk,
    pub(super) guard: Guard,
    /// Whether the server is about to end.
    pub(super) ending: watch::Sender<bool>,
}

/// A reference to it, for a handler.
pub(super) type Shared = Arc<Server>;
