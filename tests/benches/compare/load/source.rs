//! The loads of sources: at full speed, one row at a time, and calm.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, poll};
use serde_json::{Value, json};

use super::{Reading, STALLED, WARM_UP, number, pad, percentiles};
use crate::Result;
use crate::frames::Frames;
use crate::host::{Host, Streams};

/// The configuration of a source whose rows are `bytes` long while the number has
/// 7 digits.
pub(crate) fn config(bytes: usize) -> Value {
    let pad = pad(r#"{"message":{"n":1234567,"pad":""},"meta":null}"#, bytes);
    json!({ "pad": pad })
}

/// Measures rows at full speed, and the stops of all instances.
pub(super) fn flood(
    host: &mut Host,
    time: Duration,
    bytes: usize,
    instances: usize,
    pause: Option<Duration>,
) -> Result<Reading> {
    let running = start_sources(host, instances, &config(bytes))?;
    let reader = Reader::start(&running, pause)?;
    thread::sleep(WARM_UP);
    let (rows, cpu, begin) = (reader.rows(), host.cpu()?, Instant::now());
    thread::sleep(time);
    // A long row may take longer than a short time.
    while reader.rows() == rows && begin.elapsed() < STALLED {
        thread::sleep(Duration::from_millis(1));
    }
    let rows = reader.rows() - rows;
    let elapsed = begin.elapsed().as_secs_f64();
    let cpu = host.cpu()? - cpu;
    // The stops are timed under load: the host still reads, and the others send.
    for instance in &running {
        host.stop(&instance.started)?;
    }
    reader.finish(&running)?;
    if rows == 0 {
        return Err("the source sent no row".into());
    }
    Ok(Reading {
        rate: Some(rows as f64 / elapsed),
        cpu: Some(cpu.as_secs_f64() * 1e6 / rows as f64),
        ..Reading::default()
    })
}

fn start_sources(host: &mut Host, instances: usize, config: &Value) -> Result<Vec<Streams>> {
    (0..instances)
        .map(|rule| host.start_source(rule, config))
        .collect()
}

/// A thread that reads the rows of all instances and checks their numbers.
struct Reader {
    rows: Arc<AtomicU64>,
    thread: JoinHandle<io::Result<()>>,
}

impl Reader {
    fn start(running: &[Streams], pause: Option<Duration>) -> Result<Self> {
        let streams: Vec<_> = running
            .iter()
            .map(|instance| Numbered::new(&instance.data))
            .collect::<io::Result<_>>()?;
        let rows = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&rows);
        let thread = thread::spawn(move || read_all(streams, pause, &counted));
        Ok(Self { rows, thread })
    }

    fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    fn finish(self, running: &[Streams]) -> Result {
        for instance in running {
            let _ = instance.data.shutdown(std::net::Shutdown::Both);
        }
        Ok(self
            .thread
            .join()
            .map_err(|_| "the reading thread panicked")??)
    }
}

/// A stream of rows, and the number of its last row.
struct Numbered {
    stream: UnixStream,
    frames: Frames,
    last: u64,
}

impl Numbered {
    fn new(stream: &UnixStream) -> io::Result<Self> {
        Ok(Self {
            stream: stream.try_clone()?,
            frames: Frames::new(256 * 1024),
            last: 0,
        })
    }

    /// Reads once and returns the number of complete rows, `None` at the end of the
    /// stream.
    fn read(&mut self) -> io::Result<Option<u64>> {
        if self.frames.fill(&self.stream)? == 0 {
            return Ok(None);
        }
        let before = self.last;
        while let Some(row) = self.frames.next()? {
            let number = number(row, b"\"n\":");
            if number != Some(self.last + 1) {
                let row = String::from_utf8_lossy(&row[..row.len().min(100)]);
                let text = format!("row {} was followed by `{row}`", self.last);
                return Err(io::Error::other(text));
            }
            self.last += 1;
        }
        Ok(Some(self.last - before))
    }
}

fn read_all(
    mut streams: Vec<Numbered>,
    pause: Option<Duration>,
    counted: &AtomicU64,
) -> io::Result<()> {
    while !streams.is_empty() {
        let ready = match &streams[..] {
            [_] => vec![true],
            many => wait(many)?,
        };
        let mut ready = ready.into_iter();
        let mut broken = Ok(());
        streams.retain_mut(|stream| {
            if !ready.next().unwrap_or(false) {
                return true;
            }
            match stream.read() {
                Ok(Some(rows)) => {
                    counted.fetch_add(rows, Ordering::Relaxed);
                    true
                }
                Ok(None) => false,
                Err(error) => {
                    broken = Err(error);
                    false
                }
            }
        });
        broken?;
        if let Some(pause) = pause {
            thread::sleep(pause);
        }
    }
    Ok(())
}

/// Waits until a stream can be read; returns for each whether it can.
fn wait(streams: &[Numbered]) -> io::Result<Vec<bool>> {
    let mut waits_for: Vec<_> = streams
        .iter()
        .map(|stream| PollFd::new(&stream.stream, PollFlags::IN))
        .collect();
    poll(&mut waits_for, None)?;
    Ok(waits_for
        .iter()
        .map(|place| !place.revents().is_empty())
        .collect())
}

/// Measures how long a row takes from its source to the host.
pub(super) fn single_rows(host: &mut Host, time: Duration) -> Result<Reading> {
    let config = json!({"pad": 0, "interval": 1000});
    let source = host.start_source(0, &config)?;
    let mut frames = Frames::new(64 * 1024);
    let mut took = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < WARM_UP + time {
        if frames.fill(&source.data)? == 0 {
            return Err("the source closed its data channel".into());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
        while let Some(row) = frames.next()? {
            let sent = number(row, b"\"t\":").ok_or("a row has no time")?;
            if begin.elapsed() > WARM_UP {
                took.push(now.saturating_sub(sent) as f64 / 1e3);
            }
        }
    }
    host.stop(&source.started)?;
    Ok(Reading {
        latency: Some(percentiles(took)?),
        ..Reading::default()
    })
}

/// Runs calm instances: only the memory of the plugin is measured, by the caller.
pub(super) fn calm(host: &mut Host, time: Duration, instances: usize) -> Result<Reading> {
    let config = json!({"pad": 0, "interval": 100_000});
    let running = start_sources(host, instances, &config)?;
    let reader = Reader::start(&running, None)?;
    thread::sleep(WARM_UP + time);
    for instance in &running {
        host.stop(&instance.started)?;
    }
    reader.finish(&running)?;
    Ok(Reading::default())
}
