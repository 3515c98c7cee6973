//! The recorder: it stands between a real eKuiper and a plugin, passes every byte on,
//! and writes what they say to a trace.
//!
//! eKuiper launches the recorder in the place of the plugin. The recorder launches the
//! plugin below a [supervisor](crate::host), so that everything that descends from the
//! plugin ends with the recorder, even if eKuiper kills it. For each socket on which one
//! side listens, the recorder listens on the other side.
//!
//! `launch` has the life of a recorder. `switchboard` knows the sockets, and `place` where
//! they are. `pump` passes bytes on, `frames` finds the messages in them, and `order` reads
//! those that open sockets. `lines` makes the lines of the trace that `file` has opened, and
//! `tape` puts them in order for `keeper`, a process that writes them, and removes socket
//! files, even if the recorder is killed.

mod basics;
mod error;
mod file;
mod frames;
mod keeper;
mod launch;
mod lines;
mod order;
mod place;
mod pump;
mod settings;
mod switchboard;
mod tape;

pub use self::error::RecorderError;
pub use self::keeper::{ARGUMENT as KEEPER, keep_trace};
pub use self::launch::{Recorder, Signals};
pub use self::settings::{EXECUTABLE, Program, SETTINGS, Settings};
