//! What every instance knows of itself: its ids, its logger, whether it was
//! stopped. The contexts of the three kinds of symbols are built on it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use log::{Log, Metadata, Record};

/// The rule, the operator and the number of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) rule_id: String,
    pub(crate) op_id: String,
    pub(crate) instance_id: i64,
}

/// As in an address: `{ruleId}_{opId}_{instanceId}`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.rule_id, self.op_id, self.instance_id)
    }
}

/// The stop of an instance, for those who look and those who sleep.
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    stopped: AtomicBool,
    lock: Mutex<()>,
    woken: Condvar,
}

impl StopSignal {
    pub(crate) fn set(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Taken so that a sleeper is either before its look or in its wait.
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.woken.notify_all();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Waits for `duration` or the stop; returns false when stopped.
    pub(crate) fn sleep(&self, duration: Duration) -> bool {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            self.woken
                .wait_timeout_while(guard, duration, |()| !self.is_set())
                .unwrap_or_else(PoisonError::into_inner),
        );
        !self.is_set()
    }
}

/// A logger that says which instance speaks.
///
/// It hands each record to the logger of the process, its text begun with the
/// rule, the operator and the instance:
///
/// ```no_run
/// # fn open(ctx: &ekuiper::SourceContext) {
/// use ekuiper::log::info;
///
/// info!(logger: ctx.logger(), "connected"); // rule1/demo/0: connected
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Logger {
    name: String,
}

impl Logger {
    fn new(identity: &Identity) -> Self {
        let Identity {
            rule_id,
            op_id,
            instance_id,
        } = identity;
        Logger {
            name: format!("{rule_id}/{op_id}/{instance_id}"),
        }
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        log::logger().enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        log::logger().log(
            &Record::builder()
                .metadata(record.metadata().clone())
                .module_path(record.module_path())
                .file(record.file())
                .line(record.line())
                .args(format_args!("{}: {}", self.name, record.args()))
                .build(),
        );
    }

    fn flush(&self) {
        log::logger().flush();
    }
}

/// The part that all contexts have. Shared by clones.
pub(crate) struct Instance {
    /// The symbol, as the plugin's configuration names it.
    pub(crate) symbol: String,
    pub(crate) identity: Identity,
    pub(crate) stop: Arc<StopSignal>,
    pub(crate) logger: Logger,
}

impl Instance {
    pub(crate) fn new(symbol: &str, identity: Identity) -> Arc<Self> {
        Self::with_stop(symbol, identity, Arc::default())
    }

    /// Makes an instance that is stopped together with others.
    pub(crate) fn with_stop(symbol: &str, identity: Identity, stop: Arc<StopSignal>) -> Arc<Self> {
        Arc::new(Instance {
            symbol: symbol.to_owned(),
            logger: Logger::new(&identity),
            identity,
            stop,
        })
    }
}

impl Instance {
    /// Shows a context by its ids.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>, context: &str) -> fmt::Result {
        f.debug_struct(context)
            .field("rule_id", &self.identity.rule_id)
            .field("op_id", &self.identity.op_id)
            .field("instance_id", &self.identity.instance_id)
            .finish()
    }
}

/// For the SDK's own log lines: `` `random` (rule1_demo_0) ``.
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.symbol, self.identity)
    }
}

/// Writes the methods that all three contexts have. Each has a method
/// `instance` that returns `&Instance`.
macro_rules! instance_methods {
    () => {
        /// Returns the id of the rule, such as `rule1`.
        pub fn rule_id(&self) -> &str {
            &self.instance().identity.rule_id
        }

        /// Returns the id of the operator: of a source the stream's name
        /// (`demo`), of a sink `{action}_{index}` (`print_0`), of a function's
        /// call the operator that computes it (`3_project`).
        pub fn op_id(&self) -> &str {
            &self.instance().identity.op_id
        }

        /// Returns the number of the instance, from 0.
        pub fn instance_id(&self) -> i64 {
            self.instance().identity.instance_id
        }

        /// Returns the logger that names this instance in each line.
        pub fn logger(&self) -> &crate::Logger {
            &self.instance().logger
        }
    };
}
pub(crate) use instance_methods;

/// Writes the methods of the contexts of what a host can stop.
macro_rules! stop_methods {
    () => {
        /// Returns whether the instance was stopped. Code that runs for long
        /// looks at it and returns; see also [`sleep`](Self::sleep).
        pub fn stopped(&self) -> bool {
            self.instance().stop.is_set()
        }

        /// Sleeps for `duration`, or until the instance is stopped.
        ///
        /// Returns whether to go on: false once the instance was stopped.
        pub fn sleep(&self, duration: std::time::Duration) -> bool {
            self.instance().stop.sleep(duration)
        }
    };
}
pub(crate) use stop_methods;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_stop_cuts_a_sleep_short() {
        let stop = Arc::new(StopSignal::default());
        let sleeper = Arc::clone(&stop);
        let start = Instant::now();

        let thread = std::thread::spawn(move || sleeper.sleep(Duration::from_secs(60)));
        stop.set();

        assert!(!thread.join().unwrap());
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_sleep_that_was_not_cut_short_says_to_go_on() {
        let stop = StopSignal::default();

        assert!(stop.sleep(Duration::from_millis(1)));
    }

    #[test]
    fn a_sleep_after_the_stop_returns_at_once() {
        let stop = StopSignal::default();
        stop.set();

        assert!(!stop.sleep(Duration::MAX));
    }
}
