//! Reads a trace line by line, in memory that does not grow with the file.
//!
//! Keys and events that are not known are kept or skipped, so that traces of other
//! recorders can be read. What cannot be a trace is refused with its line and the
//! reason.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read as _};

use super::line::{Header, Line};
use crate::foreign::{excerpt, in_sentence};
use crate::symbol::Side;

/// The bytes of the longest line that is read.
const MAX_LINE: u64 = 64 << 20;

/// What the first line must look like.
const FIRST: &str = r#"{"host":"eKuiper 2.4.0","plugin":"…","note":"…","dropped":0}"#;

/// Why a trace cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read.
    Io(io::Error),
    /// A line is wrong.
    Line {
        /// Its number, from 1.
        number: u64,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl TraceError {
    fn at(number: u64, reason: impl Into<String>) -> Self {
        Self::Line {
            number,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Line { number, reason } => write!(f, "line {number}: {reason}"),
        }
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Line { .. } => None,
        }
    }
}

/// A trace that is being read.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    header: Header<'static>,
    buffer: Vec<u8>,
    number: u64,
    bytes: u64,
    is_cut: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line of a trace.
    ///
    /// # Errors
    ///
    /// [`TraceError`] if the file cannot be read, or if it is not a trace.
    pub fn new(input: R) -> Result<Self, TraceError> {
        let mut reader = Self {
            input,
            header: Header {
                host: Cow::Borrowed(""),
                plugin: Cow::Borrowed(""),
                note: Cow::Borrowed(""),
                dropped: 0,
            },
            buffer: Vec::new(),
            number: 0,
            bytes: 0,
            is_cut: false,
        };
        if !reader.fill()? {
            let reason = format!("the file is empty; a trace begins with the line {FIRST}");
            return Err(TraceError::at(1, reason));
        }
        reader.header = header(&reader.buffer, reader.number)?;
        Ok(reader)
    }

    /// Returns the first line.
    pub fn header(&self) -> &Header<'static> {
        &self.header
    }

    /// Whether the last line is incomplete, and was left out.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns how many bytes have been read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the next line; returns it with its number, or `None` at the end.
    ///
    /// A last line that was not written to its end is left out; see
    /// [`is_cut`](Self::is_cut).
    ///
    /// # Errors
    ///
    /// [`TraceError`] if the file cannot be read, or if the line is not a line of a
    /// trace.
    pub fn next_line(&mut self) -> Result<Option<(u64, Line<'_>)>, TraceError> {
        if !self.fill()? {
            return Ok(None);
        }
        let is_whole = self.buffer.last() == Some(&b'\n');
        match line(&self.buffer) {
            Ok(line) => Ok(Some((self.number, line))),
            Err(_) if !is_whole => {
                self.is_cut = true;
                Ok(None)
            }
            Err(reason) => Err(TraceError::at(self.number, reason)),
        }
    }

    /// Reads the next line that is not empty into the buffer; returns whether there
    /// is one.
    fn fill(&mut self) -> Result<bool, TraceError> {
        loop {
            self.buffer.clear();
            let mut input = self.input.by_ref().take(MAX_LINE + 1);
            let read = input.read_until(b'\n', &mut self.buffer);
            let read = read.map_err(TraceError::Io)? as u64;
            if read == 0 {
                return Ok(false);
            }
            self.number += 1;
            self.bytes += read;
            if read > MAX_LINE {
                let reason = format!("it is longer than {} MiB", MAX_LINE >> 20);
                return Err(TraceError::at(self.number, reason));
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }
}

fn header(bytes: &[u8], number: u64) -> Result<Header<'static>, TraceError> {
    let wrong = |reason: String| {
        let reason =
            format!("this is not a trace: {reason}; the first line must look like {FIRST}");
        TraceError::at(number, reason)
    };
    if bytes.starts_with(b"\x1f\x8b") {
        return Err(TraceError::at(
            number,
            "the file is compressed; unpack it with `gunzip` first",
        ));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let header: Header<'_> = serde_json::from_slice(bytes).map_err(|error| {
        if serde_json::from_slice::<Line<'_>>(bytes).is_ok() {
            wrong("its first line says neither host nor plugin".to_owned())
        } else {
            wrong(json_reason(bytes, &error))
        }
    })?;
    Ok(Header {
        host: header.host.into_owned().into(),
        plugin: header.plugin.into_owned().into(),
        note: header.note.into_owned().into(),
        dropped: header.dropped,
    })
}

