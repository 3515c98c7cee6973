//! Opens the file of a trace: a new one, or one of the same plugin's earlier launches,
//! to which lines are appended.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{FlockOperation, OFlags, fcntl_getfl, fcntl_setfl, flock};
use rustix::io::Errno;
use serde_json::Value;

use super::error::RecorderError;
use super::settings::Settings;
use crate::trace::{Header, Line};

/// How long a recorder waits for an earlier one of the same plugin, which eKuiper has
/// killed and which is about to end.
const TURN: Duration = Duration::from_secs(3);

/// The bytes of the lines at the beginning of a trace that are read.
const BEGINNING: u64 = 64 * 1024;

/// The bytes of a block that is read backwards.
const BLOCK: u64 = 64 * 1024;

/// A trace to which lines can be appended.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    /// The time of the trace at which this launch begins.
    pub(super) begin: Duration,
}

/// Opens the file of a trace. A new one gets its first line.
pub(super) fn open(
    path: &Path,
    settings: &Settings,
    now: SystemTime,
) -> Result<Opened, RecorderError> {
    let failed = |source| RecorderError::Trace {
        path: path.to_owned(),
        source,
    };
    let kind = path.metadata().map(|found| found.file_type());
    let is_special = kind.as_ref().is_ok_and(|kind| !kind.is_file());
    let mut options = OpenOptions::new();
    options.read(!is_special).append(true).create(true);
    let mut file = match kind {
        Ok(kind) if kind.is_fifo() => open_fifo(&mut options, path)?,
        _ => options.open(path).map_err(failed)?,
    };
    if !is_special {
        lock(&file, path)?;
    }
    if is_special || file.metadata().map_err(failed)?.len() == 0 {
        let header = Header {
            host: settings.host.as_str().into(),
            plugin: settings.plugin.as_str().into(),
            note: "recorded between host and plugin, in order; t in seconds since the first \
                   launch"
                .into(),
            dropped: 0,
        };
        let header = serde_json::to_string(&header).map_err(|error| failed(error.into()))?;
        file.write_all(format!("{header}\n").as_bytes())
            .map_err(failed)?;
        return Ok(Opened {
            file,
            begin: Duration::ZERO,
        });
    }
    let Some((plugin, launched)) = first_launch(&file).map_err(failed)? else {
        return Err(RecorderError::NotATrace {
            path: path.to_owned(),
        });
    };
    if plugin != settings.plugin {
        return Err(RecorderError::OtherPlugin {
            path: path.to_owned(),
            found: plugin,
            expected: settings.plugin.clone(),
        });
    }
    let last = cut_after_last_line(&mut file).map_err(failed)?;
    let passed = launched.and_then(|launched| now.duration_since(launched).ok());
    Ok(Opened {
        file,
        begin: passed.unwrap_or_default().max(last),
    })
}

/// Opens a named pipe, which must have a reader: without one, the system would wait for it.
fn open_fifo(options: &mut OpenOptions, path: &Path) -> Result<File, RecorderError> {
    let path = path.to_owned();
    let opened = options
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(&path);
    let blocks = |file: File| {
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(file)
    };
    opened
        .and_then(blocks)
        .map_err(|source| match Errno::from_io_error(&source) {
            Some(Errno::NXIO) => RecorderError::NoReader { path },
            _ => RecorderError::Trace { path, source },
        })
}

/// Locks the trace for as long as it is open.
fn lock(file: &File, path: &Path) -> Result<(), RecorderError> {
    let end = Instant::now() + TURN;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < end => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(RecorderError::InUse {
                    path: path.to_owned(),
                });
            }
            // A file system without locks is used without them.
            _ => return Ok(()),
        }
    }
}

/// Reads of which plugin a trace is, and when the plugin was launched first, if the trace
/// says it. Returns `None` if the file is not a trace.
fn first_launch(file: &File) -> io::Result<Option<(String, Option<SystemTime>)>> {
    let mut lines = BufReader::new(file.take(BEGINNING));
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    let Ok(header) = serde_json::from_slice::<Header<'_>>(&line) else {
        return Ok(None);
    };
    let plugin = header.plugin.into_owned();
    line.clear();
    lines.read_until(b'\n', &mut line)?;
    let launch = serde_json::from_slice::<Line<'_>>(&line).ok();
    let time = launch.and_then(|launch| humantime::parse_rfc3339(&launch.time?).ok());
    Ok(Some((plugin, time)))
}

/// Cuts what a killed recorder has left of a line. Returns the time of the last line.
fn cut_after_last_line(file: &mut File) -> io::Result<Duration> {
    let length = file.metadata()?.len();
    let end = line_end_before(file, length)?;
    if end < length {
        file.set_len(end)?;
    }
    let begin = line_end_before(file, end.saturating_sub(1))?;
    file.seek(SeekFrom::Start(begin))?;
    let mut text = Vec::new();
    file.take(64).read_to_end(&mut text)?;
    Ok(time_of(&text).unwrap_or_default())
}

