//! The bars: what the project requires of itself, as ratios of medians of one run.

use std::fmt;

use serde_json::{Value, json};

use crate::mock;
use crate::peer::SDK;
use crate::plan::{
    CALLS, EACH_100, EACH_1000, SINGLE_ROWS, SINK, SINK_100, SINK_ACKS, SLOW_READER, SOURCE,
    SOURCE_100,
};
use crate::results::{Metric, Results};

/// A bar: a bound for the ratio of one peer's figure to another peer's.
struct Bar {
    what: &'static str,
    load: &'static str,
    metric: Metric,
    of: &'static str,
    to: &'static str,
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

const fn bar(
    what: &'static str,
    load: &'static str,
    metric: Metric,
    to: &'static str,
    wanted: Wanted,
) -> Bar {
    Bar {
        what,
        load,
        metric,
        of: SDK,
        to,
        wanted,
    }
}

const fn under_mock(what: &'static str, load: &'static str, wanted: Wanted) -> Bar {
    Bar {
        of: mock::NAME,
        ..bar(what, load, Rate, SDK, wanted)
    }
}

use Metric::{Median, P99, Rate};
use Wanted::{AtLeast, AtMost};

const BARS: &[Bar] = &[
    bar("source rows to Go's", SOURCE, Rate, "Go", AtLeast(3.0)),
    bar(
        "source rows to Python's",
        SOURCE,
        Rate,
        "Python",
        AtLeast(20.0),
    ),
    bar(
        "source rows to plain's",
        SOURCE,
        Rate,
        "plain",
        AtLeast(0.7),
    ),
    bar(
        "rows that pile up, to plain's",
        SLOW_READER,
        Rate,
        "plain",
        AtLeast(1.0),
    ),
    bar(
        "latency of a single row, to plain's",
        SINGLE_ROWS,
        Median,
        "plain",
        AtMost(1.2),
    ),
    bar(
        "rows of 100 sinks in turn, to plain's",
        SINK_100,
        Rate,
        "plain",
        AtLeast(1.0),
    ),
    bar("sink rows to Go's", SINK, Rate, "Go", AtLeast(3.0)),
    bar("sink rows to Python's", SINK, Rate, "Python", AtLeast(20.0)),
    bar(
        "sink rows, acks read, to Go's",
        SINK_ACKS,
        Rate,
        "Go",
        AtLeast(3.0),
    ),
    bar(
        "sink rows, acks read, to Python's",
        SINK_ACKS,
        Rate,
        "Python",
        AtLeast(20.0),
    ),
    bar("calls to plain's", CALLS, Rate, "plain", AtLeast(0.95)),
    bar(
        "99th percentile of calls, to plain's",
        CALLS,
        P99,
        "plain",
        AtMost(1.2),
    ),
    under_mock(
        "source rows under mock-kuiper, to the neutral host's",
        SOURCE,
        AtLeast(0.7),
    ),
    under_mock(
        "calls under mock-kuiper, to the neutral host's",
        CALLS,
        AtLeast(0.95),
    ),
];

/// How many milliseconds after the greeting of a plugin its first row may appear
/// on the screen.
const FIRST_ROW: f64 = 10.0;

/// A bar, and what was measured for it.
#[derive(Debug)]
pub(crate) struct Judged {
    what: &'static str,
    /// `None`: not measured.
    found: Option<f64>,
    wanted: Wanted,
    unit: &'static str,
}

/// Compares the results with all bars.
pub(crate) fn judge(results: &Results) -> Vec<Judged> {
    let mut judged: Vec<_> = BARS
        .iter()
        .map(|bar| {
            let median = |peer| results.median(bar.load, peer, bar.metric);
            Judged {
                what: bar.what,
                found: median(bar.of).zip(median(bar.to)).map(|(of, to)| of / to),
                wanted: bar.wanted,
                unit: "×",
            }
        })
        .collect();
    let first = results.median(SOURCE, mock::NAME, Metric::FirstRow);
    let greeting = results.median(SOURCE, SDK, Metric::Greeting);
    judged.push(Judged {
        what: "first row under mock-kuiper, after the greeting",
        found: first
            .zip(greeting)
            .map(|(first, greeting)| first - greeting),
        wanted: AtMost(FIRST_ROW),
        unit: "ms",
    });
    judged.extend(of_many_instances(results));
    judged
}

/// Judges what many instances of the SDK's plugin cost.
fn of_many_instances(results: &Results) -> [Judged; 4] {
    let median = |load, metric| results.median(load, SDK, metric);
    let to_100 = |metric| {
        let of_1000 = median(EACH_1000, metric);
        let of_100 = median(EACH_100, metric);
        of_1000.zip(of_100).map(|(of, to)| of / to)
    };
    let judged = |what, found, wanted, unit| Judged {
        what,
        found,
        wanted: AtMost(wanted),
        unit,
    };
    [
        judged(
            "stop of one of 100 sources under load",
            median(SOURCE_100, Metric::Stop),
            5.0,
            "ms",
        ),
        judged(
            "memory of 100 sources that pile up",
            median(SOURCE_100, Metric::Memory),
            16.0,
            "MiB",
        ),
        judged(
            "time of one of 1,000 instances, to one of 100",
            to_100(Metric::TimeEach),
            1.2,
            "×",
        ),
        judged(
            "memory of one of 1,000 instances, to one of 100",
            to_100(Metric::MemoryEach),
            1.2,
            "×",
        ),
    ]
}

impl Judged {
    fn is_met(&self) -> Option<bool> {
        self.found.map(|found| match self.wanted {
            AtLeast(wanted) => found >= wanted,
            AtMost(wanted) => found <= wanted,
        })
    }

    fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not measured",
        }
    }

    pub(crate) fn json(&self) -> Value {
        let (bound, wanted) = match self.wanted {
            AtLeast(wanted) => ("at_least", wanted),
            AtMost(wanted) => ("at_most", wanted),
        };
        json!({
            "bar": self.what,
            "found": self.found,
            bound: wanted,
            "unit": self.unit,
            "verdict": self.verdict(),
        })
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, wanted) = match self.wanted {
            AtLeast(wanted) => ('≥', wanted),
            AtMost(wanted) => ('≤', wanted),
        };
        let unit = self.unit;
        let found = self
            .found
            .map_or("—".to_owned(), |found| format!("{found:.2}"));
        write!(
            f,
            "{:<12}  {:<52}  {found:>7} {unit:<3}  {sign} {wanted} {unit}",
            self.verdict(),
            self.what,
        )
    }
}