/// Reads a line, and checks what every user of it relies on.
fn line(bytes: &[u8]) -> Result<Line<'_>, String> {
    let line: Line<'_> =
        serde_json::from_slice(bytes).map_err(|error| json_reason(bytes, &error))?;
    if line.event.is_some() {
        return Ok(line);
    }
    if line.channel.is_none() || !(line.sp.is_some() || line.text.is_some() || line.hex.is_some()) {
        return Err(format!(
            "it is neither an event nor a message: a message has `channel`, `from`, and `text`, \
             `hex` or `sp`: {}",
            excerpt(bytes.trim_ascii_end())
        ));
    }
    if sender(&line).is_none() {
        let from = line.from.as_deref().unwrap_or_default();
        return Err(format!(
            "`from` of a message must be `host` or `plugin`, not `{}`",
            in_sentence(from)
        ));
    }
    if let Some(hex) = &line.hex
        && unhex(hex).is_none()
    {
        return Err("`hex` must be pairs of hexadecimal digits".to_owned());
    }
    if let Some(id) = &line.id
        && request_id(&line).is_none()
    {
        return Err(format!(
            "`id` must be 8 hexadecimal digits, not `{}`",
            in_sentence(id)
        ));
    }
    Ok(line)
}

/// Says why bytes are not the JSON that was expected.
fn json_reason(bytes: &[u8], error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or(&text);
    let column = error.column();
    let shown = excerpt(bytes.trim_ascii_end());
    match error.is_data() {
        true => format!("{reason} (column {column}): {shown}"),
        false => format!("it is not JSON: {reason} (column {column}): {shown}"),
    }
}

/// Returns who sent a message or closed a connection.
#[must_use]
pub fn sender(line: &Line<'_>) -> Option<Side> {
    line.from.as_deref().and_then(side)
}

/// Returns who dialed a connection.
#[must_use]
pub fn dialer(line: &Line<'_>) -> Option<Side> {
    line.dialer.as_deref().and_then(side)
}

fn side(name: &str) -> Option<Side> {
    [Side::Host, Side::Plugin]
        .into_iter()
        .find(|side| side.name() == name)
}

/// Returns the id of a request or reply.
#[must_use]
pub fn request_id(line: &Line<'_>) -> Option<u32> {
    let digits = line.id.as_deref()?;
    let is_id = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_id.then(|| u32::from_str_radix(digits, 16).ok())?
}

