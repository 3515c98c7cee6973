//! The loads that are measured, in their order.

use std::time::Duration;

use crate::load::Load;

/// A load and its names.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The name in the JSON and for `--load`.
    pub(crate) name: &'static str,
    /// The name in the tables.
    pub(crate) title: &'static str,
    pub(crate) load: Load,
}

const fn source(bytes: usize, instances: usize) -> Load {
    Load::Source {
        bytes,
        instances,
        pause: None,
    }
}

const fn sink(bytes: usize, instances: usize, acks: bool) -> Load {
    Load::Sink {
        bytes,
        instances,
        acks,
    }
}

const fn entry(name: &'static str, title: &'static str, load: Load) -> Entry {
    Entry { name, title, load }
}

pub(crate) const SOURCE: &str = "source-60";
pub(crate) const SLOW_READER: &str = "source-slow-reader";
pub(crate) const SOURCE_100: &str = "source-100-instances";
pub(crate) const CALM: &str = "source-100-instances-calm";
pub(crate) const SINGLE_ROWS: &str = "source-single-rows";
pub(crate) const SINK: &str = "sink-60";
pub(crate) const SINK_100: &str = "sink-100-instances";
pub(crate) const EACH_100: &str = "sink-100-instances-each";
pub(crate) const EACH_1000: &str = "sink-1000-instances-each";
pub(crate) const SINK_ACKS: &str = "sink-60-acks-read";
pub(crate) const CALLS: &str = "calls";
pub(crate) const MANGOS: &str = "source-60-into-mangos";
pub(crate) const FEW_ROWS: &str = "mock-20-thousand-rows";
pub(crate) const MANY_ROWS: &str = "mock-10-million-rows";

/// All loads under the neutral host.
pub(crate) const ENTRIES: &[Entry] = &[
    entry(SOURCE, "source, 60 B", source(60, 1)),
    entry("source-1k", "source, 1 KiB", source(1024, 1)),
    entry("source-64k", "source, 64 KiB", source(65_536, 1)),
    entry("source-10-instances", "10 sources, 60 B", source(60, 10)),
    entry(SOURCE_100, "100 sources, 60 B", source(60, 100)),
    entry(
        SLOW_READER,
        "source, read each ms",
        Load::Source {
            bytes: 60,
            instances: 1,
            pause: Some(Duration::from_millis(1)),
        },
    ),
    entry(SINK, "sink, 60 B", sink(60, 1, false)),
    entry("sink-1k", "sink, 1 KiB", sink(1024, 1, false)),
    entry("sink-64k", "sink, 64 KiB", sink(65_536, 1, false)),
    entry("sink-10-instances", "10 sinks, 60 B", sink(60, 10, false)),
    entry(SINK_100, "100 sinks, 60 B", sink(60, 100, false)),
    entry(SINK_ACKS, "sink, 60 B, acks read", sink(60, 1, true)),
    entry(CALLS, "calls of a function", Load::Calls),
    entry(SINGLE_ROWS, "a row each ms", Load::SingleRows),
    entry(
        EACH_100,
        "100 sinks, a row each",
        Load::Each { instances: 100 },
    ),
    entry(
        EACH_1000,
        "1,000 sinks, a row each",
        Load::Each { instances: 1000 },
    ),
    entry(CALM, "100 calm sources", Load::Calm { instances: 100 }),
];
