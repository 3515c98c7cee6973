//! `--trace FILE`: what went over the sockets, in the format of the recorded
//! vectors (protocol.md section 10).

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Event, Observer, Side, What};
use crate::host::how;
use crate::profile::LAUNCH_ARGUMENT;

/// Writes every message, connection and launch as one line of JSON.
///
/// Times are in seconds since the first launch. A body that is not UTF-8 stands
/// as `hex` in the place of `text`.
pub struct Trace<W> {
    out: Mutex<Out<W>>,
}

struct Out<W> {
    writer: W,
    failed: Option<io::Error>,
}

impl<W> fmt::Debug for Trace<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").finish_non_exhaustive()
    }
}

impl<W: Write> Trace<W> {
    /// Begins a trace with the line that says what it is of.
    ///
    /// # Errors
    ///
    /// Those of `writer`.
    pub fn new(mut writer: W, release: &str, plugin: &str) -> io::Result<Self> {
        let header = json!({
            "host": format!("mock-kuiper as eKuiper {release}"),
            "plugin": plugin,
            "note": "frames of one run, in order; t in seconds since the process was launched",
            "dropped": 0,
        });
        writeln!(writer, "{header}")?;
        let failed = None;
        Ok(Self {
            out: Mutex::new(Out { writer, failed }),
        })
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    ///
    /// The first error of the writer, from whichever event.
    pub fn finish(&self) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match out.failed.take() {
            Some(error) => Err(error),
            None => out.writer.flush(),
        }
    }

    fn write(&self, lines: &[Value]) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if out.failed.is_some() {
            return;
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        if let Err(error) = out.writer.write_all(text.as_bytes()) {
            out.failed = Some(error);
        }
    }
}

impl<W: Write + Send> Observer for Trace<W> {
    fn event(&self, event: &Event<'_>) {
        let t = seconds(event.at);
        match &event.what {
            What::Launched { directory, .. } => self.write(&[json!({
                "t": t, "event": "launch", "argument": LAUNCH_ARGUMENT,
                "cwd": directory.map(|directory| directory.display().to_string()),
            })]),
            What::Connected { channel, .. } => {
                let name = channel.name();
                let dialer = channel.dialer();
                let greeting = |side: Side| {
                    let sp = format!("0053500000{:02x}0000", channel.socket(side));
                    json!({"t": t, "channel": name, "from": side.name(), "sp": sp})
                };
                self.write(&[
                    json!({"t": t, "channel": name, "event": "connected", "dialer": dialer.name()}),
                    greeting(Side::Plugin),
                    greeting(Side::Host),
                ]);
            }
            What::Closed { channel, from } => self.write(&[json!({
                "t": t, "channel": channel.name(), "event": "closed", "from": from.name(),
            })]),
            What::Message(message) => {
                let mut line = json!({
                    "t": t, "channel": message.channel.name(), "from": message.from.name(),
                });
                if let Some(id) = message.id {
                    line["id"] = format!("{id:08x}").into();
                }
                match std::str::from_utf8(message.body) {
                    Ok(text) => line["text"] = text.into(),
                    Err(_) => line["hex"] = hex(message.body).into(),
                }
                self.write(&[line]);
            }
            What::Exited { status } => {
                self.write(&[json!({"t": t, "event": "exit", "status": how(*status)})]);
            }
            _ => {}
        }
    }
}

/// Seconds with four digits behind the point, as the vectors have them.
pub(super) fn seconds(at: Duration) -> f64 {
    (at.as_secs_f64() * 1e4).round() / 1e4
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
