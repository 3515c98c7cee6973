//! The signals that ask the command to end: SIGINT, SIGTERM and SIGHUP.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::error::CliError;

/// Returns a flag that the first signal sets. A second one ends the command at
/// once.
pub(super) fn watch() -> Result<Arc<AtomicBool>, CliError> {
    let came = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: the first signal finds the flag not set yet.
        flag::register_conditional_default(signal, Arc::clone(&came))
            .and_then(|_| flag::register(signal, Arc::clone(&came)))
            .map_err(|error| CliError::System(format!("cannot watch for signals: {error}")))?;
    }
    Ok(came)
}
