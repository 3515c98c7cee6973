//! The least HTTP client that a test needs, on a plain socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::schema;
use crate::support::processes::LIMIT;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) text: String,
}

impl Answer {
    /// Returns the body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_str(&self.text) {
            Ok(value) => value,
            Err(error) => panic!("{error} in {self:?}"),
        }
    }

    /// Returns the body of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// Returns code and text of a refusal with this status.
    #[track_caller]
    pub(crate) fn refused(self, status: u16) -> (String, String) {
        let body = self.expect(status);
        let field = |name: &str| body["error"][name].as_str().unwrap().to_owned();
        (field("code"), field("text"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines();
        let mut fields = lines.filter_map(|line| line.split_once(": "));
        let (_, value) = fields.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// Sends a request with its own `Host`, unless `headers` has another one.
pub(crate) fn request(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut socket = connect(port);
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    write_headers(&mut text, port, headers);
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    socket.write_all(text.as_bytes()).unwrap();
    // A server that refuses the head reads no body.
    let _ = socket.write_all(body.as_bytes());
    let mut answer = String::new();
    let read = socket.read_to_string(&mut answer);
    let (head, text) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{read:?}: {answer:?}"));
    let answer = Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        text: text.to_owned(),
    };
    schema::check(method, path, &answer);
    answer
}

/// A stream of events.
pub(crate) struct Stream {
    lines: BufReader<TcpStream>,
}

/// An event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Stream {
    /// Opens a stream. As HTTP 1.0 it has no chunks.
    pub(crate) fn open(port: u16, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut socket = connect(port);
        let mut text = format!("GET {path} HTTP/1.0\r\n");
        write_headers(&mut text, port, headers);
        text.push_str("\r\n");
        socket.write_all(text.as_bytes()).unwrap();
        let mut lines = BufReader::new(socket);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            if line.trim_end().is_empty() {
                break;
            }
            head.push(line);
        }
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(
            head.iter()
                .any(|line| line.trim_end() == "content-type: text/event-stream"),
            "{head:?}"
        );
        Self { lines }
    }

    /// Waits for the next event; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let mut event = Event {
            id: String::new(),
            name: String::new(),
            data: Value::Null,
        };
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("an event in time") == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if event.name.is_empty() => {}
                _ => return Some(event),
            }
        }
    }

    /// Waits for an event of this name whose data is right.
    #[track_caller]
    pub(crate) fn wait(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> Event {
        while let Some(event) = self.next() {
            if event.name == name && is_it(&event.data) {
                return event;
            }
        }
        panic!("the stream has ended without such an event `{name}`");
    }
}

fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.set_write_timeout(Some(LIMIT)).unwrap();
    socket
}

fn write_headers(text: &mut String, port: u16, headers: &[(&str, &str)]) {
    if headers.iter().all(|(name, _)| *name != "Host") {
        text.push_str(&format!("Host: 127.0.0.1:{port}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
}
