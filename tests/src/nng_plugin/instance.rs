//! The instances of a plugin: the sources and sinks that run.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nng::Aio;

use super::order::Argument;

/// The request to an instance to stop.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Whether the instance has to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Waits for `time`, or until the worker of this thread is stopped.
    pub fn pause(&self, time: Duration) {
        let begin = Instant::now();
        while !self.is_set() {
            let left = time.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return;
            }
            // A stop unparks the thread.
            thread::park_timeout(left);
        }
    }
}

/// What carries out the work of an instance.
#[derive(Debug)]
pub struct Worker {
    stop: StopFlag,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Thread(JoinHandle<()>),
    /// An operation that NNG's threads start again and again.
    Operation(Aio),
}

impl Worker {
    /// Runs `work` on a thread of its own; it has to return soon after a stop.
    pub fn spawn(work: impl FnOnce(&StopFlag) + Send + 'static) -> Worker {
        let stop = StopFlag::default();
        let flag = stop.clone();
        let work = Work::Thread(thread::spawn(move || work(&flag)));
        Worker { stop, work }
    }

    /// Takes over an operation, whose callback has to stop when `stop` is set.
    pub fn of_operation(operation: Aio, stop: StopFlag) -> Worker {
        let work = Work::Operation(operation);
        Worker { stop, work }
    }

    /// Requests the stop, and does not wait for it.
    pub fn request_stop(&self) {
        self.stop.0.store(true, Relaxed);
        match &self.work {
            Work::Thread(thread) => thread.thread().unpark(),
            Work::Operation(operation) => operation.cancel(),
        }
    }

    /// Requests the stop, and returns when the work has ended.
    pub fn stop(self) {
        self.request_stop();
        match self.work {
            Work::Thread(thread) => {
                if thread.join().is_err() {
                    eprintln!("an instance panicked before its stop");
                }
            }
            Work::Operation(operation) => operation.wait(),
        }
    }
}

/// A source or sink that runs.
#[derive(Debug)]
pub struct Instance {
    /// The argument that started it.
    pub argument: Argument,
    /// What carries out its work.
    pub worker: Worker,
}

/// The instances that run, each under its key.
#[derive(Debug, Default)]
pub struct Instances {
    running: HashMap<String, Instance>,
}

impl Instances {
    /// Starts an instance with `start`.
    ///
    /// An instance that runs with the same argument goes on; one that runs with
    /// another argument is stopped first.
    ///
    /// # Errors
    ///
    /// What `start` fails with.
    pub fn start(
        &mut self,
        key: String,
        argument: Argument,
        start: impl FnOnce(&Argument) -> Result<Worker, String>,
    ) -> Result<(), String> {
        match self.running.get(&key) {
            Some(running) if running.argument.whole == argument.whole => return Ok(()),
            _ => _ = self.stop(&key),
        }
        let worker = start(&argument)?;
        self.running.insert(key, Instance { argument, worker });
        Ok(())
    }

    /// The instance that runs under a key.
    pub fn get(&self, key: &str) -> Option<&Instance> {
        self.running.get(key)
    }

    /// All instances, with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Instance)> {
        self.running.iter().map(|(key, running)| (&**key, running))
    }

    /// Removes an instance, which goes on.
    pub fn take(&mut self, key: &str) -> Option<Instance> {
        self.running.remove(key)
    }

    /// Stops the instance under a key; false if none runs.
    pub fn stop(&mut self, key: &str) -> bool {
        match self.running.remove(key) {
            Some(instance) => {
                instance.worker.stop();
                true
            }
            None => false,
        }
    }

    /// Stops all instances.
    pub fn stop_all(&mut self) {
        for (_, instance) in self.running.drain() {
            instance.worker.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use super::{super::order::Order, Argument, Instances, Worker};

    fn argument(pad: u32) -> Argument {
        let order = format!(
            r#"{{"cmd":"start","arg":"{{\"symbolName\":\"ticks\",\"config\":{{\"pad\":{pad}}}}}"}}"#
        );
        Order::parse(order.as_bytes()).unwrap().argument
    }

    /// Counts in `starts` how often it is called; its worker waits for a stop.
    fn start(starts: &Cell<u32>) -> impl FnOnce(&Argument) -> Result<Worker, String> {
        move |_| {
            starts.set(starts.get() + 1);
            Ok(Worker::spawn(|stop| stop.pause(Duration::MAX)))
        }
    }

    #[test]
    fn a_second_start_with_the_same_argument_changes_nothing() {
        let (mut instances, starts) = (Instances::default(), Cell::new(0));

        for _ in 0..2 {
            let started = instances.start("key".to_owned(), argument(1), start(&starts));
            started.unwrap();
        }

        assert_eq!(starts.get(), 1);
        assert!(instances.stop("key"));
    }

    #[test]
    fn a_start_with_another_argument_replaces_the_instance() {
        let (mut instances, starts) = (Instances::default(), Cell::new(0));

        for pad in 1..=2 {
            let started = instances.start("key".to_owned(), argument(pad), start(&starts));
            started.unwrap();
        }

        assert_eq!(starts.get(), 2);
        assert_eq!(instances.iter().count(), 1);
        instances.stop_all();
    }

    #[test]
    fn the_stop_of_what_does_not_run_does_nothing() {
        let mut instances = Instances::default();

        assert!(!instances.stop("key"));
    }
}
