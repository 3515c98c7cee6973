//! Does on a thread of its own what may block.

use std::sync::Arc;

use super::answer::Refusal;
use crate::cli::serve::desk::{Plugin, Problem};
use crate::cli::serve::state::Shared;

/// Does something with a plugin that may block.
pub(super) async fn with_plugin<T: Send + 'static>(
    server: &Shared,
    name: &str,
    work: impl FnOnce(&Plugin) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Refusal> {
    let plugin = Arc::clone(server.desk.plugin(name)?);
    let done = tokio::task::spawn_blocking(move || work(&plugin)).await;
    match done {
        Ok(result) => Ok(result?),
        Err(_) => Err(Problem::internal("a handler has panicked; this is a bug").into()),
    }
}
