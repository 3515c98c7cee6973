//! A process that outlives the recorder: it writes the trace, removes the recorder's
//! socket files from `/tmp`, and gives eKuiper's sockets their names back.
//!
//! It is this program again. eKuiper kills only the recorder, by SIGKILL, so that nothing
//! that has reached this process is lost. Its pipe carries the text of the trace. Notes
//! between NUL bytes, which the text never has, name channels and who listens there. When
//! the pipe ends, the process tidies up. Until then it has the trace open, and with it the
//! lock of the trace: the next recorder waits for it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, PipeReader, PipeWriter, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use super::basics::say;
use super::place::Place;
use crate::symbol::Side;

/// The one argument of the process.
pub const ARGUMENT: &str = "keep-trace";

/// The bytes that the pipe holds if the system allows it: if the disk is slow, so much
/// waits.
const PIPE: usize = 1024 * 1024;

/// The bytes that are written to the trace at once.
const BATCH: usize = 256 * 1024;

/// The process, as the recorder sees it. Dropping it waits until everything is written
/// and the files are removed.
#[derive(Debug)]
pub(super) struct Keeper {
    process: Child,
    pipe: Option<PipeWriter>,
}

impl Keeper {
    /// Starts the process.
    pub(super) fn start(trace: File) -> io::Result<Self> {
        let (input, pipe) = io::pipe()?;
        // A smaller pipe is as good, as long as the disk is fast.
        let _ = rustix::pipe::fcntl_setpipe_size(pipe.as_fd(), PIPE);
        let process = Command::new("/proc/self/exe")
            .arg0("mock-kuiper-recorder")
            .arg(ARGUMENT)
            .current_dir("/")
            .stdin(input)
            .stdout(trace)
            .process_group(0)
            .spawn()?;
        let pipe = Some(pipe);
        Ok(Self { process, pipe })
    }

    /// Writes whole lines to the trace, after a wait for room.
    ///
    /// # Errors
    ///
    /// Fails if the process was killed.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match &mut self.pipe {
            Some(pipe) => pipe.write_all(lines),
            None => Ok(()),
        }
    }

    /// Names a channel whose socket file the recorder may replace, and who listens there.
    pub(super) fn note(&mut self, name: &str, listens: Side) {
        // Fails only if the process was killed: then the files stay.
        let _ = self.write(format!("\0{} {name}\0", listens.name()).as_bytes());
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.process.wait();
    }
}

/// Does the work of the process.
pub fn keep_trace() {
    let Ok(pipe) = io::stdin().as_fd().try_clone_to_owned() else {
        return;
    };
    let Ok(trace) = io::stdout().as_fd().try_clone_to_owned() else {
        return;
    };
    let notes = keep(pipe.into(), File::from(trace));
    let notes = || notes.iter().filter_map(|note| note.split_once(' '));
    let names = notes().map(|(_, name)| name);
    let listening = Place::Renamed.listening(names).unwrap_or_default();
    for (listens, name) in notes() {
        match listens {
            "host" => Place::restore(name, &listening),
            // It ends with the recorder: eKuiper must not find it again.
            _ => Place::remove(name),
        }
    }
}

/// Writes the trace until the pipe ends. Returns what was between NUL bytes. If the trace can no
/// longer be written, the plugin goes on.
fn keep(pipe: PipeReader, mut trace: File) -> BTreeSet<String> {
    let mut notes = BTreeSet::new();
    let mut note: Option<Vec<u8>> = None;
    let mut is_broken = false;
    let mut input = BufReader::with_capacity(BATCH, pipe);
    loop {
        let bytes = match input.fill_buf() {
            Ok([]) => return notes,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return notes,
        };
        let end = bytes.iter().position(|byte| *byte == 0);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        match &mut note {
            Some(note) => note.extend_from_slice(part),
            None if is_broken => {}
            None => is_broken = is_error(trace.write_all(part)),
        }
        let used = part.len() + usize::from(end.is_some());
        if end.is_some() {
            note = match note.take() {
                None => Some(Vec::new()),
                Some(note) => {
                    notes.extend(String::from_utf8(note));
                    None
                }
            };
        }
        input.consume(used);
    }
}

/// Says why the trace ends, if it does.
pub(super) fn is_error(written: io::Result<()>) -> bool {
    if let Err(error) = &written {
        say(&format!(
            "the trace cannot be written: {error}; the plugin goes on, and nothing more is \
             recorded"
        ));
    }
    written.is_err()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn kept(pieces: &[&[u8]]) -> (String, Vec<String>) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("trace");
        let (input, mut pipe) = io::pipe().unwrap();
        for piece in pieces {
            pipe.write_all(piece).unwrap();
        }
        drop(pipe);

        let notes = keep(input, File::create(&path).unwrap());

        let text = fs::read_to_string(&path).unwrap();
        (text, notes.into_iter().collect())
    }

    #[test]
    fn notes_between_lines_are_not_in_the_trace() {
        let (text, notes) = kept(&[
            b"{\"t\":0.0}\n\0host plugin_a\0\0plugin r_s\0{\"t\"",
            b":1.0}\n",
        ]);

        assert_eq!(text, "{\"t\":0.0}\n{\"t\":1.0}\n");
        assert_eq!(notes, ["host plugin_a", "plugin r_s"]);
    }

    #[test]
    fn a_recorder_that_ends_in_the_middle_of_a_note_leaves_the_note_out() {
        let (text, notes) = kept(&[b"{\"t\":0.0}\n\0host plugin_a\0\0host func_"]);

        assert_eq!(text, "{\"t\":0.0}\n");
        assert_eq!(notes, ["host plugin_a"]);
    }
}
