//! What every context knows about its instance: the ids, the logger, and its
//! stop.
//!
//! The contexts of the three kinds of symbols are built on [`InstanceInfo`]. The
//! instance itself, its thread and its channels are not here.

use std::fmt;
use std::sync::Arc;

use log::{Log, Metadata, Record, error};

use crate::journal::{self, Journal};
use crate::panics;
use crate::short::Short;
use crate::stop::{StopGuard, StopSignal};

/// The ids of an instance: its rule, its operator and its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) rule_id: String,
    pub(crate) op_id: String,
    pub(crate) instance_id: i64,
}

/// Writes the form that addresses contain: `{ruleId}_{opId}_{instanceId}`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.rule_id, self.op_id, self.instance_id)
    }
}

/// A logger that names an instance in each line.
///
/// It passes each record to the logger of the process, with the ids of the rule,
/// the operator and the instance in front of the text:
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
    /// The journal of the unit test that the instance belongs to.
    journal: Option<Journal>,
}

impl Logger {
    fn new(identity: &Identity) -> Self {
        let Identity {
            rule_id,
            op_id,
            instance_id,
        } = identity;
        Logger {
            name: format!("{}/{}/{instance_id}", Short(rule_id), Short(op_id)),
            journal: Journal::current(),
        }
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        log::logger().enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let log = || {
            log::logger().log(
                &Record::builder()
                    .metadata(record.metadata().clone())
                    .module_path(record.module_path())
                    .file(record.file())
                    .line(record.line())
                    .args(format_args!("{}: {}", self.name, record.args()))
                    .build(),
            );
        };
        match &self.journal {
            Some(journal) => journal::within(Some(journal.clone()), log),
            None => log(),
        }
    }

    fn flush(&self) {
        log::logger().flush();
    }
}

/// The part that all contexts have in common. Clones of a context share it.
pub(crate) struct InstanceInfo {
    /// The name of the symbol.
    pub(crate) symbol: String,
    pub(crate) identity: Identity,
    pub(crate) stop: Arc<StopSignal>,
    pub(crate) logger: Logger,
}

impl InstanceInfo {
    pub(crate) fn new(symbol: &str, identity: Identity) -> Arc<Self> {
        Self::with_stop(symbol, identity, Arc::default())
    }

    /// Creates the information for an instance that shares its stop with others.
    pub(crate) fn with_stop(symbol: &str, identity: Identity, stop: Arc<StopSignal>) -> Arc<Self> {
        Arc::new(InstanceInfo {
            symbol: symbol.to_owned(),
            logger: Logger::new(&identity),
            identity,
            stop,
        })
    }
}

impl InstanceInfo {
    /// Registers a callback for the stop. A panic in it is logged.
    pub(crate) fn on_stop(&self, callback: impl FnOnce() + Send + 'static) -> StopGuard {
        let logger = self.logger.clone();
        self.stop.on_stop(move || {
            if let Err(panic) = panics::catch(callback) {
                error!(logger: &logger, "a callback for the stop failed: {panic}");
            }
        })
    }

    /// Writes the `Debug` form of a context: its type and its ids.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>, context: &str) -> fmt::Result {
        f.debug_struct(context)
            .field("rule_id", &self.identity.rule_id)
            .field("op_id", &self.identity.op_id)
            .field("instance_id", &self.identity.instance_id)
            .finish()
    }
}

/// Writes the form for the SDK's log lines: `` `random` (rule1_demo_0) ``.
impl fmt::Display for InstanceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` ({})",
            Short(&self.symbol),
            Short(&self.identity.to_string())
        )
    }
}

/// Defines the methods that all three contexts have. The context must have a
/// method `info` that returns `&InstanceInfo`.
macro_rules! instance_methods {
    () => {
        /// Returns the id of the rule, such as `rule1`.
        pub fn rule_id(&self) -> &str {
            &self.info().identity.rule_id
        }

        /// Returns the id of the operator.
        ///
        /// For a source it is the name of the stream (`demo`), for a sink
        /// `{action}_{index}` (`print_0`), for a function the operator that
        /// computes the call (`3_project`).
        pub fn op_id(&self) -> &str {
            &self.info().identity.op_id
        }

        /// Returns the number of the instance, counted from 0.
        pub fn instance_id(&self) -> i64 {
            self.info().identity.instance_id
        }

        /// Returns the logger that names this instance in each line.
        pub fn logger(&self) -> &crate::Logger {
            &self.info().logger
        }
    };
}
pub(crate) use instance_methods;

/// Defines the methods for stops. The context must have a method `info` that
/// returns `&InstanceInfo`.
macro_rules! stop_methods {
    () => {
        /// Returns whether the instance was stopped.
        ///
        /// Code that runs for a long time must check this and return. See also
        /// [`sleep`](Self::sleep).
        pub fn stopped(&self) -> bool {
            self.info().stop.is_set()
        }

        /// Sleeps for `duration`, or until the instance is stopped.
        ///
        /// Returns true to go on, and false once the instance was stopped.
        pub fn sleep(&self, duration: std::time::Duration) -> bool {
            self.info().stop.sleep(duration)
        }

        /// Calls `callback` once when the instance is stopped or ends by itself;
        /// at once if it already was.
        ///
        /// It ends what blocks: it shuts down a socket, or cancels a token.
        /// Dropping the guard deregisters the callback, without waiting for one
        /// that runs at that moment.
        ///
        /// The callback runs on the thread that stops the instance, which serves
        /// the host's orders, before any other order; on this thread if the
        /// instance was stopped before; and on the instance's thread if it ends
        /// by itself. So it must be quick, and must not wait for the instance. A
        /// panic in it is logged, and changes nothing else.
        ///
        /// A callback that holds a clone of this context is fine: it is dropped
        /// after the stop.
        pub fn on_stop(&self, callback: impl FnOnce() + Send + 'static) -> crate::StopGuard {
            self.info().on_stop(callback)
        }

        /// Returns a future that is ready once the instance was stopped or has
        /// ended by itself.
        ///
        /// It works in every executor and blocks no thread. It may be dropped at any
        /// time.
        pub fn until_stopped(&self) -> crate::UntilStopped {
            self.info().stop.until_set()
        }
    };
}
pub(crate) use stop_methods;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_callback_does_not_reach_the_thread_that_stops() {
        let info = InstanceInfo::new("s", Identity::default());
        let (ran, runs) = std::sync::mpsc::channel();
        let _panics = info.on_stop(|| panic!("callback"));
        let _works = info.on_stop(move || ran.send(()).unwrap());

        info.stop.set();

        assert_eq!(runs.recv(), Ok(()));
    }
}
