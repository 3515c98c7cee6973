//! The plugin of the benchmark on the SDK, written as users of the SDK write one.

use std::borrow::Cow;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ekuiper::{
    Args, Bytes, Config, Data, Function, FunctionContext, PluginConfig, Sink, SinkContext, Source,
    SourceContext, Value, plugin, serde_json::json,
};
use serde::{Deserialize, Serialize};

/// How many rows the sinks took.
static ROWS: AtomicU64 = AtomicU64::new(0);
/// How many of them were not in order.
static WRONG: AtomicU64 = AtomicU64::new(0);

/// Emits numbered rows.
#[derive(Default)]
struct Rows {
    pad: String,
    interval: Duration,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    pad: usize,
    /// Microseconds between two rows; 0 is full speed.
    #[serde(default)]
    interval: u64,
}

#[derive(Serialize)]
struct Row<'a> {
    n: u64,
    /// Nanoseconds since the Unix epoch, if there is an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<u64>,
    pad: &'a str,
}

impl Source for Rows {
    fn configure(&mut self, _datasource: &str, config: &Config) -> ekuiper::Result {
        let Settings { pad, interval } = config.parse()?;
        self.pad = "x".repeat(pad);
        self.interval = Duration::from_micros(interval);
        Ok(())
    }

    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        let pad = self.pad.as_str();
        for n in 1.. {
            let t = match self.interval.is_zero() {
                true => None,
                false if !ctx.sleep(self.interval) => break,
                false => Some(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64),
            };
            ctx.emit(Row { n, t, pad })?;
        }
        Ok(())
    }
}

/// Counts rows, and checks that their numbers count up from 1.
#[derive(Default)]
struct Take {
    last: u64,
}

#[derive(Deserialize)]
struct Taken<'a> {
    n: u64,
    #[serde(borrow, rename = "pad")]
    _pad: Cow<'a, str>,
}

impl Sink for Take {
    fn configure(&mut self, _config: &Config) -> ekuiper::Result {
        Ok(())
    }

    fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        for row in data.rows::<Taken<'_>>()? {
            if row.n != self.last + 1 {
                WRONG.fetch_add(1, Ordering::Relaxed);
            }
            self.last = row.n;
            ROWS.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

struct Echo;

impl Function for Echo {
    fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
        Ok(args.into_iter().next().unwrap_or_default())
    }
}

/// Returns the first bytes of an image.
fn head(image: Bytes) -> Bytes {
    Bytes::from(&image[..image.len().min(6)])
}

/// Returns an image of `length` bytes that begins with `start`.
fn fill(start: Bytes, length: usize) -> Bytes {
    let mut image = start.into_vec();
    image.resize(length, 0xa5);
    Bytes::from(image)
}

struct Totals;

impl Function for Totals {
    fn exec(&mut self, _args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
        Ok(json!([
            ROWS.load(Ordering::Relaxed),
            WRONG.load(Ordering::Relaxed)
        ]))
    }
}

fn main() -> ExitCode {
    plugin::start(
        PluginConfig::new("bench_sdk")
            .source("bench_rows", Rows::default)
            .sink("bench_take", Take::default)
            .function("bench_echo", || Echo)
            .function("bench_head", head)
            .function("bench_fill", fill)
            .function("bench_taken", || Totals),
    )
}
