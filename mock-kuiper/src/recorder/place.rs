//! Where sockets are: whose file is at which path, and how the recorder listens in
//! front of it.
//!
//! If the plugin has a `/tmp` of its own, each side has its file in its own `/tmp`, and
//! the recorder listens under the same name in the other one. Otherwise both share
//! `/tmp`: the file of the side that listens is renamed to `/tmp/.NAME.mk`, and the
//! recorder listens at `/tmp/NAME.ipc`. Its file there is marked by its modification
//! time, so that the next recorder tells it from eKuiper's if this one was killed.
//!
//! Who listens is read from the kernel's list, never found out by a connection, which
//! the other side would see. The list has the path that a socket was bound to, even if
//! the file was renamed later; the recorder binds another name and renames the file.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ekuiper_sp::listed;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};

use super::basics::in_tmp;
use crate::symbol::Side;

/// How the recorder stands between both sides.
#[derive(Debug)]
pub(super) enum Place {
    /// The plugin sees this folder as `/tmp`.
    Private { folder: PathBuf },
    /// Both sides share `/tmp`.
    Renamed,
}

/// The names of the channels on which somebody listens.
pub(super) type Listening = HashSet<String>;

impl Place {
    /// Whether both sides see the same files.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Renamed)
    }

    /// Returns the path at which the recorder listens if `listens` does so at the other
    /// side.
    fn front(&self, name: &str, listens: Side) -> PathBuf {
        let file = format!("{name}.ipc");
        match (self, listens) {
            (Self::Private { folder }, Side::Host) => folder.join(file),
            (Self::Private { .. }, Side::Plugin) | (Self::Renamed, _) => in_tmp(&file),
        }
    }

    /// Returns the path to which the recorder connects.
    pub(super) fn origin(&self, name: &str, listens: Side) -> PathBuf {
        match (self, listens) {
            (Self::Private { .. }, Side::Host) => in_tmp(&format!("{name}.ipc")),
            (Self::Private { folder }, Side::Plugin) => folder.join(format!("{name}.ipc")),
            (Self::Renamed, _) => in_tmp(&format!(".{name}.mk")),
        }
    }

    /// Returns who listens, and all of `names` if they do; nobody is asked if that is not
    /// needed.
    pub(super) fn listening<'a>(
        &self,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> io::Result<Listening> {
        if let Self::Private { .. } = self {
            return Ok(Listening::new());
        }
        let mut listening = Listening::new();
        listed(|found| {
            listening.extend(found.values().filter_map(|path| channel_of(path)));
            names.clone().all(|name| listening.contains(name))
        })?;
        Ok(listening)
    }

    /// Listens in front of the side that listens, as long as it does.
    pub(super) fn sync(
        &self,
        stand_in: &mut Option<StandIn>,
        name: &str,
        listens: Side,
        listening: &Listening,
    ) -> io::Result<()> {
        let (front, origin) = (self.front(name, listens), self.origin(name, listens));
        if let Self::Private { .. } = self {
            if kind(&origin) == Kind::Nothing {
                *stand_in = None;
            } else if stand_in.is_none() {
                *stand_in = Some(StandIn::bind(front, name)?);
            }
            return Ok(());
        }
        if !listening.contains(name) {
            if stand_in.take().is_some() || kind(&front) == Kind::Marked {
                clear(&front, &origin);
            }
            return Ok(());
        }
        if stand_in.as_ref().is_some_and(StandIn::is_in_place) {
            return Ok(());
        }
        match kind(&front) {
            Kind::Socket => fs::rename(&front, &origin)?,
            Kind::Marked | Kind::Nothing if kind(&origin) != Kind::Nothing => {}
            Kind::Marked | Kind::Nothing => return Ok(()),
        }
        *stand_in = Some(StandIn::bind(front, name)?);
        Ok(())
    }

    /// Returns whether the recorder's file will be in the machine's `/tmp`.
    pub(super) fn is_in_tmp(&self, listens: Side) -> bool {
        self.is_shared() || listens == Side::Plugin
    }

    /// Gives the side that listens its own file back.
    pub(super) fn release(&self, stand_in: &mut Option<StandIn>, name: &str, listens: Side) {
        if let (Some(stand_in), Self::Renamed) = (stand_in.take(), self)
            && stand_in.is_in_place()
        {
            let _ = fs::rename(self.origin(name, listens), &stand_in.path);
        }
    }

    /// Removes the files in `/tmp` of a socket on which nobody is to listen any more.
    pub(super) fn remove(name: &str) {
        clear(
            &in_tmp(&format!("{name}.ipc")),
            &in_tmp(&format!(".{name}.mk")),
        );
    }

    /// Puts the files in `/tmp` of a socket on which the host listens as they were before
    /// a recorder that has ended.
    pub(super) fn restore(name: &str, listening: &Listening) {
        let front = in_tmp(&format!("{name}.ipc"));
        let origin = in_tmp(&format!(".{name}.mk"));
        let is_listening = listening.contains(name);
        if kind(&front) != Kind::Socket && kind(&origin) == Kind::Socket && is_listening {
            let _ = fs::rename(&origin, &front);
        }
        clear(&front, &origin);
    }

    /// Removes what a killed recorder has left of sockets on which nobody listens.
    pub(super) fn sweep(&self) -> io::Result<()> {
        if let Self::Private { .. } = self {
            return Ok(());
        }
        let files = fs::read_dir("/tmp")?.flatten();
        let names: Vec<String> = files
            .filter_map(|entry| {
                let file = entry.file_name();
                let name = file.to_str()?.strip_prefix('.')?.strip_suffix(".mk")?;
                Some(name.to_owned())
            })
            .collect();
        // After the files: what is renamed from here on is in use.
        let listening = self.listening(names.iter().map(String::as_str))?;
        for name in names.iter().filter(|name| !listening.contains(*name)) {
            Self::remove(name);
        }
        Ok(())
    }
}

