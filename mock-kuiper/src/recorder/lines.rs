//! Makes the lines of the trace, and hides secrets in them.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant, SystemTime};

use super::order;
use crate::finding::describe_status;
use crate::redact::{Properties, Secrets};
use crate::symbol::{Channel, Purpose, Side};
use crate::trace::{Line, hex, seconds};

/// The bytes of a request's id, in front of the body.
const ID: usize = 4;

/// What happened.
#[derive(Debug)]
pub(super) enum What {
    Launch {
        argument: String,
        cwd: PathBuf,
        time: SystemTime,
    },
    Connected {
        dialer: Side,
    },
    Greeting {
        from: Side,
        bytes: [u8; 8],
    },
    /// `length` is that of the body, of which `body` may be the beginning.
    Message {
        from: Side,
        body: Vec<u8>,
        length: u64,
    },
    Closed {
        from: Side,
    },
    Exit {
        status: ExitStatus,
    },
}

/// Makes lines of what happens.
#[derive(Debug)]
pub(super) struct Lines {
    /// The time of the trace at which this launch begins.
    begin: Duration,
    started: Instant,
    /// Their values are secrets.
    redacted: Properties,
    /// The values that orders had for them.
    secrets: Secrets,
}

impl Lines {
    pub(super) fn new(begin: Duration, started: Instant, redact: &[String]) -> Self {
        Self {
            begin,
            started,
            redacted: Properties::new(redact),
            secrets: Secrets::default(),
        }
    }

    /// Appends the line of what happened at `at`.
    pub(super) fn append(
        &mut self,
        out: &mut Vec<u8>,
        at: Instant,
        channel: Option<&Channel>,
        what: &What,
    ) -> io::Result<()> {
        let passed = at.saturating_duration_since(self.started);
        let line = Line {
            t: seconds(self.begin + passed),
            channel: channel.map(|channel| channel.name().into()),
            ..Line::default()
        };
        let line = match what {
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
                return self.message(out, line, channel, *from, body, *length);
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
        if purpose == Some(Purpose::Control) && from == Side::Host {
            self.learn_secrets(body);
        }
        if is_cut {
            body = whole_characters(body);
        }
        let body = match purpose {
            Some(Purpose::Control) => body.into(),
            _ => self.redacted.hide(body, envelope(purpose)),
        };
        let body = &*body;
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
        let keys = self.redacted.keys();
        if !keys.is_empty()
            && let Some(order) = order::parse(body)
        {
            self.secrets.add(keys, &order.config);
        }
    }

    fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.secrets.is_empty() {
            return text.into();
        }
        self.secrets.hide(text).into()
    }
}

/// Returns the keys that the protocol has in a message, around the data.
fn envelope(purpose: Option<Purpose>) -> &'static [&'static str] {
    match purpose {
        Some(Purpose::Source) => &["message", "meta", "error"],
        Some(Purpose::Function) => &["func", "arg", "state", "result"],
        Some(Purpose::Ack) => &["error"],
        Some(Purpose::Control | Purpose::Sink) | None => &[],
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
    use super::*;

    fn lines(keys: &[&str], entries: Vec<(Channel, Side, &[u8], u64)>) -> Vec<String> {
        let started = Instant::now();
        let keys: Vec<_> = keys.iter().map(|&key| key.to_owned()).collect();
        let mut lines = Lines::new(Duration::from_millis(1500), started, &keys);
        let mut out = Vec::new();
        for (channel, from, body, length) in entries {
            let body = body.to_vec();
            let what = What::Message { from, body, length };
            lines
                .append(&mut out, started, Some(&channel), &what)
                .unwrap();
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

    #[test]
    fn the_values_of_a_property_are_hidden_in_rows_calls_and_results() {
        let meta = crate::symbol::Meta::new("r", "s");
        let entry =
            |channel, from, body: &'static str| (channel, from, body.as_bytes(), body.len() as u64);
        let cut: &[u8] = b"{\"s\":\"xxx\xc3";

        let mut lines = lines(
            &["s", "result"],
            vec![
                entry(
                    Channel::source(&meta),
                    Side::Plugin,
                    r#"{"message":{"n":1,"s":"xxxxx"},"meta":{"a":[{"S":1}]}}"#,
                ),
                entry(
                    Channel::sink(&meta),
                    Side::Host,
                    r#"[{"s":2},{"result":3}]"#,
                ),
                entry(
                    Channel::function("f"),
                    Side::Host,
                    r#"0001{"func":"Exec","arg":[{"s":"xxxxx"},"s"]}"#,
                ),
                entry(
                    Channel::function("f"),
                    Side::Plugin,
                    r#"0001{"state":true,"result":{"result":[4]}}"#,
                ),
                entry(Channel::sink(&meta), Side::Host, "no JSON: \"s\":5"),
                (Channel::sink(&meta), Side::Host, cut, 2_000_000),
            ],
        );

        for line in &mut lines {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            *line = value["text"].as_str().unwrap().to_owned();
        }
        assert_eq!(
            lines,
            [
                r#"{"message":{"n":1,"s":"[redacted]"},"meta":{"a":[{"S":"[redacted]"}]}}"#,
                r#"[{"s":"[redacted]"},{"result":"[redacted]"}]"#,
                r#"{"func":"Exec","arg":[{"s":"[redacted]"},"s"]}"#,
                r#"{"state":true,"result":{"result":"[redacted]"}}"#,
                r#"no JSON: "s":5"#,
                r#"{"s":"[redacted]"…"#,
            ]
        );
    }
}