/// Returns the SP protocol number of a transport greeting, for example 0x30 (REQ).
#[must_use]
pub fn socket(line: &Line<'_>) -> Option<u16> {
    match *unhex(line.sp.as_deref()?)? {
        [0, b'S', b'P', 0, high, low, 0, 0] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

/// Returns the body of a message.
#[must_use]
pub fn body<'a>(line: &'a Line<'_>) -> Option<Cow<'a, [u8]>> {
    match (&line.text, &line.hex) {
        (Some(text), _) => Some(Cow::Borrowed(text.as_bytes())),
        (None, Some(hex)) => unhex(hex).map(Cow::Owned),
        (None, None) => None,
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|&[high, low]| {
        let byte = digit(high)? << 4 | digit(low)?;
        u8::try_from(byte).ok()
    });
    rest.is_empty().then(|| bytes.collect())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::hex;

    const HEADER: &str = "{\"host\":\"eKuiper 2.4.0\",\"plugin\":\"p\"}\n";

    /// Reads a trace to its end; returns the numbers of its lines.
    fn read(text: &[u8]) -> Result<(Vec<u64>, bool), TraceError> {
        let mut reader = Reader::new(text)?;
        let mut numbers = Vec::new();
        while let Some((number, _)) = reader.next_line()? {
            numbers.push(number);
        }
        Ok((numbers, reader.is_cut()))
    }

    fn refused(text: impl AsRef<[u8]>) -> String {
        read(text.as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_a_trace_is_refused_with_the_line_that_it_should_begin_with() {
        for (text, reason) in [
            (
                "",
                "line 1: the file is empty; a trace begins with the line {\"host\"",
            ),
            (
                "\n\nhello\n",
                "line 3: this is not a trace: it is not JSON: expected value (column 1): hello; the first line must look like {\"host\"",
            ),
            (
                "{\"t\":0,\"event\":\"launch\"}\n",
                "line 1: this is not a trace: its first line says neither host nor plugin; the first line",
            ),
            ("[1]\n", "line 1: this is not a trace: "),
            (
                "\x1f",
                "line 1: this is not a trace: it is not JSON: expected value (column 1): \\u{1f}; ",
            ),
        ] {
            let shown = refused(text);
            assert!(shown.starts_with(reason), "{shown}");
        }
        assert_eq!(
            refused(b"\x1f\x8b\x08\x00"),
            "line 1: the file is compressed; unpack it with `gunzip` first"
        );
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_number_and_the_reason() {
        for (line, reason) in [
            (
                "{\"t\":1,\"channel\":\"c\"}",
                "line 3: it is neither an event nor a message: a message has `channel`, `from`, and `text`, `hex` or `sp`: {\"t\":1,\"channel\":\"c\"}",
            ),
            (
                "{\"t\":1,\"channel\":\"c\",\"text\":\"\"}",
                "line 3: `from` of a message must be `host` or `plugin`, not ``",
            ),
            (
                "{\"t\":1,\"channel\":\"c\",\"from\":\"me\\u001b\",\"text\":\"\"}",
                "line 3: `from` of a message must be `host` or `plugin`, not `me\\u{1b}`",
            ),
            (
                "{\"t\":1,\"channel\":\"c\",\"from\":\"host\",\"hex\":\"f\"}",
                "line 3: `hex` must be pairs of hexadecimal digits",
            ),
            (
                "{\"t\":1,\"channel\":\"c\",\"from\":\"host\",\"id\":\"+1234567\",\"text\":\"\"}",
                "line 3: `id` must be 8 hexadecimal digits, not `+1234567`",
            ),
            (
                "{\"t\":\"1\",\"event\":\"x\"}",
                "line 3: invalid type: string \"1\", expected f64 (column 8): {\"t\":\"1\",\"event\":\"x\"}",
            ),
            (
                "{\"t\":1",
                "line 3: it is not JSON: EOF while parsing an object (column 0): {\"t\":1",
            ),
        ] {
            assert_eq!(refused(format!("{HEADER}\n{line}\n")), reason);
        }
    }

    #[test]
    fn unknown_keys_and_events_empty_lines_and_a_byte_order_mark_are_no_mistakes() {
        let text = format!(
            "\u{feff}{HEADER}\r\n{{\"t\":1,\"event\":\"pause\",\"x\":[1]}}\r\n\n\
             {{\"t\":0.5,\"channel\":\"c\",\"from\":\"host\",\"text\":\"a\",\"length\":5}}"
        );

        assert_eq!(read(text.as_bytes()).unwrap(), (vec![3, 5], false));
    }

    #[test]
    fn a_file_that_was_cut_is_read_up_to_its_last_whole_line() {
        let text = format!("{HEADER}{{\"t\":1,\"event\":\"launch\"}}\n{{\"t\":1,\"event\":\"la");

        assert_eq!(read(text.as_bytes()).unwrap(), (vec![2], true));
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let endless = io::BufReader::new(io::repeat(b'x'));

        let error = Reader::new(endless).unwrap_err();

        assert_eq!(error.to_string(), "line 1: it is longer than 64 MiB");
    }

    #[test]
    fn bodies_ids_and_sockets_are_decoded() {
        let line = |text: &'static str| serde_json::from_str::<Line<'_>>(text).unwrap();

        let message = line(r#"{"t":1,"id":"a9cbefe4","hex":"ff00"}"#);
        assert_eq!(body(&message).unwrap(), &b"\xff\x00"[..]);
        assert_eq!(request_id(&message), Some(0xa9cb_efe4));
        assert_eq!(
            socket(&line(r#"{"t":1,"sp":"0053500000310000"}"#)),
            Some(0x31)
        );
        assert_eq!(socket(&line(r#"{"t":1,"sp":"0053500100310000"}"#)), None);
        assert_eq!(socket(&line(r#"{"t":1,"sp":"é"}"#)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, tail: Vec<u8>) {
            let _ = read(&bytes);
            let _ = read(&[HEADER.as_bytes(), &bytes, b"\n", &tail].concat());
        }

        #[test]
        fn what_was_written_is_read(
            t in 0.0..1e6_f64,
            channel: String,
            id: Option<u32>,
            text: Result<String, Vec<u8>>,
        ) {
            let written = Line {
                t,
                channel: Some(channel.into()),
                from: Some("plugin".into()),
                id: id.map(|id| format!("{id:08x}").into()),
                text: text.as_ref().ok().map(|text| text.as_str().into()),
                hex: text.as_ref().err().map(|bytes| hex(bytes).into()),
                ..Line::default()
            };
            let file = format!("{HEADER}{}\n", serde_json::to_string(&written).unwrap());

            let mut reader = Reader::new(file.as_bytes()).unwrap();
            let (_, line) = reader.next_line().unwrap().unwrap();

            prop_assert_eq!(&line, &written);
            let bytes = text.map_or_else(|bytes| bytes, String::into_bytes);
            prop_assert_eq!(body(&line).unwrap().into_owned(), bytes);
            prop_assert_eq!(request_id(&line), id);
        }
    }
}
