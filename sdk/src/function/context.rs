//! The calls of a function in SQL statements: their contexts and their state.
//!
//! [`Sites`] finds the context of a call from the text that holds its ids.
//!
//! Rules: docs/protocol.md, "Functions".

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use log::warn;

use crate::context::{Identity, InstanceInfo, instance_methods, stop_methods};
use crate::short::Short;
use crate::stop::StopSignal;
use crate::{panics, wire};

/// Identifies the call that is computed: its rule, its operator, its instance,
/// and its number in the statement.
///
/// Contexts are equal if these four ids are equal. A context is a handle that is
/// cheap to clone. [`with_state`](Self::with_state) keeps values between rows.
#[derive(Clone)]
pub struct FunctionContext {
    shared: Arc<CallInfo>,
}

struct CallInfo {
    info: Arc<InstanceInfo>,
    function_id: i64,
    /// One value for each type: the `Mutex<T>` of each `T`.
    states: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
    /// When the call was last computed, as the clock of [`Sites`] shows.
    used: AtomicU64,
}

impl FunctionContext {
    fn new(symbol: &str, identity: Identity, function_id: i64, stop: &Arc<StopSignal>) -> Self {
        FunctionContext {
            shared: Arc::new(CallInfo {
                info: InstanceInfo::with_stop(symbol, identity, Arc::clone(stop)),
                function_id,
                states: Mutex::default(),
                used: AtomicU64::default(),
            }),
        }
    }

    fn info(&self) -> &InstanceInfo {
        &self.shared.info
    }

    pub(super) fn key(&self) -> (&Identity, i64) {
        (&self.shared.info.identity, self.shared.function_id)
    }

    instance_methods!();
    stop_methods!();

    /// Returns the number of the call in the statement. Calls of built-in
    /// functions are counted too, so the numbers have gaps.
    pub fn function_id(&self) -> i64 {
        self.shared.function_id
    }

    /// Calls `f` with the state of this call, and returns its result.
    ///
    /// Each call in each statement has its own state, for each rule, operator and
    /// instance. It begins as `T::default()`. Values of different types are
    /// different states.
    ///
    /// ```
    /// use ekuiper::{FunctionContext, serde_json::json, testing};
    ///
    /// fn running_total(x: f64, ctx: &FunctionContext) -> f64 {
    ///     ctx.with_state(|total: &mut f64| {
    ///         *total += x;
    ///         *total
    ///     })
    /// }
    ///
    /// let mut total = testing::function(running_total);
    /// assert_eq!(total.exec([json!(1)])?, json!(1.0));
    /// assert_eq!(total.exec([json!(2)])?, json!(3.0));
    /// assert_eq!(total.call_of("another rule", 0).exec([json!(5)])?, json!(5.0));
    /// # Ok::<(), testing::Failure>(())
    /// ```
    ///
    /// State lives until the process ends: a host never stops a function, so a
    /// rule that is stopped and started again finds the state of its last run. A
    /// function keeps the state of the 4096 calls that were computed most
    /// recently, and logs a warning when it first drops a state. The state of a
    /// call whose ids have more than 1024 bytes is not kept.
    ///
    /// If `f` panics, the state remains as `f` left it.
    ///
    /// `f` must not ask for the state of the same type again: it would wait for
    /// itself.
    pub fn with_state<T: Default + Send + 'static, R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let state = self.state::<T>();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        f(&mut state)
    }

    fn state<T: Default + Send + 'static>(&self) -> Arc<Mutex<T>> {
        let states = &self.shared.states;
        let mut states = states.lock().unwrap_or_else(PoisonError::into_inner);
        let known = states
            .iter()
            .find_map(|state| Arc::clone(state).downcast().ok());
        known.unwrap_or_else(|| {
            let state = Arc::<Mutex<T>>::default();
            states.push(Arc::clone(&state) as _);
            state
        })
    }

    fn has_state(&self) -> bool {
        let states = &self.shared.states;
        let states = states.lock().unwrap_or_else(PoisonError::into_inner);
        !states.is_empty()
    }

    fn used(&self) -> u64 {
        self.shared.used.load(Ordering::Relaxed)
    }
}

