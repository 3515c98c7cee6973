//! The process between the host and the plugin, which ends all that descends from
//! the plugin.
//!
//! It is the parent of the plugin, the leader of its process group, and the
//! subreaper of all its descendants: a process that has left the group and the
//! session is still its child once its own parent has ended. So it finds and
//! kills what the plugin leaves. When the host dies, even by SIGKILL, the
//! connection ends and it does the same.
//!
//! It is a fork of the host that runs no other program, since a library has no
//! program to run. Other threads of the host may have held a lock at the fork, so
//! everything here only makes system calls, and neither allocates nor panics. All
//! `unsafe` of supervision is in this file.

use std::ffi::CStr;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{ForkResult, fork};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::path::DecInt;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};
use rustix::stdio::{dup2_stdin, dup2_stdout, stdin, stdout};

use crate::open_files::restore_limit;

/// Kills the plugin's process, and no other.
pub(super) const KILL: u8 = b'k';

/// Ends all that descends from the plugin, then the supervisor.
pub(super) const END: u8 = b'e';

/// The bytes of a record.
pub(super) const RECORD: usize = 25;

/// How long what the plugin has started may take to end by itself after the
/// plugin's end: much of it ends when a pipe closes.
const GRACE: Duration = Duration::from_millis(100);

/// How long it may take while some of it has a processor or waits for one.
const BUSY_GRACE: Duration = Duration::from_secs(5);

/// How long a killed process may take to end.
const DYING: Duration = Duration::from_secs(2);

/// How long the supervisor kills what it finds; more may be started meanwhile.
const LONGEST: Duration = Duration::from_secs(10);

/// The name of the plugin's process until it runs its program, which gives it
/// another one.
const UNSTARTED: &CStr = c"mk-unstarted";

/// What the supervisor reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// The ids of the plugin's process and of its supervisor. A launch that fails and is
    /// tried again has reported others before.
    Plugin { pid: u32, supervisor: u32 },
    /// The wait status of the plugin's process.
    Exited { status: i32 },
    /// A process that the plugin has left, and that is killed now.
    Left { pid: u32, name: [u8; 16] },
}

impl Record {
    fn encode(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let (kind, number, other, name) = match self {
            Self::Plugin { pid, supervisor } => (b'p', pid, supervisor, [0; 16]),
            Self::Exited { status } => (b'x', status.cast_unsigned(), 0, [0; 16]),
            Self::Left { pid, name } => (b'l', pid, 0, name),
        };
        bytes[0] = kind;
        bytes[1..5].copy_from_slice(&number.to_le_bytes());
        bytes[5..9].copy_from_slice(&other.to_le_bytes());
        bytes[9..].copy_from_slice(&name);
        bytes
    }

    /// Decodes a record; `None` if it has another kind.
    pub(super) fn decode(bytes: &[u8; RECORD]) -> Option<Self> {
        let [kind, a, b, c, d, e, f, g, h, ..] = *bytes;
        let number = u32::from_le_bytes([a, b, c, d]);
        match kind {
            b'p' => Some(Self::Plugin {
                pid: number,
                supervisor: u32::from_le_bytes([e, f, g, h]),
            }),
            b'x' => Some(Self::Exited {
                status: number.cast_signed(),
            }),
            b'l' => {
                let mut name = [0; 16];
                name.copy_from_slice(&bytes[9..]);
                Some(Self::Left { pid: number, name })
            }
            _ => None,
        }
    }
}

/// Lets `command` be launched below a supervisor that is connected to the host by
/// `host`. The supervisor is the child of the host, and its process group the
/// plugin's.
pub(super) fn launch_below(command: &mut Command, host: UnixStream) {
    // SAFETY: the closure runs in the forked child. It makes system calls, and
    // neither allocates, takes a lock nor panics.
    unsafe {
        command.pre_exec(move || split(host.as_fd()));
    }
}

