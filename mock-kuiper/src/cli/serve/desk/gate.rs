//! Who may use a plugin at the moment: many who give it work, or one who launches,
//! ends or disturbs it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many may be inside together. Each blocks a thread, maybe for as long as a debugger
/// holds the plugin, and its client may be gone.
const MOST: usize = 64;

/// Lets in many, or one.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many are inside together.
    users: usize,
    /// What the one who is alone inside does.
    alone: Option<String>,
    /// How many wait to be alone; they come first.
    waiting: usize,
    /// Whether those inside are to leave before they begin another wait.
    is_hurried: bool,
    is_closed: bool,
}

/// Why somebody was not let in.
#[derive(Debug)]
pub(super) enum Busy {
    /// Somebody does this.
    Doing(String),
    /// Others use the plugin.
    Used,
    /// The gate is closed for good.
    Closed,
}

/// Is inside, until it is dropped.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    gate: &'a Gate,
    is_alone: bool,
}

impl Gate {
    /// Enters together with others.
    pub(super) fn share(&self, limit: Duration) -> Result<Inside<'_>, Busy> {
        let may = |state: &State| state.alone.is_none() && state.waiting == 0 && state.users < MOST;
        let mut state = self.wait(self.state(), limit, may)?;
        state.users += 1;
        Ok(Inside {
            gate: self,
            is_alone: false,
        })
    }

    /// Enters alone, to do `what`, after all who are inside have left.
    pub(super) fn alone(&self, what: &str, limit: Duration) -> Result<Inside<'_>, Busy> {
        let mut state = self.state();
        state.waiting += 1;
        let may = |state: &State| state.alone.is_none() && state.users == 0;
        let waited = self.wait(state, limit, may);
        let mut state = match waited {
            Ok(state) => state,
            Err(busy) => {
                self.state().waiting -= 1;
                self.freed.notify_all();
                return Err(busy);
            }
        };
        state.waiting -= 1;
        state.alone = Some(what.to_owned());
        Ok(Inside {
            gate: self,
            is_alone: true,
        })
    }

    /// Asks those who are inside now to leave.
    pub(super) fn hurry(&self) {
        let mut state = self.state();
        state.is_hurried = state.users > 0;
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.freed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Waits until nobody is inside a closed gate. Returns whether that is so.
    pub(super) fn wait_empty(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state();
        while state.users > 0 || state.alone.is_some() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.pause(state, left);
        }
        true
    }

    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        limit: Duration,
        may: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>, Busy> {
        let deadline = Instant::now() + limit;
        loop {
            if state.is_closed {
                return Err(Busy::Closed);
            }
            if may(&state) {
                return Ok(state);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(match &state.alone {
                    Some(what) => Busy::Doing(what.clone()),
                    None => Busy::Used,
                });
            }
            state = self.pause(state, left);
        }
    }

    fn pause<'a>(&'a self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        let waited = self.freed.wait_timeout(state, limit);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside<'_> {
    /// Whether to leave before the next wait. The one who is alone never has to.
    pub(super) fn must_leave(&self) -> bool {
        !self.is_alone && self.gate.state().is_hurried
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        match self.is_alone {
            true => state.alone = None,
            false => state.users -= 1,
        }
        state.is_hurried &= state.users > 0;
        drop(state);
        self.gate.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn many_are_inside_together_and_one_is_inside_alone() {
        let gate = Gate::default();

        let users = [gate.share(NOW).unwrap(), gate.share(NOW).unwrap()];
        assert!(matches!(gate.alone("reload", NOW), Err(Busy::Used)));
        drop(users);
        let alone = gate.alone("reload", NOW).unwrap();
        assert!(matches!(gate.share(NOW), Err(Busy::Doing(what)) if what == "reload"));
        drop(alone);

        assert!(gate.share(NOW).is_ok());
    }

    #[test]
    fn there_is_no_room_for_one_too_many() {
        let gate = Gate::default();

        let mut users: Vec<_> = (0..MOST).map(|_| gate.share(NOW).unwrap()).collect();
        assert!(matches!(gate.share(NOW), Err(Busy::Used)));
        users.pop();

        assert!(gate.share(NOW).is_ok());
    }

    #[test]
    fn those_inside_are_hurried_and_those_who_come_later_are_not() {
        let gate = Gate::default();
        let user = gate.share(NOW).unwrap();

        gate.hurry();
        assert!(user.must_leave());
        drop(user);

        assert!(!gate.share(NOW).unwrap().must_leave());
        gate.hurry();
        assert!(!gate.alone("stop", NOW).unwrap().must_leave());
    }

    #[test]
    fn a_closed_gate_lets_nobody_in_and_waits_for_those_inside() {
        let gate = Gate::default();
        let user = gate.share(NOW).unwrap();

        gate.close();

        assert!(matches!(gate.share(NOW), Err(Busy::Closed)));
        assert!(matches!(gate.alone("stop", NOW), Err(Busy::Closed)));
        assert!(!gate.wait_empty(NOW));
        drop(user);
        assert!(gate.wait_empty(NOW));
    }
}
