//! What the plugin costs the machine: memory, processor time, files, threads.
//!
//! Counted is the plugin's process group without its watchdog: a launcher such
//! as `conda run` or a shell script makes the real plugin a grandchild.

use std::fmt;
use std::fs;
use std::ops::AddAssign;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::{Pid, getpgid};

use super::{Host, HostError};

/// How long the end of a process is awaited whose memory is gone already.
const DYING: Duration = Duration::from_millis(500);

/// What the processes of the plugin's group use together, as the system counts
/// it. Of one that has ended nothing is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Processes.
    pub processes: usize,
    /// Open file descriptors; those of another user's process count as none.
    pub open_files: usize,
    /// Threads.
    pub threads: usize,
    /// Resident memory, in bytes. What processes share counts for each.
    pub memory: u64,
    /// The most that it was since the launch, in bytes: the sum of the most of
    /// each process.
    pub peak_memory: u64,
    /// The time that processors have worked for it, since the launch.
    pub processor_time: Duration,
}

impl Usage {
    /// Whether this is more than starts and stops may leave: 4 files, 2 threads
    /// and 8 MiB beyond `before`, which allocators and pools take without a
    /// leak.
    #[must_use]
    pub fn is_beyond(&self, before: &Self) -> bool {
        const MEMORY: u64 = 8 * 1024 * 1024;
        self.open_files > before.open_files + 4
            || self.threads > before.threads + 2
            || self.memory > before.memory + MEMORY
    }

    /// Looks at one process; `None` where it has ended.
    fn of(pid: u32) -> Option<Self> {
        let process = format!("/proc/{pid}");
        let status = fs::read_to_string(format!("{process}/status")).ok()?;
        let field = |name: &str| -> Option<u64> {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed())).ok()?;
        Some(Self {
            processes: 1,
            // Those of another user are not told.
            open_files: fs::read_dir(format!("{process}/fd")).map_or(0, Iterator::count),
            threads: usize::try_from(field("Threads:")?).ok()?,
            memory: field("VmRSS:")? * 1024,
            peak_memory: field("VmHWM:")? * 1024,
            processor_time: clock.now().ok()?.into(),
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

impl Host {
    /// Returns what the plugin's process group uses now.
    ///
    /// # Errors
    ///
    /// [`HostError::Crashed`] where the process that was launched has ended.
    pub fn usage(&self) -> Result<Usage, HostError> {
        let process = self.inner.process();
        let ended = || {
            // It is gone from /proc a moment before its end is known.
            let _ = process.exit().wait(DYING);
            self.inner.note(self.inner.exited())
        };
        let mut all = Usage::of(process.pid()).ok_or_else(ended)?;
        for pid in members(process.group()) {
            // The watchdog leads the group.
            if pid != process.pid()
                && pid != process.group()
                && let Some(usage) = Usage::of(pid)
            {
                all += usage;
            }
        }
        Ok(all)
    }

    /// Returns how long the plugin took from its launch to its first greeting;
    /// `None` before that was [read](Self::wait_greeting). After a
    /// [`reload`](Self::reload) it is that of the new process.
    #[must_use]
    pub fn time_to_greeting(&self) -> Option<Duration> {
        self.inner.process().greeted_after()
    }
}

/// The processes of a group.
fn members(group: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let group = Pid::from_raw(group.cast_signed());
    // That of a kernel's thread is 0, which rustix does not expect.
    pids.filter(move |pid: &u32| getpgid(Some(Pid::from_raw(pid.cast_signed()))) == Ok(group))
}
