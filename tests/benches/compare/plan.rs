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

const fn calls(function: &'static str, argument: usize, result: usize) -> Load {
    Load::Calls {
        function,
        argument,
        result,
    }
}

const fn entry(name: &'static str, title: &'static str, load: Load) -> Entry {
    Entry { name, title, load }
}

pub(crate) const SOURCE: &str = "source-60";
pub(crate) const SOURCE_64K: &str = "source-64k";
pub(crate) const SOURCE_1M: &str = "source-1m";
pub(crate) const SLOW_READER: &str = "source-slow-reader";
pub(crate) const SOURCE_100: &str = "source-100-instances";
pub(crate) const CALM: &str = "source-100-instances-calm";
pub(crate) const SINGLE_ROWS: &str = "source-single-rows";
pub(crate) const SINK: &str = "sink-60";
pub(crate) const SINK_64K: &str = "sink-64k";
pub(crate) const SINK_1M: &str = "sink-1m";
pub(crate) const SINK_100: &str = "sink-100-instances";
pub(crate) const EACH_100: &str = "sink-100-instances-each";
pub(crate) const EACH_1000: &str = "sink-1000-instances-each";
pub(crate) const SINK_ACKS: &str = "sink-60-acks-read";
pub(crate) const CALLS: &str = "calls";
pub(crate) const ARGUMENT_64K: &str = "calls-argument-64k";
pub(crate) const ARGUMENT_1M: &str = "calls-argument-1m";
pub(crate) const RESULT_64K: &str = "calls-result-64k";
pub(crate) const RESULT_1M: &str = "calls-result-1m";
pub(crate) const MANGOS: &str = "source-60-into-mangos";
pub(crate) const FEW_ROWS: &str = "mock-20-thousand-rows";
pub(crate) const MANY_ROWS: &str = "mock-10-million-rows";

/// The lengths of long rows, arguments and results, in bytes.
pub(crate) const K64: usize = 64 * 1024;
pub(crate) const M1: usize = 1024 * 1024;

/// All loads under the neutral host.
pub(crate) const ENTRIES: &[Entry] = &[
    entry(SOURCE, "source, 60 B", source(60, 1)),
    entry("source-1k", "source, 1 KiB", source(1024, 1)),
    entry(SOURCE_64K, "source, 64 KiB", source(K64, 1)),
    entry(SOURCE_1M, "source, 1 MiB", source(M1, 1)),
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
    entry(SINK_64K, "sink, 64 KiB", sink(K64, 1, false)),
    entry(SINK_1M, "sink, 1 MiB", sink(M1, 1, false)),
    entry("sink-10-instances", "10 sinks, 60 B", sink(60, 10, false)),
    entry(SINK_100, "100 sinks, 60 B", sink(60, 100, false)),
    entry(SINK_ACKS, "sink, 60 B, acks read", sink(60, 1, true)),
    entry(CALLS, "calls of a function", calls("bench_echo", 8, 8)),
    entry(
        ARGUMENT_64K,
        "calls, argument 64 KiB",
        calls("bench_head", K64, 8),
    ),
    entry(
        ARGUMENT_1M,
        "calls, argument 1 MiB",
        calls("bench_head", M1, 8),
    ),
    entry(
        RESULT_64K,
        "calls, result 64 KiB",
        calls("bench_fill", 8, K64),
    ),
    entry(RESULT_1M, "calls, result 1 MiB", calls("bench_fill", 8, M1)),
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
