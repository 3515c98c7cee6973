//! Checks the numbers of rows.

use std::ops::Range;

/// Gaps that are remembered, to tell a row that comes late from one that comes twice.
const GAPS: usize = 1000;

/// The rows of one source, as far as they have arrived.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    pub(crate) rows: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) late: u64,
    /// Rows that were missing when another process had begun.
    pub(crate) in_flight: u64,
    /// How many processes have sent rows.
    pub(crate) processes: u64,
    process: u32,
    /// The highest number so far.
    last: u64,
    /// The process before, and its rows that are missing. Its connection may be read
    /// after that of the next process.
    before: (u32, Range<u64>),
    gaps: Vec<Range<u64>>,
}

impl Sequence {
    /// Sees a row: its number and the process that has sent it.
    ///
    /// Numbers begin at 1. A gap in front of the first row of a process is what was in
    /// flight when the one before was killed.
    pub(crate) fn see(&mut self, number: u64, process: u32) {
        self.rows += 1;
        let (before, missing) = &mut self.before;
        if *before == process && missing.start == number && !missing.is_empty() {
            missing.start += 1;
            self.in_flight -= 1;
            return;
        }
        let is_first = self.process != process;
        if is_first {
            self.before = (self.process, 0..0);
            self.process = process;
            self.processes += 1;
        }
        if number == self.last + 1 {
            self.last = number;
            return;
        }
        if number <= self.last {
            match self.gaps.iter().position(|gap| gap.contains(&number)) {
                Some(at) => {
                    let gap = self.gaps.swap_remove(at);
                    let parts = [gap.start..number, number + 1..gap.end];
                    self.gaps
                        .extend(parts.into_iter().filter(|gap| !gap.is_empty()));
                    self.lost -= 1;
                    self.late += 1;
                }
                None => self.doubled += 1,
            }
            return;
        }
        let gap = self.last + 1..number;
        let missing = number - gap.start;
        self.last = number;
        if is_first && self.processes > 1 {
            self.in_flight += missing;
            self.before.1 = gap;
            return;
        }
        self.lost += missing;
        if self.gaps.len() < GAPS {
            self.gaps.push(gap);
        }
    }

    /// Whether all rows arrived once and in order, but for those in flight.
    pub(crate) fn is_complete(&self) -> bool {
        self.lost + self.doubled + self.late == 0
    }

    /// Adds another source's rows to the counts.
    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.late += other.late;
        self.in_flight += other.in_flight;
    }
}

impl std::fmt::Display for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            rows,
            lost,
            doubled,
            late,
            ..
        } = self;
        write!(
            f,
            "{rows} rows: {lost} lost, {doubled} doubled, {late} out of order"
        )
    }
}

/// Reads number and process of a row of the plugin.
pub(crate) fn parse(message: &str) -> Option<(u64, u32)> {
    let rest = message.strip_prefix("{\"n\":")?;
    let (number, rest) = rest.split_once(",\"p\":")?;
    let end = rest.find([',', '}'])?;
    Some((number.parse().ok()?, rest[..end].parse().ok()?))
}
