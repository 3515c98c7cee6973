//! Measures how many rows per second a sink takes.

use std::time::{Duration, Instant};

use mock_kuiper::engine::host::AckMode;
use mock_kuiper::engine::wire::Order;
use mock_kuiper::{Code, HostError, Sink};

use super::meter::{Meter, Sample, Unit, rate};
use super::stage::{Failure, PATIENCE, Stage};
use super::trips;

/// How often a wait checks whether a signal has come.
const SLICE: Duration = Duration::from_millis(100);

/// The number of rows in the first chunk, and in the longest one.
const FIRST_CHUNK: usize = 64;
const LONGEST_CHUNK: usize = 1 << 16;

/// More rows than all buffers between the host and a sink hold: a sink that has not
/// pushed back after so many has read rows. A socket of Linux holds 278 short ones.
const FULL: u64 = 1024;

/// Measures a sink without `requireAck`: rows are sent as fast as it takes them,
/// and acks are not read.
///
/// Rows that only fill buffers do not count. A sink that pushes back is measured
/// between two moments at which its buffers were full; a sink that never pushes
/// back has taken all rows.
pub(super) fn measure(
    stage: &Stage<'_>,
    order: &Order,
    rows: &[Vec<u8>],
) -> Result<Sample, Failure> {
    let sink = stage.host.start_sink(order.clone(), AckMode::AsOrdered)?;
    let mut sender = Sender {
        stage,
        sink,
        rows: rows.iter().cycle(),
        chunk: FIRST_CHUNK,
    };
    let measured = sender.count();
    if measured.is_ok() {
        // A stop amid a flood of rows is not what is measured.
        sender.sink.settle(PATIENCE);
    }
    stage.stop(measured, || sender.sink.stop())
}

/// Measures a sink with `requireAck`: each row is sent after the ack of the row
/// before. A sink may send no acks, and is not measured then.
pub(super) fn measure_acked(
    stage: &Stage<'_>,
    order: &Order,
    rows: &[Vec<u8>],
) -> Result<Sample, Failure> {
    let mut sink = stage.host.start_sink(order.clone(), AckMode::Awaited)?;
    let failed = |error| match error {
        HostError::Interrupted => ended(stage),
        other => Failure::Host(other),
    };
    let mut rows = rows.iter().cycle();
    let first = rows.next().map_or(&[][..], Vec::as_slice);
    let measured = first_ack(stage, &mut sink, first).and_then(|()| {
        trips::measure(stage, Unit::Row, || {
            let row = rows.next().map_or(&[][..], Vec::as_slice);
            sink.deliver(row).map_err(failed)
        })
    });
    stage.stop(measured, || sink.stop())
}

/// Waits for the ack of the first row, to find out whether the sink sends acks.
fn first_ack(stage: &Stage<'_>, sink: &mut Sink, row: &[u8]) -> Result<(), Failure> {
    let limit = stage.time + PATIENCE;
    match sink.send_bytes(row)?.ack(limit) {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(Code::AckMissing) => Err(Failure::Unmeasured(format!(
            "no ack for a row within {limit:?}; only rules with requireAck need acks"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Finds out why a wait for the sink has ended.
fn ended(stage: &Stage<'_>) -> Failure {
    let alive = stage.host.check_alive();
    Failure::Host(alive.err().unwrap_or(HostError::Interrupted))
}

/// Whether the sink pushed back, and when it had room again.
type Pressure = (bool, Instant);

struct Sender<'a, Rows> {
    stage: &'a Stage<'a>,
    sink: Sink,
    rows: Rows,
    /// How many rows are sent before the buffers are awaited.
    chunk: usize,
}

impl<'a, Rows: Iterator<Item = &'a Vec<u8>>> Sender<'_, Rows> {
    fn count(&mut self) -> Result<Sample, Failure> {
        let time = self.stage.time;
        let warm = Instant::now() + self.stage.warm_up();
        let mut pushes_back = false;
        loop {
            let (pushed_back, now) = self.send_chunk()?;
            pushes_back |= pushed_back;
            if now >= warm + time {
                // It has pushed back once, and has caught up since.
                pushes_back = pushed_back;
            }
            // On a busy machine the buffers may not have been filled yet.
            let is_full = pushes_back || self.sink.sent() >= FULL || now >= warm + PATIENCE;
            if now >= warm && pushed_back == pushes_back && is_full {
                break;
            }
        }
        let meter = Meter::start(self.stage.host)?;
        let before = self.sink.sent();
        let enough = meter.began() + time;
        let until = loop {
            let (pushed_back, now) = self.send_chunk()?;
            let is_alike = pushed_back == pushes_back || now >= enough + time;
            if now >= enough && is_alike {
                break now;
            }
        };
        let (rows, took) = (self.sink.sent() - before, until - meter.began());
        let mut sample = vec![rate(Unit::Row, rows, took)];
        sample.extend(meter.stop(self.stage.host, rows, Unit::Row)?);
        Ok(sample)
    }

    /// Sends a chunk, and waits until the system has all of it.
    ///
    /// With longer chunks a fast sink idles less, with shorter ones a slow sink is
    /// awaited for less time. A chunk is to take a twentieth of the time.
    fn send_chunk(&mut self) -> Result<Pressure, Failure> {
        self.stage.interrupt.check()?;
        let began = Instant::now();
        for row in self.rows.by_ref().take(self.chunk) {
            match self.sink.deliver(row) {
                Ok(()) => {}
                // It pushes back, on a transport that waits for it here.
                Err(error) if error.code() == Some(Code::SinkRowNotTaken) => break,
                Err(error) => {
                    self.stage.host.check_alive()?;
                    return Err(Failure::Host(error));
                }
            }
        }
        let pushed_back = !self.sink.flush(Duration::ZERO)?;
        if !pushed_back {
            return Ok((false, Instant::now()));
        }
        let limit = self.stage.time + PATIENCE;
        while !self.sink.flush(SLICE)? {
            self.stage.interrupt.check()?;
            self.stage.host.check_alive()?;
            if began.elapsed() > limit {
                return Err(Failure::Unmeasured(format!(
                    "it took too few rows within {limit:?}; allow more time with --time"
                )));
            }
        }
        let now = Instant::now();
        let aim = self.stage.time / 20;
        match now - began {
            took if took < aim => self.chunk = (self.chunk * 2).min(LONGEST_CHUNK),
            took if took > aim * 4 => self.chunk = (self.chunk / 2).max(1),
            _ => {}
        }
        Ok((true, now))
    }
}
