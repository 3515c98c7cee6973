//! What all loads of a run share: its time, its random numbers, its pauses, and what
//! went wrong.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::Result;

/// How long the first part of a run is, after which nothing may grow.
const FIRST: Duration = Duration::from_secs(60);

/// A shorter run shows what is lost, not what grows.
const JUDGED: Duration = Duration::from_secs(120);

/// The loads that start and kill, and pause while usage is read.
const DISTURBERS: usize = 2;

/// How long they may take until they pause.
const PATIENCE: Duration = Duration::from_secs(60);

/// Findings beyond these are counted.
const PRINTED: usize = 20;

pub(crate) struct Run {
    time: Duration,
    seed: u64,
    begun: Instant,
    is_over: AtomicBool,
    is_paused: AtomicBool,
    /// How many loads pause.
    paused: AtomicUsize,
    /// From when on latencies count.
    measured: OnceLock<Instant>,
    findings: Mutex<Findings>,
}

/// What went wrong.
#[derive(Default)]
pub(crate) struct Findings {
    texts: Vec<String>,
    more: u64,
}

impl Run {
    pub(crate) fn new(time: Duration, seed: u64) -> Self {
        Self {
            time,
            seed,
            begun: Instant::now(),
            is_over: AtomicBool::new(false),
            is_paused: AtomicBool::new(false),
            paused: AtomicUsize::new(0),
            measured: OnceLock::new(),
            findings: Mutex::default(),
        }
    }

    /// Returns random numbers; each load has its own, so that they do not depend on
    /// what other loads do.
    pub(crate) fn random(&self, load: u64) -> Rng {
        Rng::with_seed(self.seed.wrapping_mul(31).wrapping_add(load))
    }

    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// Returns when usage is read for the first time.
    pub(crate) fn first_mark(&self) -> Duration {
        FIRST.min(self.time / 4)
    }

    /// Whether the run is long enough to show what grows.
    pub(crate) fn is_judged(&self) -> bool {
        self.time >= JUDGED
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Ends all loads.
    pub(crate) fn finish(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Waits like [`thread::sleep`], and ends with the run.
    pub(crate) fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_over() && Instant::now() < until {
            thread::sleep(Duration::from_millis(2).min(time));
            self.pause();
        }
    }

    /// Waits as long as usage is read. For loads that start or kill something.
    pub(crate) fn pause(&self) {
        if self.is_paused.load(Ordering::SeqCst) {
            self.paused.fetch_add(1, Ordering::SeqCst);
            while self.is_paused.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            self.paused.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Calls `read` while nothing is started or killed.
    ///
    /// # Errors
    ///
    /// Those of `read`, and that a load does not pause: it hangs.
    pub(crate) fn at_rest<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        self.is_paused.store(true, Ordering::SeqCst);
        let until = Instant::now() + PATIENCE;
        while self.paused.load(Ordering::SeqCst) < DISTURBERS && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        let all_pause = self.paused.load(Ordering::SeqCst) == DISTURBERS;
        // Threads of what was stopped have yet to end.
        thread::sleep(self.time.div_f64(200.0).min(Duration::from_secs(2)));
        let read = match all_pause {
            true => read(),
            false => Err(format!("a load took longer than {PATIENCE:?}").into()),
        };
        self.is_paused.store(false, Ordering::SeqCst);
        read
    }

    /// Lets latencies count from now on.
    pub(crate) fn measure_latency(&self, now: Instant) {
        self.measured.get_or_init(|| now);
    }

    /// Returns in which quarter of the time that counts a call began.
    pub(crate) fn quarter(&self, began: Instant) -> Option<usize> {
        let measured = *self.measured.get()?;
        let all = (self.begun + self.time).saturating_duration_since(measured);
        let at = began.checked_duration_since(measured)?;
        let quarter = (4.0 * at.div_duration_f64(all.max(Duration::from_millis(1)))) as usize;
        Some(quarter.min(3))
    }

    /// Notes what went wrong.
    pub(crate) fn note(&self, load: &str, what: impl Display) {
        let mut findings = self.lock();
        let at = self.begun.elapsed().as_secs_f64();
        match findings.texts.len() < PRINTED {
            true => findings.texts.push(format!("at {at:.3} s, {load}: {what}")),
            false => findings.more += 1,
        }
    }

    pub(crate) fn take_findings(&self) -> Findings {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Findings {
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(crate) fn print(&self) {
        self.texts.iter().for_each(|text| println!("{text}"));
        if self.more > 0 {
            println!("and {} more", self.more);
        }
    }
}
