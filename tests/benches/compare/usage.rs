//! The resources that a process has used, from /proc of Linux.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// The processor time of all threads that a process has.
pub(crate) fn cpu(pid: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // The thread may have ended since the directory was read.
        let Ok(line) = fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        let first = line.split_whitespace().next();
        nanoseconds += first.and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The processes whose program is in a directory.
pub(crate) fn processes_of(directory: &Path) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_there = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(directory.as_os_str().as_bytes())
    };
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(is_there)
        .collect()
}

/// The peak resident memory of a process so far, in MiB.
pub(crate) fn peak_memory(pid: u32) -> Option<f64> {
    status(pid, "VmHWM:")
}

/// The resident memory of a process, in MiB.
pub(crate) fn memory(pid: u32) -> Option<f64> {
    status(pid, "VmRSS:")
}

/// A number of KiB from the status of a process, in MiB.
fn status(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