/// Removes the file of a recorder, and the one that it had renamed.
fn clear(front: &Path, origin: &Path) {
    if kind(front) == Kind::Marked {
        let _ = fs::remove_file(front);
    }
    if kind(origin) != Kind::Nothing {
        let _ = fs::remove_file(origin);
    }
}

/// A socket on which the recorder listens. Dropping it ends that, and removes its file.
#[derive(Debug)]
pub(super) struct StandIn {
    pub(super) listener: Arc<UnixListener>,
    path: PathBuf,
    id: (u64, u64),
}

impl StandIn {
    /// Listens at a path. The file replaces another one there.
    fn bind(path: PathBuf, name: &str) -> io::Result<Self> {
        let temporary = path.with_file_name(format!(".{name}.mt"));
        let _ = fs::remove_file(&temporary);
        let listener = UnixListener::bind(&temporary)?;
        let bound = mark(&temporary)
            .and_then(|()| fs::symlink_metadata(&temporary))
            .and_then(|file| {
                fs::rename(&temporary, &path)?;
                Ok((file.dev(), file.ino()))
            });
        match bound {
            Ok(id) => Ok(Self {
                listener: Arc::new(listener),
                path,
                id,
            }),
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                Err(error)
            }
        }
    }

    fn is_in_place(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.id)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
        // Ends the wait of the thread that accepts.
        let _ = rustix::net::shutdown(self.listener.as_fd(), rustix::net::Shutdown::Both);
    }
}

/// What is at a path.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    Socket,
    /// A socket of a recorder.
    Marked,
}

fn kind(path: &Path) -> Kind {
    match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => match (file.mtime(), file.mtime_nsec()) {
            MARK => Kind::Marked,
            _ => Kind::Socket,
        },
        _ => Kind::Nothing,
    }
}

/// The modification time that marks the files of recorders.
const MARK: (i64, i64) = (1, 0);

fn mark(path: &Path) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: MARK.0,
            tv_nsec: MARK.1,
        },
    };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Returns the channel of a socket file.
fn channel_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".ipc")?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::process;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stand_in_is_marked_and_removes_only_its_own_file() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("c.ipc");

        let first = StandIn::bind(path.clone(), "c").unwrap();
        assert_eq!(kind(&path), Kind::Marked);
        let second = StandIn::bind(path.clone(), "c").unwrap();
        drop(first);
        assert!(second.is_in_place());
        drop(second);

        assert_eq!(kind(&path), Kind::Nothing);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_sweep_leaves_the_files_of_those_that_begin_to_listen() {
        let is_done = AtomicBool::new(false);
        let mut removed = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    Place::Renamed.sweep().unwrap();
                }
            });
            for number in 0..300 {
                let name = format!("sweep{}x{number}", process::id());
                let origin = in_tmp(&format!(".{name}.mk"));
                let front = in_tmp(&format!("{name}.ipc"));
                let listener = UnixListener::bind(&front).unwrap();
                fs::rename(&front, &origin).unwrap();
                thread::sleep(Duration::from_millis(1));
                if kind(&origin) != Kind::Socket {
                    removed.push(number);
                }
                drop(listener);
                Place::remove(&name);
            }
            is_done.store(true, Ordering::SeqCst);
        });

        assert_eq!(removed, [0; 0]);
    }
}
