//! The plugin of ci/endure, on the SDK. What it sends is numbered, and its sink checks
//! the numbers of what it takes.
//!
//! With the environment variable `ENDURE_FAULT` it does something wrong, to show that
//! ci/endure finds it; see [`Fault`].

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ekuiper::{
    Config, Data, PluginConfig, Sink, SinkContext, Source, SourceContext, Value, plugin,
    serde_json::json,
};
use serde::{Deserialize, Serialize};

/// The number of the row that goes wrong.
const WRONG: u64 = 1000;

/// What the plugin does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// A source leaves out a row.
    Lose,
    /// A source sends a row twice.
    Double,
    /// A source sends two rows in the wrong order.
    Swap,
    /// A sink does not take a row.
    Drop,
    /// A sink sends no ack for a row: it takes as long as the run.
    Stall,
    /// Every call keeps 4 KiB.
    Leak,
    /// Every call takes longer than the one before.
    Slow,
    /// The idle source does not wake up.
    Sleep,
}

fn fault() -> Option<Fault> {
    Some(match std::env::var("ENDURE_FAULT").ok()?.as_str() {
        "lose" => Fault::Lose,
        "double" => Fault::Double,
        "swap" => Fault::Swap,
        "drop" => Fault::Drop,
        "stall" => Fault::Stall,
        "leak" => Fault::Leak,
        "slow" => Fault::Slow,
        "sleep" => Fault::Sleep,
        other => panic!("unknown fault `{other}`"),
    })
}

/// Emits numbered rows at full speed or at an interval.
struct Rows {
    settings: Settings,
    fault: Option<Fault>,
}

#[derive(Default, Deserialize)]
struct Settings {
    /// The bytes of text in a row.
    #[serde(default)]
    pad: usize,
    /// Microseconds between two rows; 0 is full speed.
    #[serde(default)]
    interval: u64,
    /// The file with the number of the last row, which outlives the process.
    #[serde(default)]
    state: Option<PathBuf>,
}

#[derive(Serialize)]
struct Row<'a> {
    n: u64,
    /// The process.
    p: u32,
    pad: &'a str,
}

impl Source for Rows {
    fn configure(&mut self, _datasource: &str, config: &Config) -> ekuiper::Result {
        self.settings = config.parse()?;
        Ok(())
    }

    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        let interval = Duration::from_micros(self.settings.interval);
        let pad = "x".repeat(self.settings.pad);
        let p = std::process::id();
        let emit = |n| ctx.emit(Row { n, p, pad: &pad });
        let mut counter = Counter::open(self.settings.state.as_ref())?;
        while interval.is_zero() || ctx.sleep(interval) {
            match (counter.next()?, self.fault) {
                (WRONG, Some(Fault::Lose)) => {}
                (n @ WRONG, Some(Fault::Double)) => [n, n].into_iter().try_for_each(emit)?,
                (n @ WRONG, Some(Fault::Swap)) => {
                    [counter.next()?, n].into_iter().try_for_each(emit)?;
                }
                (n, _) => emit(n)?,
            }
        }
        Ok(())
    }
}

/// Counts up from 1, or from the number in a file.
struct Counter {
    last: u64,
    file: Option<File>,
}

impl Counter {
    fn open(path: Option<&PathBuf>) -> ekuiper::Result<Self> {
        let open = |path| {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(false);
            options.open(path)
        };
        let file = path.map(open).transpose()?;
        let mut last = [0; 8];
        if let Some(file) = &file
            && file.metadata()?.len() > 0
        {
            file.read_exact_at(&mut last, 0)?;
        }
        let last = u64::from_le_bytes(last);
        Ok(Self { last, file })
    }

    /// Writes the number before it is used, so that none is used twice.
    fn next(&mut self) -> ekuiper::Result<u64> {
        self.last += 1;
        if let Some(file) = &self.file {
            file.write_all_at(&self.last.to_le_bytes(), 0)?;
        }
        Ok(self.last)
    }
}

static AWAKE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Emits one row, when the function `rouse` is called.
struct Idle;

impl Source for Idle {
    fn configure(&mut self, _datasource: &str, _config: &Config) -> ekuiper::Result {
        Ok(())
    }

    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        let _guard = ctx.on_stop(rouse);
        let (awake, changed) = &AWAKE;
        let awake = awake.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_while(awake, |awake| !*awake);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        if fault() == Some(Fault::Sleep) {
            return Ok(());
        }
        Ok(ctx.emit(json!({"n": 1, "p": std::process::id()}))?)
    }
}

fn rouse() {
    let (awake, changed) = &AWAKE;
    *awake.lock().unwrap_or_else(PoisonError::into_inner) = true;
    changed.notify_all();
}

/// Fails a row whose number does not follow that of the row before.
struct Take {
    last: Option<u64>,
    fault: Option<Fault>,
}

#[derive(Deserialize)]
struct Taken {
    n: u64,
}

impl Sink for Take {
    fn configure(&mut self, _config: &Config) -> ekuiper::Result {
        Ok(())
    }

    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        for Taken { n } in data.rows()? {
            match self.fault {
                Some(Fault::Drop) if n == WRONG => continue,
                Some(Fault::Stall) if n == WRONG => while ctx.sleep(Duration::from_secs(1)) {},
                _ => {}
            }
            let last = self.last.replace(n);
            if last.is_some_and(|last| last + 1 != n) {
                return Err(format!("row {n} after row {}", last.unwrap_or(0)).into());
            }
        }
        Ok(())
    }
}

static CALLS: AtomicU64 = AtomicU64::new(0);

fn echo(value: Value) -> Value {
    match fault() {
        Some(Fault::Leak) => drop(Box::leak(vec![1; 4096].into_boxed_slice())),
        Some(Fault::Slow) => {
            let calls = CALLS.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_micros(calls / 10));
        }
        _ => {}
    }
    value
}

fn main() -> ExitCode {
    let fault = fault();
    plugin::start(
        PluginConfig::new("endure")
            .source("rows", move || Rows {
                settings: Settings::default(),
                fault,
            })
            .source("idle_source", || Idle)
            .sink("take", move || Take { last: None, fault })
            .sink("idle_sink", || Take {
                last: None,
                fault: None,
            })
            .function("echo", echo)
            .function("idle_function", |value: Value| value)
            .function("rouse", || {
                rouse();
                true
            }),
    )
}
