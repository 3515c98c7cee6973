//! Writes rows and results of calls for stdout, one JSON object per line.

use std::io::{self, Write};

use mock_kuiper::engine::wire::SourceRow;
use serde_json::Value;

/// The size at which the held lines are written, in bytes.
const HELD: usize = 64 * 1024;

/// Collects lines, and writes many of them at once.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
}

impl Lines {
    /// Adds a row of a source.
    pub(super) fn row(&mut self, source: &str, row: SourceRow<'_>) {
        self.held.extend_from_slice(b"{\"source\":");
        self.json(&source);
        self.held.extend_from_slice(b",\"message\":");
        self.one_line(row.message);
        self.held.extend_from_slice(b",\"meta\":");
        self.one_line(row.meta);
        self.held.extend_from_slice(b"}\n");
    }

    /// Adds a call and its outcome.
    pub(super) fn call(&mut self, function: &str, args: &[Value], outcome: Result<&Value, &str>) {
        self.held.extend_from_slice(b"{\"function\":");
        self.json(&function);
        self.held.extend_from_slice(b",\"args\":");
        self.json(&args);
        match outcome {
            Ok(result) => {
                self.held.extend_from_slice(b",\"result\":");
                self.json(&result);
            }
            Err(error) => {
                self.held.extend_from_slice(b",\"error\":");
                self.json(&error);
            }
        }
        self.held.extend_from_slice(b"}\n");
    }

    /// Whether enough lines are held to write them.
    pub(super) fn is_full(&self) -> bool {
        self.held.len() >= HELD
    }

    /// Writes the held lines.
    pub(super) fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        let written = out.write_all(&self.held).and_then(|()| out.flush());
        self.held.clear();
        self.held.shrink_to(HELD * 4);
        written
    }

    fn json(&mut self, value: &impl serde::Serialize) {
        // Strings and JSON values serialize, and a `Vec` takes any number of bytes.
        let _ = serde_json::to_writer(&mut self.held, value);
    }

    /// Appends valid JSON without the line ends between its tokens.
    fn one_line(&mut self, json: &str) {
        let mut json = json.as_bytes();
        while let Some(end) = memchr::memchr2(b'\n', b'\r', json) {
            self.held.extend_from_slice(&json[..end]);
            json = &json[end + 1..];
        }
        self.held.extend_from_slice(json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_spans_lines_is_written_on_one_line() {
        let mut lines = Lines::default();
        let row =
            SourceRow::parse("{\n \"message\": {\n  \"a\": \"x\\ny\"\r\n },\n \"meta\": {}\n}");

        lines.row("ran\"dom", row.unwrap());
        let mut out = Vec::new();
        lines.write(&mut out).unwrap();

        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"source\":\"ran\\\"dom\",\"message\":{  \"a\": \"x\\ny\" },\"meta\":{}}\n"
        );
    }

    #[test]
    fn a_call_is_written_with_its_arguments_and_its_result_or_error() {
        let mut lines = Lines::default();
        let args = [Value::from(1), Value::Null];

        lines.call("echo", &args, Ok(&Value::from(1)));
        lines.call("echo", &[], Err("no \"argument\""));
        let mut out = Vec::new();
        lines.write(&mut out).unwrap();

        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"function\":\"echo\",\"args\":[1,null],\"result\":1}\n\
             {\"function\":\"echo\",\"args\":[],\"error\":\"no \\\"argument\\\"\"}\n"
        );
    }
}