/// Returns the offset after the last line end before an offset, or 0.
fn line_end_before(file: &mut File, mut before: u64) -> io::Result<u64> {
    let mut block = Vec::new();
    while before > 0 {
        let begin = before.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(begin))?;
        block.clear();
        file.take(before - begin).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        before = begin;
    }
    Ok(0)
}

/// Reads the time at the beginning of a line: `{"t":1.25,…`.
fn time_of(line: &[u8]) -> Option<Duration> {
    let number = line.strip_prefix(b"{\"t\":")?;
    let end = number.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    let seconds: Value = serde_json::from_slice(&number[..end]).ok()?;
    Duration::try_from_secs_f64(seconds.as_f64()?).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::super::settings::Program;
    use super::*;

    fn settings(trace: &Path) -> Settings {
        Settings {
            plugin: "mirror".to_owned(),
            program: "mirror".into(),
            launch: Program::Native,
            trace: trace.to_owned(),
            host: "eKuiper 2.4".to_owned(),
            redact: Vec::new(),
            visible: Vec::new(),
            rename: false,
        }
    }

    const HEADER: &str = r#"{"host":"eKuiper 2.4","plugin":"mirror","note":"recorded between host and plugin, in order; t in seconds since the first launch","dropped":0}"#;

    #[test]
    fn a_new_trace_begins_with_its_header_at_zero() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("trace");

        let opened = open(&path, &settings(&path), SystemTime::now()).unwrap();

        assert_eq!(opened.begin, Duration::ZERO);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{HEADER}\n"));
    }

    #[test]
    fn a_trace_goes_on_after_its_last_whole_line_by_the_time_of_day() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("trace");
        let launch = r#"{"t":0.0,"event":"launch","time":"2026-01-01T00:00:00.000Z"}"#;
        let long = format!(
            r#"{{"t":1.5,"channel":"c","from":"host","text":"{}"}}"#,
            "x".repeat(200_000)
        );
        let whole = format!("{HEADER}\n{launch}\n{long}\n");
        fs::write(&path, format!("{whole}{{\"t\":2.5,\"chan")).unwrap();
        let at = |time: &str| humantime::parse_rfc3339(time).unwrap();

        let later = open(&path, &settings(&path), at("2026-01-01T00:00:10Z")).unwrap();
        assert_eq!(later.begin, Duration::from_secs(10));
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        drop(later);

        // The clock was set back.
        let before = open(&path, &settings(&path), at("2025-01-01T00:00:00Z")).unwrap();
        assert_eq!(before.begin, Duration::from_millis(1500));
    }

    #[test]
    fn nothing_is_appended_to_a_file_that_is_no_trace() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notes");
        fs::write(&path, "my notes\n").unwrap();

        let refused = open(&path, &settings(&path), SystemTime::now()).unwrap_err();

        assert!(matches!(refused, RecorderError::NotATrace { .. }));
        assert_eq!(fs::read_to_string(&path).unwrap(), "my notes\n");
    }

    #[test]
    fn nothing_is_appended_to_a_trace_of_another_plugin() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("trace");
        let whole = "{\"host\":\"eKuiper 2.4\",\"plugin\":\"lab\"}\n{\"t\":1";
        fs::write(&path, whole).unwrap();

        let refused = open(&path, &settings(&path), SystemTime::now()).unwrap_err();

        assert_eq!(
            refused.to_string(),
            format!(
                "{} is a trace of the plugin `lab`, so nothing of `mirror` is appended to it; \
                 move it away, or record the plugin again with another path",
                path.display()
            )
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    }

    #[test]
    fn a_named_pipe_with_a_reader_gets_the_header_and_blocks_when_it_is_full() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("trace");
        mkfifoat(CWD, &path, Mode::RWXU).unwrap();
        let mut reader = OpenOptions::new();
        let reader = reader.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let reader = reader.read(true).open(&path).unwrap();

        let opened = open(&path, &settings(&path), SystemTime::now()).unwrap();

        assert_eq!(opened.begin, Duration::ZERO);
        let flags = fcntl_getfl(&opened.file).unwrap();
        assert!(!flags.contains(OFlags::NONBLOCK), "{flags:?}");
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).unwrap();
        assert_eq!(line, format!("{HEADER}\n"));
    }

    #[test]
    fn a_second_recorder_of_one_trace_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("trace");
        let _first = open(&path, &settings(&path), SystemTime::now()).unwrap();

        let second = open(&path, &settings(&path), SystemTime::now());

        assert!(matches!(second, Err(RecorderError::InUse { .. })));
    }
}
