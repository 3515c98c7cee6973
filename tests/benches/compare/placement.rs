//! Host and plugin on a processor each, while single messages are timed.
//!
//! The kernel may put two processes that wait for each other onto one processor or
//! onto two, and one processor is many times as fast as two. Without a fixed
//! placement the benchmark would compare placements, not plugins.

use std::fs;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread, and the threads and processes that it starts, on one
/// processor until it is dropped.
#[derive(Debug)]
pub(crate) struct Apart {
    all: CpuSet,
    processors: [usize; 2],
}

impl Apart {
    /// Puts this thread onto the first of two processors; `None` if there is only
    /// one, or if the system refuses.
    pub(crate) fn new() -> Option<Self> {
        let all = sched_getaffinity(None).ok()?;
        let mut mine = (0..CpuSet::MAX_CPU).filter(|processor| all.is_set(*processor));
        let processors = [mine.next()?, mine.next()?];
        let apart = Self { all, processors };
        put(None, processors[0])?;
        Some(apart)
    }

    /// Puts all threads of a process onto the second processor.
    pub(crate) fn put_away(&self, pid: u32) {
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
            return;
        };
        for task in tasks.flatten() {
            let id = task.file_name();
            let id = id.to_str().and_then(|id| Pid::from_raw(id.parse().ok()?));
            if id.is_some() {
                // It fails if the thread has ended meanwhile, which is fine.
                let _ = put(id, self.processors[1]);
            }
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.all);
    }
}

fn put(thread: Option<Pid>, processor: usize) -> Option<()> {
    let mut one = CpuSet::new();
    one.set(processor);
    sched_setaffinity(thread, &one).ok()
}
