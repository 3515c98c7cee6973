//! What went over the sockets, in the format of the recorded vectors.
//!
//! Format: docs/protocol.md, section 10.

use std::fmt;
use std::io::{self, Write};

use super::lines::Lines;
use super::{Event, Observer, Side, What};
use crate::finding::describe_status;
use crate::release::LAUNCH_ARGUMENT;
use crate::trace::{Header, Line, hex, seconds};

/// Writes every message, connection and launch as one line of JSON.
///
/// Times are in seconds since the first launch. A body that is not UTF-8 is
/// written as `hex` instead of `text`.
pub struct Trace<W> {
    lines: Lines<W>,
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
        let header = Header {
            host: format!("mock-kuiper as eKuiper {release}").into(),
            plugin: plugin.into(),
            note: "frames of one run, in order; t in seconds since the process was launched".into(),
            dropped: 0,
        };
        writeln!(writer, "{}", serde_json::to_string(&header)?)?;
        Ok(Self {
            lines: Lines::new(writer),
        })
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    ///
    /// The first error of the writer, of any event.
    pub fn finish(&self) -> io::Result<()> {
        self.lines.finish()
    }
}

impl<W: Write + Send> Observer for Trace<W> {
    fn event(&self, event: &Event<'_>) {
        let line = Line {
            t: seconds(event.at),
            ..Line::default()
        };
        match &event.what {
            What::Launched { directory, .. } => self.lines.write(&Line {
                event: Some("launch".into()),
                argument: Some(LAUNCH_ARGUMENT.into()),
                cwd: directory.map(|directory| directory.display().to_string().into()),
                ..line
            }),
            What::Attached { .. } => self.lines.write(&Line {
                event: Some("launch".into()),
                ..line
            }),
            What::Detached { .. } => self.lines.write(&Line {
                event: Some("exit".into()),
                status: Some("unknown".into()),
                ..line
            }),
            What::Connected { channel, .. } => {
                let greeting = |side: Side| Line {
                    t: line.t,
                    channel: Some(channel.name().into()),
                    from: Some(side.name().into()),
                    sp: Some(format!("0053500000{:02x}0000", channel.socket(side)).into()),
                    ..Line::default()
                };
                let greetings = [greeting(Side::Plugin), greeting(Side::Host)];
                self.lines.write(&Line {
                    channel: Some(channel.name().into()),
                    event: Some("connected".into()),
                    dialer: Some(channel.dialer().name().into()),
                    ..line
                });
                for greeting in &greetings {
                    self.lines.write(greeting);
                }
            }
            What::Closed { channel, from } => self.lines.write(&Line {
                channel: Some(channel.name().into()),
                event: Some("closed".into()),
                from: Some(from.name().into()),
                ..line
            }),
            What::Message(message) => {
                let text = std::str::from_utf8(message.body).ok();
                self.lines.write(&Line {
                    channel: Some(message.channel.name().into()),
                    from: Some(message.from.name().into()),
                    id: message.id.map(|id| format!("{id:08x}").into()),
                    hex: text.is_none().then(|| hex(message.body).into()),
                    text: text.map(Into::into),
                    ..line
                });
            }
            What::Exited { status } => self.lines.write(&Line {
                event: Some("exit".into()),
                status: Some(describe_status(*status).into()),
                ..line
            }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{Meaning, Message};
    use crate::symbol::{Channel, Meta};

    #[test]
    fn a_line_has_the_keys_of_a_vector_in_their_order_and_bytes_as_hex() {
        let trace = Trace::new(Vec::new(), "2.4", "mirror").unwrap();
        let channel = Channel::sink(&Meta::new("rule1", "print_0"));
        let message = |body| {
            What::Message(Message {
                channel: &channel,
                from: Side::Host,
                id: Some(0x8001_0203),
                body,
                meaning: Meaning::Late,
            })
        };
        let whats = [
            What::Connected {
                channel: &channel,
                pid: None,
            },
            message(b"{\"a\":1}"),
            message(b"\xff\x00"),
            What::Closed {
                channel: &channel,
                from: Side::Host,
            },
        ];

        for what in whats {
            trace.event(&Event::new(Duration::from_micros(1_234_560), what));
        }

        let out = trace.lines.into_writer();
        let channel = r#""channel":"rule1_print_0_0""#;
        assert_eq!(
            String::from_utf8(out).unwrap().lines().collect::<Vec<_>>(),
            [
                r#"{"host":"mock-kuiper as eKuiper 2.4","plugin":"mirror","note":"frames of one run, in order; t in seconds since the process was launched","dropped":0}"#,
                &format!(r#"{{"t":1.2346,{channel},"event":"connected","dialer":"host"}}"#),
                &format!(r#"{{"t":1.2346,{channel},"from":"plugin","sp":"0053500000510000"}}"#),
                &format!(r#"{{"t":1.2346,{channel},"from":"host","sp":"0053500000500000"}}"#),
                &format!(
                    r#"{{"t":1.2346,{channel},"from":"host","id":"80010203","text":"{{\"a\":1}}"}}"#
                ),
                &format!(r#"{{"t":1.2346,{channel},"from":"host","id":"80010203","hex":"ff00"}}"#),
                &format!(r#"{{"t":1.2346,{channel},"event":"closed","from":"host"}}"#),
            ]
        );
    }
}
