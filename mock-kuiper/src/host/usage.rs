//! Reads what the plugin uses: memory, processor time, files, threads.
//!
//! Counted is the plugin's process group without its supervisor: a launcher such
//! as `conda run` or a shell script makes the real plugin a grandchild.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::{Pid, getpgid};

use crate::usage::Usage;

/// Returns what a process and the rest of its group use, whose leader is the
/// supervisor; `None` if the process has exited.
pub(super) fn of_group(pid: u32, group: u32) -> Option<Usage> {
    let mut all = of_process(pid)?;
    for usage in others(pid, group).filter_map(of_process) {
        all += usage;
    }
    Some(all)
}

/// Returns the resident memory of a process and the rest of its group, in bytes, as
/// [`of_group`] does; `None` if the process has exited.
pub(super) fn memory_of_group(pid: u32, group: u32) -> Option<u64> {
    let own = memory_of_process(pid)?;
    let others = others(pid, group).filter_map(memory_of_process);
    Some(own + others.sum::<u64>())
}

fn memory_of_process(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(field(&status, "VmRSS:")? * 1024)
}

/// Reads the number of a line of `/proc/PID/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Returns the processor time that a process and the rest of its group used or waited
/// for since their threads began; `None` if the process has exited. On a system that
/// does not count the waits, it is the time used.
pub(super) fn wanted_by_group(pid: u32, group: u32) -> Option<Duration> {
    let mut all = wanted_by_process(pid)?;
    for wanted in others(pid, group).filter_map(wanted_by_process) {
        all += wanted;
    }
    Some(all)
}

pub(super) fn wanted_by_process(pid: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let wanted = threads.flatten().filter_map(|thread| {
        // Nanoseconds on a processor, nanoseconds in the queue for one, and a count.
        let counts = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let mut counts = counts.split_whitespace().map(str::parse::<u64>);
        let (used, waited) = (counts.next()?.ok()?, counts.next()?.ok()?);
        Some(Duration::from_nanos(used.saturating_add(waited)))
    });
    match wanted.sum::<Duration>() {
        Duration::ZERO => Some(of_process(pid)?.processor_time),
        wanted => Some(wanted),
    }
}

/// Whether a thread of a process or of the rest of its group, whose leader is the
/// supervisor, has a processor or waits for one.
pub(super) fn group_wants_a_processor(pid: u32, group: u32) -> bool {
    wants_a_processor(pid) || others(pid, group).any(wants_a_processor)
}

/// Whether a thread of a process has a processor or waits for one.
pub(super) fn wants_a_processor(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let mut threads = threads.into_iter().flatten().flatten();
    threads.any(|thread| state(&thread.path()) == Some('R'))
}

/// Whether a debugger or a signal has stopped a process.
pub(super) fn is_stopped(pid: u32) -> bool {
    matches!(state_of(pid), Some('T' | 't'))
}

/// Whether a process has exited. A zombie has.
pub(super) fn has_exited(pid: u32) -> bool {
    matches!(state_of(pid), None | Some('Z' | 'X'))
}

/// Returns the letter of a process's state; `None` if there is no such process.
fn state_of(pid: u32) -> Option<char> {
    state(Path::new(&format!("/proc/{pid}")))
}

/// Returns the letter of the state of a process or a thread with this directory in
/// `/proc`.
fn state(directory: &Path) -> Option<char> {
    let stat = fs::read_to_string(directory.join("stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    after_name.chars().next()
}

/// Returns the processes of a group but these: the plugin's own and the supervisor,
/// which leads the group.
fn others(pid: u32, group: u32) -> impl Iterator<Item = u32> {
    members(group).filter(move |member| *member != pid && *member != group)
}

/// Returns what one process uses; `None` if it has exited.
#[must_use]
pub fn of_process(pid: u32) -> Option<Usage> {
    let process = format!("/proc/{pid}");
    let status = fs::read_to_string(format!("{process}/status")).ok()?;
    let field = |name| field(&status, name);
    let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed())).ok()?;
    Some(Usage {
        processes: 1,
        // The files of another user's process cannot be read.
        open_files: fs::read_dir(format!("{process}/fd")).map_or(0, Iterator::count),
        threads: usize::try_from(field("Threads:")?).ok()?,
        memory: field("VmRSS:")? * 1024,
        peak_memory: field("VmHWM:")? * 1024,
        processor_time: clock.now().ok()?.into(),
    })
}

/// Returns the processes of a group.
fn members(group: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let group = Pid::from_raw(group.cast_signed());
    // The group of a kernel thread is 0, which rustix does not expect.
    pids.filter(move |pid: &u32| getpgid(Some(Pid::from_raw(pid.cast_signed()))) == Ok(group))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;
    use std::time::Instant;

    use super::*;

    /// Whether a process soon wants a processor, or none.
    fn soon(script: &str, wants: bool) -> bool {
        let mut process = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while wants_a_processor(process.id()) != wants && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        process.kill().unwrap();
        process.wait().unwrap();
        Instant::now() < end
    }

    #[test]
    fn a_process_that_works_wants_a_processor_and_one_that_sleeps_does_not() {
        assert!(soon("while :; do :; done", true));
        assert!(soon("exec sleep 600", false));
    }
}
