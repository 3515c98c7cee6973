//! Reads what the plugin uses: memory, processor time, files, threads.
//!
//! Counted is the plugin's process group without its supervisor: a launcher such
//! as `conda run` or a shell script makes the real plugin a grandchild.

use std::fs;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::{Pid, getpgid};

use super::error::HostError;
use super::inner::Inner;
use crate::usage::Usage;

/// How long the exit of a process is awaited whose memory is freed already.
const DYING: Duration = Duration::from_millis(500);

/// Returns what the plugin's process group uses now.
pub(super) fn of_plugin(host: &Inner) -> Result<Usage, HostError> {
    let process = host.process();
    let exited = || {
        // It disappears from /proc a moment before its exit is known.
        let _ = process.exit().wait(DYING);
        host.note(host.exited())
    };
    let mut all = of_process(process.pid()).ok_or_else(exited)?;
    for pid in members(process.group()) {
        // The supervisor leads the group.
        if pid != process.pid()
            && pid != process.group()
            && let Some(usage) = of_process(pid)
        {
            all += usage;
        }
    }
    Ok(all)
}

/// Returns the memory of a process and of the rest of its group, whose leader is
/// the supervisor.
pub(super) fn memory_of(pid: u32, group: u32) -> u64 {
    let others = members(group).filter(|member| *member != pid && *member != group);
    let used = others.chain([pid]).filter_map(of_process);
    used.map(|usage| usage.memory).sum()
}

/// Returns what one process uses; `None` if it has exited.
fn of_process(pid: u32) -> Option<Usage> {
    let process = format!("/proc/{pid}");
    let status = fs::read_to_string(format!("{process}/status")).ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
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
