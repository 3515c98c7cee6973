//! What a plugin uses of the machine.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use serde_json::{Value, json};

/// What the processes of the plugin's group use together, as the system counts
/// it. A process that has exited is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Processes.
    pub processes: usize,
    /// Open file descriptors; 0 for a process of another user.
    pub open_files: usize,
    /// Threads.
    pub threads: usize,
    /// Resident memory, in bytes. Memory that processes share counts for each.
    pub memory: u64,
    /// The highest resident memory since the launch, in bytes: the sum of the
    /// peaks of all processes.
    pub peak_memory: u64,
    /// The processor time used since the launch.
    pub processor_time: Duration,
}

impl Usage {
    /// Whether this is more than starts and stops may leave: 4 files, 2 threads
    /// and 8 MiB more than `before`, which allocators and pools take without a
    /// leak.
    #[must_use]
    pub fn is_beyond(&self, before: &Self) -> bool {
        const MEMORY: u64 = 8 * 1024 * 1024;
        self.open_files > before.open_files + 4
            || self.threads > before.threads + 2
            || self.memory > before.memory + MEMORY
    }

    /// Returns what leaks show in: `open_files`, `threads` and `memory_bytes`.
    pub(crate) fn to_json(self) -> Value {
        json!({
            "open_files": self.open_files,
            "threads": self.threads,
            "memory_bytes": self.memory,
        })
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.processes += other.processes;
        self.open_files += other.open_files;
        self.threads += other.threads;
        self.memory += other.memory;
        self.peak_memory += other.peak_memory;
        self.processor_time += other.processor_time;
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.memory as f64 / (1024.0 * 1024.0);
        if self.processes > 1 {
            write!(f, "{} processes, ", self.processes)?;
        }
        write!(
            f,
            "{} open files, {} threads, {memory:.1} MiB",
            self.open_files, self.threads
        )
    }
}
