//! Whether the plugin has dialed its control address, and which other address it
//! uses instead.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ekuiper_sp::listed;
use mock_kuiper::What;
use mock_kuiper::engine::foreign::printable;

/// How long a plugin may take to dial before a note asks for its name.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What is known about the plugin's control address.
#[derive(Debug)]
pub(super) struct Dialing {
    plugin: String,
    has_dialed: AtomicBool,
    /// The plugin's process; 0 before its launch.
    pid: AtomicU32,
    /// Another control address that the plugin's log names.
    logged: Mutex<Option<String>>,
}

impl Dialing {
    pub(super) fn new(plugin: &str) -> Self {
        Self {
            plugin: plugin.to_owned(),
            has_dialed: AtomicBool::new(false),
            pid: AtomicU32::new(0),
            logged: Mutex::default(),
        }
    }

    /// Notes what an event says about the address.
    pub(super) fn event(&self, what: &What<'_>) {
        match what {
            What::Launched { pid, .. } => self.pid.store(*pid, Ordering::SeqCst),
            What::Connected { channel, .. } if channel.name() == self.channel() => {
                self.has_dialed.store(true, Ordering::SeqCst);
            }
            What::Log { line } if !self.has_dialed() => {
                if let Some(address) = other_address(line, &self.file()) {
                    let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
                    *logged = Some(address.to_owned());
                }
            }
            _ => {}
        }
    }

    fn has_dialed(&self) -> bool {
        self.has_dialed.load(Ordering::SeqCst)
    }

    fn channel(&self) -> String {
        format!("plugin_{}", self.plugin)
    }

    fn file(&self) -> String {
        format!("/tmp/{}.ipc", self.channel())
    }

    /// Returns a note if the plugin has not dialed.
    pub(super) fn note(&self) -> Option<String> {
        if self.has_dialed() {
            return None;
        }
        let (file, plugin) = (self.file(), &self.plugin);
        let mut note = format!(
            "the plugin has not dialed ipc://{file} within {PATIENCE:?}; unless it is still \
             starting, check that the name in its `PluginConfig` is `{plugin}`"
        );
        let logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = &*logged {
            note.push_str(&format!("; its log names {}", printable(address)));
        }
        for address in listening(self.pid.load(Ordering::SeqCst)) {
            note.push_str(&format!("; it listens on {}", printable(&address)));
        }
        Some(note)
    }
}

/// Finds the file of a socket other than `expected` in a line of a log.
fn other_address<'a>(line: &'a str, expected: &str) -> Option<&'a str> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ')' | ']');
    let words = line.split(is_end).filter_map(|word| {
        let start = word.find("ipc://").map(|at| at + "ipc://".len());
        let start = start.or_else(|| word.find("/tmp/"))?;
        let end = start + word[start..].find(".ipc")? + ".ipc".len();
        Some(&word[start..end])
    });
    words.into_iter().find(|address| *address != expected)
}

/// Returns the files of the sockets on which the process group of `pid` listens.
fn listening(pid: u32) -> Vec<String> {
    let group = group_of(pid);
    if group.is_none() {
        return Vec::new();
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let inodes: BTreeSet<u64> = processes
        .filter(|process| group_of(*process) == group)
        .flat_map(sockets_of)
        .collect();
    // Which of the sockets listen is not known, so no list is known to be whole.
    let listed = listed(|_| false).unwrap_or_default();
    let listening = inodes.iter().filter_map(|inode| listed.get(inode));
    listening.map(|path| path.display().to_string()).collect()
}

/// Returns the process group of a process.
fn group_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(2).map(str::to_owned)
}

/// Returns the inodes of the sockets that a process holds.
fn sockets_of(pid: u32) -> Vec<u64> {
    let held = fs::read_dir(format!("/proc/{pid}/fd"));
    let links = held.into_iter().flatten().flatten();
    let sockets = links.filter_map(|link| {
        let target = fs::read_link(link.path()).ok()?;
        let inode = target.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    });
    sockets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_address_is_found_in_the_lines_of_sdks_and_mangos() {
        const OURS: &str = "/tmp/plugin_weather.ipc";
        for (line, address) in [
            (
                "dial unix /tmp/plugin_whether.ipc: connect: connection refused",
                Some("/tmp/plugin_whether.ipc"),
            ),
            (
                "level=error msg=\"can't dial to ipc:///tmp/plugin_x.ipc\" at=1",
                Some("/tmp/plugin_x.ipc"),
            ),
            ("dialing ipc:///tmp/plugin_weather.ipc", None),
            ("wrote /tmp/rows.txt", None),
        ] {
            assert_eq!(other_address(line, OURS), address, "{line}");
        }
    }
}