/// Makes this process the supervisor, and returns in a child of it, which becomes
/// the plugin. Runs in a forked child, before its exec.
fn split(host: BorrowedFd<'_>) -> io::Result<()> {
    match set_child_subreaper(Some(getpid())) {
        // QEMU refuses it when it emulates another processor. A process of the plugin that
        // has left its group and its parent is not found there.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let supervisor = own_id();
    // SAFETY: this process has one thread. The child goes on with what is allowed
    // without this fork, too.
    match unsafe { fork() }? {
        ForkResult::Child => {
            // Its id is reported before it runs: it may end its parent at once.
            let pid = own_id();
            report(host, Record::Plugin { pid, supervisor });
            restore_limit()?;
            Ok(rustix::thread::set_name(UNSTARTED)?)
        }
        ForkResult::Parent { child } => {
            if let Some(plugin) = Pid::from_raw(child.as_raw())
                && supervise(plugin, host).is_err()
            {
                let _ = kill_process(plugin, Signal::KILL);
            }
            // SAFETY: skips what the host does at its own exit.
            unsafe { libc::_exit(0) }
        }
    }
}

fn own_id() -> u32 {
    getpid().as_raw_nonzero().get().cast_unsigned()
}

fn supervise(plugin: Pid, host: BorrowedFd<'_>) -> Result<(), Errno> {
    // None of them has a meaning here: those of a terminal are for the host, a
    // plugin may signal its own group, and the host may vanish during a write.
    let _ = SigSet::all().thread_block();
    dup2_stdin(host)?;
    close_others()?;
    let _ = rustix::thread::set_name(c"mk-supervisor");
    let mut ended = SigSet::empty();
    ended.add(NixSignal::SIGCHLD);
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let ended = SignalFd::with_flags(&ended, flags).map_err(|_| Errno::NOSYS)?;
    let mut children = Children {
        plugin: Some(plugin),
        ended,
    };
    loop {
        children.reap();
        let ready = children.wait(true, None)?;
        if !ready {
            continue;
        }
        let mut order = [0];
        match rustix::io::read(stdin(), &mut order) {
            Ok(1) if order[0] == KILL => children.kill_plugin(),
            Ok(1) if order[0] == END => {
                children.end(GRACE);
                return Ok(());
            }
            Ok(1) | Err(Errno::INTR) => {}
            Ok(_) | Err(_) => {
                children.end(Duration::ZERO);
                return Ok(());
            }
        }
    }
}

/// The plugin, and what else becomes a child of this process.
struct Children {
    /// `None` once its exit was reported.
    plugin: Option<Pid>,
    /// Readable when a child has ended.
    ended: SignalFd,
}

impl Children {
    /// Waits until a child has ended or, if `orders`, the host has sent one, which
    /// it returns.
    fn wait(&self, orders: bool, limit: Option<Duration>) -> Result<bool, Errno> {
        let input = stdin();
        let mut ready = [
            PollFd::new(&self.ended, PollFlags::IN),
            PollFd::new(&input, PollFlags::IN),
        ];
        let polled = if orders {
            &mut ready[..]
        } else {
            &mut ready[..1]
        };
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(polled, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let ordered = orders && !ready[1].revents().is_empty();
        // One signal may stand for many children.
        let mut signals = [0; 512];
        let _ = rustix::io::read(&self.ended, &mut signals);
        Ok(ordered)
    }

    /// Reaps the children that have ended; returns whether any child is left.
    ///
    /// Ends the supervisor if the plugin's program was never run: whoever launches it
    /// waits for that.
    fn reap(&mut self) -> bool {
        loop {
            let ended = match ended_child() {
                Ok(Some(child)) => child,
                Ok(None) => return true,
                Err(Errno::INTR) => continue,
                Err(_) => return false,
            };
            // Looked at before it is reaped, after which nothing is known of it.
            let is_plugin = self.plugin == Some(ended);
            if is_plugin && is_unstarted(ended) {
                // SAFETY: as in `split`.
                unsafe { libc::_exit(0) }
            }
            match waitpid(Some(ended), WaitOptions::NOHANG) {
                Ok(Some((_, status))) if is_plugin => {
                    self.plugin = None;
                    report(
                        stdin(),
                        Record::Exited {
                            status: status.as_raw(),
                        },
                    );
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    fn kill_plugin(&self) {
        if let Some(plugin) = self.plugin {
            // It was not reaped: the id is still its own.
            let _ = kill_process(plugin, Signal::KILL);
        }
    }

    /// Reaps until no child is left; returns `false` at the limit.
    fn ends_within(&mut self, limit: Duration, ended: impl Fn(&Self, bool) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let any_left = self.reap();
            if ended(self, any_left) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.wait(false, Some(left)).is_err() {
                return false;
            }
        }
    }

    /// Kills the plugin, waits for the rest for so long, and kills it too.
    fn end(&mut self, grace: Duration) {
        self.kill_plugin();
        self.ends_within(DYING, |children, _| children.plugin.is_none());
        let busy_until = Instant::now() + BUSY_GRACE;
        loop {
            if self.ends_within(grace, |_, any_left| !any_left) {
                return;
            }
            if grace.is_zero() || Instant::now() >= busy_until || !any_child_runs() {
                break;
            }
        }
        let deadline = Instant::now() + LONGEST;
        while Instant::now() < deadline {
            // A child that ends hands over its own children.
            let killed = kill_children();
            if self.ends_within(Duration::ZERO, |_, any_left| !any_left) {
                return;
            }
            let pause = if killed { DYING } else { GRACE };
            let _ = self.wait(false, Some(pause));
        }
    }
}

/// Returns a child that has ended, without reaping it.
fn ended_child() -> Result<Option<Pid>, Errno> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: zeros are a valid value, and the call writes to nothing else.
    let (info, failed) = unsafe {
        let mut info: libc::siginfo_t = mem::zeroed();
        let failed = libc::waitid(libc::P_ALL, 0, &raw mut info, flags) != 0;
        (info, failed)
    };
    if failed {
        let error = io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::NOSYS));
    }
    // SAFETY: `waitid` has set the field, to 0 if no child has ended.
    Ok(Pid::from_raw(unsafe { info.si_pid() }))
}

/// Whether a child that has ended has never run the plugin's program.
fn is_unstarted(child: Pid) -> bool {
    let mut name = [0; 16];
    let number = DecInt::new(child.as_raw_nonzero().get());
    let read = read_in_proc(number.as_c_str(), c"comm", &mut name);
    read.strip_suffix(b"\n") == Some(UNSTARTED.to_bytes())
}

/// Kills every child that lives, and reports it; returns whether there was one.
fn kill_children() -> bool {
    let mut any = false;
    for_each_child(|pid, name, _| {
        any = true;
        report(
            stdin(),
            Record::Left {
                pid: pid.as_raw_nonzero().get().cast_unsigned(),
                name,
            },
        );
        let _ = kill_process(pid, Signal::KILL);
    });
    any
}

/// Whether a child has a processor or waits for one. One that ends does so for a moment,
/// which is long on a busy machine.
fn any_child_runs() -> bool {
    let mut any = false;
    for_each_child(|_, _, state| any |= state == 'R');
    any
}

/// Calls `each` for every child that lives, with its name and its state.
fn for_each_child(mut each: impl FnMut(Pid, [u8; 16], char)) {
    let supervisor = getpid().as_raw_nonzero().get();
    let Ok(proc) = open_directory(c"/proc") else {
        return;
    };
    for_each_number(proc.as_fd(), |name, number| {
        let mut text = [0; 512];
        let read = read_in_proc(name, c"stat", &mut text);
        let Some((name, state @ ('R' | 'S' | 'D' | 'T' | 't' | 'I'), parent)) = parse_stat(read)
        else {
            return;
        };
        if let Some(pid) = Pid::from_raw(number)
            && parent == supervisor
        {
            each(pid, name, state);
        }
    });
}

/// Reads the name, the state and the parent of a process from the text of its
/// `stat`: `12 (name) S 1 …`.
fn parse_stat(text: &[u8]) -> Option<([u8; 16], char, i32)> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let mut name = [0; 16];
    let kept = text.get(open + 1..close)?;
    let kept = kept.get(..kept.len().min(15))?;
    name.get_mut(..kept.len())?.copy_from_slice(kept);
    let mut fields = text.get(close + 1..)?.split(|byte| *byte == b' ').skip(1);
    let state = char::from(*fields.next()?.first()?);
    Some((name, state, number(fields.next()?)?))
}

fn number(digits: &[u8]) -> Option<i32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_i32, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.cast_signed())
    })
}

