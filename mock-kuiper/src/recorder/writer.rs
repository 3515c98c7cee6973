//! The thread that owns the trace: it makes lines of entries, hides secrets in them, and
//! writes them.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write as _};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::basics::say;
use super::error::RecorderError;
use super::file::Opened;
use super::order;
use super::tape::{Entry, Tape, What};
use crate::finding::describe_status;
use crate::redact::Secrets;
use crate::symbol::{Channel, Purpose, Side};
use crate::trace::{Line, hex, seconds};

/// The bytes that are written at once.
const BATCH: usize = 256 * 1024;

/// The bytes of a request's id, in front of the body.
const ID: usize = 4;

/// The writer's thread.
#[derive(Debug)]
pub(super) struct Writer {
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts to write what is pushed to the tape that it returns.
    pub(super) fn start(opened: Opened, redact: &[String]) -> Result<(Tape, Self), RecorderError> {
        let tape = Tape::default();
        let mut lines = Lines {
            begin: opened.begin,
            started: Instant::now(),
            keys: redact.to_vec(),
            secrets: Secrets::default(),
        };
        let from = tape.clone();
        let thread = thread::Builder::new()
            .name("trace".to_owned())
            .spawn(move || write(opened.file, &from, &mut lines))
            .map_err(RecorderError::Thread)?;
        Ok((tape, Self { thread }))
    }

    /// Waits until everything on the tape is written.
    pub(super) fn finish(self, tape: &Tape) {
        tape.finish();
        let _ = self.thread.join();
    }
}

/// Writes until the tape ends. If the trace can no longer be written, the plugin goes on.
fn write(mut file: File, tape: &Tape, lines: &mut Lines) {
    let (mut entries, mut batch) = (Vec::new(), Vec::new());
    let mut broken = false;
    while tape.take(&mut entries) {
        for entry in entries.drain(..) {
            if broken {
                continue;
            }
            let written = lines.append(&mut batch, &entry).and_then(|()| {
                if batch.len() < BATCH {
                    return Ok(());
                }
                flush(&mut file, &mut batch)
            });
            broken = is_broken(written);
        }
        if !broken {
            broken = is_broken(flush(&mut file, &mut batch));
        }
    }
}

fn flush(file: &mut File, batch: &mut Vec<u8>) -> io::Result<()> {
    file.write_all(batch)?;
    batch.clear();
    batch.shrink_to(2 * BATCH);
    Ok(())
}

fn is_broken(written: io::Result<()>) -> bool {
    if let Err(error) = &written {
        say(&format!(
            "the trace cannot be written: {error}; the plugin goes on, and nothing more is \
             recorded"
        ));
    }
    written.is_err()
}

/// Makes lines of entries.
struct Lines {
    /// The time of the trace at which this launch begins.
    begin: Duration,
    started: Instant,
    /// The values under these keys are secrets.
    keys: Vec<String>,
    secrets: Secrets,
}

impl Lines {
    /// Appends the line of an entry.
    fn append(&mut self, out: &mut Vec<u8>, entry: &Entry) -> io::Result<()> {
        let passed = entry.at.saturating_duration_since(self.started);
        let line = Line {
            t: seconds(self.begin + passed),
            channel: entry
                .channel
                .as_deref()
                .map(|channel| channel.name().into()),
            ..Line::default()
        };
        let line = match &entry.what {
            What::Launch {
                argument,
                cwd,
                time,
            } => Line {
                event: Some("launch".into()),
                argument: Some(argument.as_str().into()),
                cwd: Some(cwd.display().to_string().into()),
                time: Some(time_of_day(*time).into()),
                ..line
            },
            What::Connected { dialer } => Line {
                event: Some("connected".into()),
                dialer: Some(dialer.name().into()),
                ..line
            },
            What::Greeting { from, bytes } => Line {
                from: Some(from.name().into()),
                sp: Some(hex(bytes).into()),
                ..line
            },
            What::Message { from, body, length } => {
                return self.message(out, line, entry.channel.as_deref(), *from, body, *length);
            }
            What::Closed { from } => Line {
                event: Some("closed".into()),
                from: Some(from.name().into()),
                ..line
            },
            What::Exit { status } => Line {
                event: Some("exit".into()),
                status: Some(describe_status(*status).into()),
                ..line
            },
        };
        end_line(out, &line)
    }

