//! The loads of sinks: rows as fast as the sinks take them, with or without acks.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::calls::exec;
use super::{Reading, WARM_UP, pad};
use crate::Result;
use crate::frames::{Frames, HEADER, frame};
use crate::host::{Channel, Host, Streams};

/// How long a sink may make no progress before it counts as stalled.
const STALLED: Duration = Duration::from_secs(3);

/// Measures rows at full speed, until the sinks have taken, and if need be acked,
/// all of them.
pub(super) fn flood(
    host: &mut Host,
    time: Duration,
    bytes: usize,
    instances: usize,
    acks: bool,
) -> Result<Reading> {
    let mut taken = host.start_function("bench_taken")?;
    let config = match acks {
        true => json!({"requireAck": true}),
        false => json!({}),
    };
    let mut running = Vec::new();
    for rule in 0..instances {
        running.push(host.start_sink(rule, &config)?);
    }
    let acked = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = running
        .iter()
        .filter(|_| acks)
        .map(|instance| count_acks(instance, &acked))
        .collect::<Result<_>>()?;
    let mut row = SinkRow::new(bytes);
    let warm = row.send(&mut running, WARM_UP)?;
    wait_taken(&mut taken, warm)?;

    let (cpu, begin) = (host.cpu()?, Instant::now());
    let sent = row.send(&mut running, time)?;
    wait_taken(&mut taken, warm + sent)?;
    if acks {
        wait_for(warm + sent, "were acked", || {
            Ok(acked.load(Ordering::Relaxed))
        })?;
    }
    let elapsed = begin.elapsed().as_secs_f64();
    let cpu = host.cpu()? - cpu;

    for instance in &running {
        let _ = instance.data.shutdown(std::net::Shutdown::Both);
        host.stop(&instance.started)?;
        if let Some(acks) = &instance.acks {
            let _ = acks.shutdown(std::net::Shutdown::Both);
        }
    }
    for reader in readers {
        reader
            .join()
            .map_err(|_| "the thread that reads acks panicked")??;
    }
    Ok(Reading {
        rate: Some(sent as f64 / elapsed),
        cpu: Some(cpu.as_secs_f64() * 1e6 / sent as f64),
        ..Reading::default()
    })
}

/// A row for sinks; each send writes a new number into the same bytes.
pub(super) struct SinkRow {
    frame: Vec<u8>,
    number: std::ops::Range<usize>,
    /// The number that was sent last to all instances.
    last: u64,
}

impl SinkRow {
    const FRONT: &str = "[{\"n\":";
    const DIGITS: usize = 8;

    pub(super) fn new(bytes: usize) -> Self {
        let row = |pad: &str| format!("{}{:8},\"pad\":\"{pad}\"}}]", Self::FRONT, 0);
        let pad = "x".repeat(pad(&row(""), bytes));
        let from = HEADER + Self::FRONT.len();
        Self {
            frame: frame(&[row(&pad).as_bytes()]),
            number: from..from + Self::DIGITS,
            last: 0,
        }
    }

    fn number_next(&mut self) {
        self.last += 1;
        let digits = format!("{:8}", self.last);
        self.frame[self.number.clone()].copy_from_slice(digits.as_bytes());
    }

    /// The frame of the next row.
    pub(super) fn next(mut self) -> Vec<u8> {
        self.number_next();
        self.frame
    }

    /// Sends rows to all instances in turn for `time`; returns how many.
    fn send(&mut self, running: &mut [Streams], time: Duration) -> Result<u64> {
        for instance in running.iter() {
            instance.data.set_write_timeout(Some(STALLED))?;
        }
        let begin = Instant::now();
        let first = self.last;
        // The clock is read for every 16th row only.
        while !self.last.is_multiple_of(16) || begin.elapsed() < time {
            self.number_next();
            for instance in running.iter_mut() {
                instance.data.write_all(&self.frame).map_err(|error| {
                    format!("the sink has stalled at row {}: {error}", self.last)
                })?;
            }
        }
        Ok((self.last - first) * running.len() as u64)
    }
}

/// Counts the acks of a sink, on a thread of its own, until the ack channel is
/// closed.
fn count_acks(instance: &Streams, acked: &Arc<AtomicU64>) -> Result<JoinHandle<io::Result<()>>> {
    let stream = instance
        .acks
        .as_ref()
        .ok_or("the sink did not dial its ack channel")?;
    let stream = stream.try_clone()?;
    stream.set_read_timeout(None)?;
    let acked = Arc::clone(acked);
    Ok(thread::spawn(move || {
        let mut frames = Frames::new(64 * 1024);
        while frames.fill(&stream)? > 0 {
            while let Some(ack) = frames.next()? {
                if ack != b"{}" {
                    let ack = String::from_utf8_lossy(ack);
                    return Err(io::Error::other(format!("an ack was `{ack}`")));
                }
                acked.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }))
}

/// Waits until the sinks have taken `rows` rows, all in order.
pub(super) fn wait_taken(taken: &mut Channel, rows: u64) -> Result {
    wait_for(rows, "were taken", || {
        let answer: Value = serde_json::from_slice(taken.ask(&exec(&[]))?)?;
        let total = |index: usize| answer["result"][index].as_u64();
        match (total(0), total(1)) {
            (Some(has), Some(0)) => Ok(has),
            (Some(has), Some(wrong)) => {
                Err(format!("{wrong} of {has} rows that came were out of order").into())
            }
            _ => Err(format!("bench_taken answered {answer}").into()),
        }
    })
}

/// Waits until a count reaches `wanted`; fails if it stalls or exceeds it.
fn wait_for(wanted: u64, what: &str, mut count: impl FnMut() -> Result<u64>) -> Result {
    let mut had = 0;
    let mut since = Instant::now();
    loop {
        let has = count()?;
        match has.cmp(&wanted) {
            Less if has == had && since.elapsed() > STALLED => {}
            Less => {
                if has > had {
                    (had, since) = (has, Instant::now());
                }
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            Equal => return Ok(()),
            Greater => {}
        }
        return Err(format!("{wanted} rows were sent, {has} {what}").into());
    }
}
