//! What a process uses, and whether it has grown.

use std::fmt;
use std::fs;

use crate::Result;
use crate::report::{Line, Verdict};

/// What allocators and pools take without a leak: 8 MiB, 4 files and 2 threads, as
/// `mock_kuiper::Usage::is_beyond`.
const MEMORY: u64 = 8 << 20;
const FILES: usize = 4;
const THREADS: usize = 2;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    memory: u64,
    files: usize,
    threads: usize,
}

impl From<mock_kuiper::Usage> for Usage {
    fn from(usage: mock_kuiper::Usage) -> Self {
        Self {
            memory: usage.memory,
            files: usage.open_files,
            threads: usage.threads,
        }
    }
}

/// Returns what this process uses.
pub(crate) fn own() -> Result<Usage> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let threads = field("Threads:").ok_or("/proc/self/status has no Threads")?;
    Ok(Usage {
        memory: field("VmRSS:").ok_or("/proc/self/status has no VmRSS")? * 1024,
        files: fs::read_dir("/proc/self/fd")?.count(),
        threads: usize::try_from(threads)?,
    })
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.memory as f64 / f64::from(1 << 20);
        let Self { files, threads, .. } = self;
        write!(f, "{memory:.1} MiB, {files} files, {threads} threads")
    }
}

/// Compares what is used at the end with what was used after the first part of the run.
pub(crate) fn judge(name: &str, first: Usage, last: Usage, is_judged: bool) -> Line {
    let is_kept = last.memory <= first.memory + MEMORY
        && last.files <= first.files + FILES
        && last.threads <= first.threads + THREADS;
    let verdict = match is_judged {
        true => Verdict::of(is_kept),
        false => Verdict::TooShort,
    };
    Line::new(name, format!("{first}; at the end {last}"), verdict)
}