/// Reads the beginning of a file of a process.
fn read_in_proc<'a>(process: &CStr, file: &CStr, text: &'a mut [u8]) -> &'a [u8] {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = open_directory(c"/proc")
        .and_then(|proc| openat(proc, process, flags | OFlags::DIRECTORY, Mode::empty()))
        .and_then(|process| openat(process, file, flags, Mode::empty()));
    let read = opened.and_then(|file| rustix::io::read(file, &mut *text));
    text.get(..read.unwrap_or(0)).unwrap_or_default()
}

/// Calls `each` for every entry of a directory whose name is a number.
fn for_each_number(directory: BorrowedFd<'_>, mut each: impl FnMut(&CStr, i32)) {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(directory, &mut buffer);
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        if let Some(number) = number(name.to_bytes()) {
            each(name, number);
        }
    }
}

fn open_directory(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
    openat(CWD, path, flags, Mode::empty())
}

/// Closes every file but stdin: the plugin's output, and what the host has open.
fn close_others() -> Result<(), Errno> {
    // Stdout lists the files, so that the list is none of those that it closes.
    let files = open_directory(c"/proc/self/fd")?;
    dup2_stdout(&files)?;
    drop(files);
    // SAFETY: nothing in this process uses a file other than stdin.
    let close = |file| unsafe { rustix::io::close(file) };
    for_each_number(stdout(), |_, file| {
        if file > 1 {
            close(file);
        }
    });
    close(1);
    Ok(())
}

fn report(host: BorrowedFd<'_>, record: Record) {
    // Fails only if the host has died, which the next read shows.
    let _ = rustix::net::send(host, &record.encode(), SendFlags::NOSIGNAL);
}