    fn message(
        &mut self,
        out: &mut Vec<u8>,
        line: Line<'_>,
        channel: Option<&Channel>,
        from: Side,
        body: &[u8],
        length: u64,
    ) -> io::Result<()> {
        let purpose = channel.map(Channel::purpose);
        let has_id = matches!(purpose, Some(Purpose::Control | Purpose::Function));
        let is_cut = (body.len() as u64) < length;
        let (id, mut body) = match body.split_at_checked(ID) {
            Some((id, body)) if has_id => (Some(hex(id)), body),
            _ => (None, body),
        };
        let length = is_cut.then(|| length - if id.is_some() { ID as u64 } else { 0 });
        if purpose == Some(Purpose::Control) && from == Side::Host && !self.keys.is_empty() {
            self.learn_secrets(body);
        }
        if is_cut {
            body = whole_characters(body);
        }
        let text = std::str::from_utf8(body).ok();
        let shown = match text {
            Some(text) if is_cut => self.shown(&format!("{text}…")).into_owned().into(),
            Some(text) => self.shown(text),
            None => Cow::Owned(hex(&self.secrets.hide_in_bytes(body))),
        };
        let (text, hex) = match text {
            Some(_) => (Some(shown), None),
            None => (None, Some(shown)),
        };
        let line = Line {
            from: Some(from.name().into()),
            id: id.map(Into::into),
            text,
            hex,
            length,
            ..line
        };
        end_line(out, &line)
    }

    fn learn_secrets(&mut self, body: &[u8]) {
        if let Some(order) = order::parse(body) {
            self.secrets.add(&self.keys, &order.config);
        }
    }

    fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.secrets.is_empty() {
            return text.into();
        }
        self.secrets.hide(text).into()
    }
}

/// Leaves out the beginning of a character at which a text was cut.
fn whole_characters(body: &[u8]) -> &[u8] {
    match std::str::from_utf8(body) {
        Err(error) if error.error_len().is_none() => &body[..error.valid_up_to()],
        _ => body,
    }
}

fn end_line(out: &mut Vec<u8>, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

fn time_of_day(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn lines(keys: &[&str], entries: Vec<(Channel, Side, &[u8], u64)>) -> Vec<String> {
        let started = Instant::now();
        let mut lines = Lines {
            begin: Duration::from_millis(1500),
            started,
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            secrets: Secrets::default(),
        };
        let mut out = Vec::new();
        for (channel, from, body, length) in entries {
            let entry = Entry {
                at: started,
                channel: Some(Arc::new(channel)),
                what: What::Message {
                    from,
                    body: body.to_vec(),
                    length,
                },
            };
            lines.append(&mut out, &entry).unwrap();
        }
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_request_has_its_id_and_a_row_has_none() {
        let source = Channel::source(&crate::symbol::Meta::new("r", "s"));

        assert_eq!(
            lines(
                &[],
                vec![
                    (Channel::control("p"), Side::Plugin, b"\x80\0\0\x01ok", 6),
                    (source.clone(), Side::Plugin, b"{\"a\":1}", 7),
                    (source, Side::Plugin, b"\xff\0", 2),
                ]
            ),
            [
                r#"{"t":1.5,"channel":"plugin_p","from":"plugin","id":"80000001","text":"ok"}"#,
                r#"{"t":1.5,"channel":"r_s_0","from":"plugin","text":"{\"a\":1}"}"#,
                r#"{"t":1.5,"channel":"r_s_0","from":"plugin","hex":"ff00"}"#,
            ]
        );
    }

    #[test]
    fn a_message_that_was_cut_has_its_length_and_no_half_character() {
        let function = Channel::function("f");

        assert_eq!(
            lines(
                &[],
                vec![(function, Side::Host, b"\0\0\0\x01a\xc3", 2_000_004)]
            ),
            [
                r#"{"t":1.5,"channel":"func_f","from":"host","id":"00000001","text":"a…","length":2000000}"#
            ]
        );
    }

    #[test]
    fn the_secrets_of_an_order_are_hidden_from_its_own_line_on() {
        let order = br#"0001{"cmd":"start","arg":"{\"symbolName\":\"s\",\"meta\":{\"ruleId\":\"r\",\"opId\":\"s\",\"instanceId\":0},\"pluginType\":\"source\",\"config\":{\"password\":\"hunter2\"}}"}"#;
        let source = Channel::source(&crate::symbol::Meta::new("r", "s"));

        let lines = lines(
            &["password"],
            vec![
                (Channel::control("p"), Side::Host, order, order.len() as u64),
                (source.clone(), Side::Plugin, b"{\"p\":\"hunter2\"}", 15),
                (source, Side::Plugin, b"\xffhunter2", 8),
            ],
        );

        assert!(
            lines.iter().all(|line| !line.contains("hunter2")),
            "{lines:?}"
        );
        assert!(lines[0].contains("[redacted]") && lines[1].contains("[redacted]"));
        assert!(!lines[2].contains(&hex(b"hunter2")), "{lines:?}");
    }
}
