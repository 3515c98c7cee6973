//! Measures how many rows per second a source sends.

use std::time::{Duration, Instant};

use mock_kuiper::engine::host::Received;
use mock_kuiper::engine::wire::Order;
use mock_kuiper::{Observed, Source};

use super::meter::{Meter, Sample, Unit, rate};
use super::stage::{Failure, PATIENCE, Stage};
use crate::cli::advice;

/// After this many messages of one stretch only every [`STRIDE`]th is timed,
/// because reading the clock takes time.
const TIMED: u64 = 1024;
const STRIDE: u64 = 64;

/// Reads a source at full speed. Each row is checked and dropped.
pub(super) fn measure(stage: &Stage<'_>, order: &Order) -> Result<Sample, Failure> {
    let source = stage.host.start_source(order.clone())?;
    let mut counter = Counter {
        stage,
        source,
        rows: 0,
        last: (0, Instant::now()),
    };
    let measured = counter.count();
    stage.stop(measured, || counter.source.stop())
}

struct Counter<'a> {
    stage: &'a Stage<'a>,
    source: Source,
    rows: u64,
    /// The number of rows when the clock was last read after a row, and that time.
    last: (u64, Instant),
}

impl Counter<'_> {
    fn count(&mut self) -> Result<Sample, Failure> {
        self.read_for(self.stage.warm_up())?;
        let meter = Meter::start(self.stage.host)?;
        let before = self.rows;
        // The rate counts from one row to another: the interval of a source may be
        // longer than the rest of the time.
        let (rows, began) = self.last;
        self.read_for(self.stage.time)?;
        let costs = meter.stop(self.stage.host, self.rows - before, Unit::Row)?;
        let (rows, took) = (self.last.0 - rows, self.last.1 - began);
        let mut sample = vec![rate(Unit::Row, rows, took)];
        sample.extend(costs);
        Ok(sample)
    }

    /// Reads for a time, and if no row comes, for [`PATIENCE`] longer.
    fn read_for(&mut self, time: Duration) -> Result<(), Failure> {
        let before = self.rows;
        let began = Instant::now();
        let mut now = began;
        for number in 0_u64.. {
            let limit = match self.rows > before {
                true => time,
                false => time + PATIENCE,
            };
            let left = limit.saturating_sub(now - began);
            if left.is_zero() {
                break;
            }
            let read = self.source.read(Some(left))?;
            let is_row = matches!(read, Received::Row(_));
            match read {
                Received::Row(_) => self.rows += 1,
                Received::Invalid(invalid) => {
                    let finding = self.source.about(Observed::InvalidRow(invalid));
                    self.stage.report(&advice::finding(&finding, None));
                }
                Received::Nothing => {}
                Received::Woken => {
                    self.stage.interrupt.check()?;
                    self.stage.host.check_alive()?;
                }
            }
            if number < TIMED || number % STRIDE == 0 || !is_row {
                now = Instant::now();
                if is_row {
                    self.last = (self.rows, now);
                }
            }
        }
        if self.rows == before {
            return Err(Failure::Finding(format!(
                "{} sent no row within {:?}; give it more time with --time, or properties with \
                 --config",
                self.stage.symbol,
                time + PATIENCE
            )));
        }
        Ok(())
    }
}
