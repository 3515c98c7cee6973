//! The processes that a check has launched, and how long they have run.
//!
//! The time limit of a check is enforced from outside with these: a check whose
//! plugin is gone ends by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mock_kuiper::{Event, Observer, What};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The processes of a check.
#[derive(Debug, Default)]
pub(crate) struct Launches {
    state: Mutex<State>,
    is_over: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    running: Vec<u32>,
    /// Since when at least one process has run.
    since: Option<Instant>,
    /// How long one ran before that.
    before: Duration,
}

/// Notes the process of one host.
#[derive(Debug)]
pub(super) struct Launched {
    launches: Arc<Launches>,
    pid: Mutex<Option<u32>>,
}

impl Launches {
    /// Returns an observer for a host.
    pub(super) fn observer(self: &Arc<Self>) -> Arc<dyn Observer> {
        Arc::new(Launched {
            launches: Arc::clone(self),
            pid: Mutex::default(),
        })
    }

    /// Returns how long the check's processes have run. While hosts take turns,
    /// a check waits without a process, and that does not count.
    pub(crate) fn time(&self) -> Duration {
        let state = self.lock();
        state.before + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns whether the check has reached its limit: it must launch nothing
    /// more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Ends the check's processes.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        for pid in &self.lock().running {
            if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                // It may have exited in the meantime.
                let _ = kill_process_group(pid, Signal::KILL);
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launched(&self, pid: u32) {
        let mut state = self.lock();
        state.running.push(pid);
        state.since.get_or_insert_with(Instant::now);
    }

    fn exited(&self, pid: u32) {
        let mut state = self.lock();
        state.running.retain(|other| *other != pid);
        if state.running.is_empty()
            && let Some(since) = state.since.take()
        {
            state.before += since.elapsed();
        }
    }
}

impl Observer for Launched {
    fn event(&self, event: &Event<'_>) {
        let mut pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        match event.what {
            What::Launched { pid: new, .. } => {
                self.launches.launched(new);
                *pid = Some(new);
            }
            What::Exited { .. } => {
                if let Some(pid) = pid.take() {
                    self.launches.exited(pid);
                }
            }
            _ => {}
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        let pid = self.pid.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = pid.take() {
            self.launches.exited(pid);
        }
    }
}
