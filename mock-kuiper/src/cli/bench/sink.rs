//! A sink: how many rows a second it takes.

use std::time::{Duration, Instant};

use mock_kuiper::host::AckMode;
use mock_kuiper::wire::Order;
use mock_kuiper::{Code, HostError, Sink};

use super::meter::{Meter, Sample, Unit, rate};
use super::stage::{Failure, PATIENCE, Stage};
use super::trips;

/// How long one wait is before it is looked whether the bench was ended.
const SLICE: Duration = Duration::from_millis(100);

/// The rows of a chunk at first, and at most.
const FIRST_CHUNK: usize = 64;
const LONGEST_CHUNK: usize = 1 << 16;

/// Sends rows as fast as the sink takes them; acks are not read, as by an
/// eKuiper without `requireAck`.
///
/// Rows that only fill buffers do not count. A sink that pushes back is
/// measured from one time that its buffers were full to another; one that never
/// does has taken all.
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
        // How a sink takes a stop in the middle of a flood is not measured.
        sender.sink.settle(PATIENCE);
    }
    stage.stop(measured, || sender.sink.stop())
}

/// Sends row after row, each when the one before was acked, as eKuiper does with
/// `requireAck`. Whether a sink acks is its author's business.
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

/// Finds out whether the sink acks at all.
fn first_ack(stage: &Stage<'_>, sink: &mut Sink, row: &[u8]) -> Result<(), Failure> {
    let limit = stage.time + PATIENCE;
    match sink.send_bytes(row)?.ack(limit) {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(Code::AckMissing) => Err(Failure::Unmeasured(format!(
            "no ack came for a row within {limit:?}; acks are for rules with requireAck alone"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Why a wait for the sink has ended.
fn ended(stage: &Stage<'_>) -> Failure {
    let alive = stage.host.check_alive();
    Failure::Host(alive.err().unwrap_or(HostError::Interrupted))
}

/// Whether the sink has pushed back, and when it had room again.
type Pressure = (bool, Instant);

struct Sender<'a, Rows> {
    stage: &'a Stage<'a>,
    sink: Sink,
    rows: Rows,
    /// How many rows go out before the buffers are waited for.
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
                // It has done so once, and has caught up for good.
                pushes_back = pushed_back;
            }
            if now >= warm && pushed_back == pushes_back {
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
    /// In a longer chunk a fast sink rests less often, in a shorter one a slow
    /// sink is waited for less long: a twentieth of the time is the aim.
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
                    "it took too few rows within {limit:?}; give it more time with --time"
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
