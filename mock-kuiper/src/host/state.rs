//! What changes while a host runs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::process::Process;
use super::pull::PullChannel;
use crate::wire::Order;

/// What changes while the host runs.
#[derive(Debug)]
pub(super) struct State {
    /// The process that runs now, or ran last; `None` if the host launches no plugin.
    pub(super) process: Option<Arc<Process>>,
    /// What runs, in the order of its start.
    pub(super) running: Vec<Order>,
    /// Functions that run as far as the host knows, but not in the present
    /// process: their start is sent again before their next call.
    pub(super) not_replayed: BTreeSet<String>,
    /// Since when nothing runs.
    pub(super) idle_since: Option<Instant>,
    /// Ack channels that the release never closes.
    pub(super) kept_acks: Vec<PullChannel>,
    /// The socket files of the sinks, which a killed plugin leaves behind.
    pub(super) files: BTreeSet<PathBuf>,
    /// Draws what eKuiper does in no certain order; `None` is the usual order.
    pub(super) chance: Option<fastrand::Rng>,
}