impl PartialEq for FunctionContext {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for FunctionContext {}

impl Hash for FunctionContext {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Debug for FunctionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity {
            rule_id,
            op_id,
            instance_id,
        } = &self.shared.info.identity;
        f.debug_struct("FunctionContext")
            .field("rule_id", rule_id)
            .field("op_id", op_id)
            .field("instance_id", instance_id)
            .field("function_id", &self.shared.function_id)
            .finish()
    }
}

/// The bytes of the longest text of ids that is kept. A host's text has about 100.
const LONGEST_TEXT: usize = 1024;

/// The number of texts of ids that are kept.
const MOST_TEXTS: usize = 4096;

/// The number of contexts that are kept at least, those used most recently.
const MOST_SITES: usize = 4096;

/// The number of contexts that are dropped at once.
const DROPPED: usize = 512;

/// The calls of one function.
#[derive(Default)]
pub(super) struct Sites {
    /// Contexts by the text that holds their ids. A host sends the same text for
    /// the same call, so it need not be parsed for each row.
    by_text: HashMap<String, FunctionContext>,
    contexts: HashSet<FunctionContext>,
    /// Counts the calls.
    clock: u64,
    has_warned: bool,
}

impl Sites {
    /// Returns the context of the call whose ids are in `text`.
    pub(super) fn context(
        &mut self,
        symbol: &str,
        text: &str,
        stop: &Arc<StopSignal>,
    ) -> Result<FunctionContext, serde_json::Error> {
        self.clock += 1;
        if let Some(ctx) = self.by_text.get(text) {
            ctx.shared.used.store(self.clock, Ordering::Relaxed);
            return Ok(ctx.clone());
        }
        let (identity, id) = wire::read_call(text)?;
        let is_kept = identity.rule_id.len() + identity.op_id.len() <= LONGEST_TEXT;
        let mut ctx = FunctionContext::new(symbol, identity, id, stop);
        if let Some(known) = self.contexts.get(&ctx) {
            ctx = known.clone();
        } else if is_kept {
            if self.contexts.len() >= MOST_SITES + DROPPED {
                self.drop_least_recent(symbol);
            }
            self.contexts.insert(ctx.clone());
        }
        ctx.shared.used.store(self.clock, Ordering::Relaxed);
        if text.len() <= LONGEST_TEXT {
            if self.by_text.len() >= MOST_TEXTS {
                // Those in use return with the next row.
                self.by_text.clear();
            }
            self.by_text.insert(text.to_owned(), ctx.clone());
        }
        Ok(ctx)
    }

    fn drop_least_recent(&mut self, symbol: &str) {
        let mut used: Vec<u64> = self.contexts.iter().map(FunctionContext::used).collect();
        let (_, &mut last, _) = used.select_nth_unstable(DROPPED - 1);
        let is_old = |ctx: &FunctionContext| ctx.used() <= last;
        if !self.has_warned
            && self
                .contexts
                .iter()
                .any(|ctx| is_old(ctx) && ctx.has_state())
        {
            self.has_warned = true;
            warn!(
                "function `{}` is called in more than {MOST_SITES} places: the state of the calls that were computed least recently is dropped",
                Short(symbol)
            );
        }
        let old = self.contexts.iter().filter(|ctx| is_old(ctx));
        let old: Vec<FunctionContext> = old.cloned().collect();
        self.contexts.retain(|ctx| !is_old(ctx));
        self.by_text.retain(|_, ctx| !is_old(ctx));
        // The states are values of the plugin, whose `drop` may panic.
        for ctx in old {
            panics::discard(format_args!("function `{}`", Short(symbol)), ctx);
        }
    }
}

#[cfg(test)]
mod tests;
