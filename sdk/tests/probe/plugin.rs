//! The plugin that the tests launch. Its configuration makes it work, fail,
//! panic or hang.
//!
//! `PROBE_NAME` is the name of the plugin and the prefix of its functions'
//! names, because the names of functions are global on a machine. With
//! `PROBE_LOGGER` it installs its own logger, with `PROBE_SUBSCRIBER` a subscriber
//! for the feature `tracing`, and with `PROBE_ASYNC` it has async symbols.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ekuiper::log::{self, Log, Metadata, Record, info};
use ekuiper::serde_json::{Value, json};
use ekuiper::{
    Args, BoxError, Config, Data, EmitError, Expr, Function, FunctionContext, PluginConfig, Secret,
    Sink, SinkContext, Source, SourceContext, Stream, plugin,
};
use serde::Deserialize;

#[cfg(feature = "tokio")]
mod asynchronous;

fn main() -> ExitCode {
    if std::env::var_os("PROBE_LOGGER").is_some() {
        log::set_logger(&Mine).expect("the first logger");
        log::set_max_level(log::LevelFilter::Info);
    }
    #[cfg(feature = "tracing")]
    if std::env::var_os("PROBE_SUBSCRIBER").is_some() {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .init();
    }
    let name = std::env::var("PROBE_NAME").unwrap_or_else(|_| "probe".to_owned());
    let plugin = PluginConfig::new(&name)
        .source("count", Count::default)
        .source("typed", Typed::new)
        .sink("keep", Keep::default)
        .sink("batch", Batch::new)
        .function(format!("{name}_echo"), || Echo)
        .function(format!("{name}_mean"), || Mean)
        .function(format!("{name}_broken"), broken);
    #[cfg(feature = "tokio")]
    if std::env::var_os("PROBE_ASYNC").is_some() {
        return plugin::start(asynchronous::add(plugin));
    }
    plugin::start(plugin)
}

fn broken() -> Echo {
    panic!("broken factory")
}

/// A logger that the plugin installs itself.
struct Mine;

impl Log for Mine {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        eprintln!("mine: {}", record.args());
    }

    fn flush(&self) {}
}

/// The properties that the source and the sink have in common. A step is
/// `configure`, `open` or `close`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Behaviour {
    /// The step that panics.
    panic: String,
    /// The step that fails.
    fail: String,
    /// The step that never returns.
    hang: String,
    /// The step that takes half a second.
    slow: String,
    /// The file that gets a line for each step.
    steps: Option<PathBuf>,
}

impl Behaviour {
    fn step(&self, name: &str, rule_id: &str) -> ekuiper::Result {
        if let Some(path) = &self.steps {
            append(
                path,
                &format!("{name} {rule_id} {:?}\n", thread::current().id()),
            )?;
        }
        if self.panic == name {
            panic!("asked to panic in {name}");
        }
        if self.fail == name {
            return Err(format!("host asked {name} to fail").into());
        }
        if self.slow == name {
            thread::sleep(Duration::from_millis(500));
        }
        if self.hang == name {
            hang();
        }
        Ok(())
    }
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

fn append(path: &PathBuf, text: &str) -> Result<(), BoxError> {
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

/// Emits `count` rows, `{"n":0}`, `{"n":1}` …, then waits for its stop.
#[derive(Default)]
struct Count {
    datasource: String,
    settings: CountSettings,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CountSettings {
    #[serde(flatten)]
    behaviour: Behaviour,
    count: u64,
    /// The milliseconds between two rows.
    interval: u64,
    /// The number of bytes to fill each row with.
    bytes: usize,
    /// Whether `open` returns after the last row.
    end: bool,
    /// Whether to emit without waiting, until the channel is full.
    fill: bool,
    /// Whether `open` waits for its stop in another way than with its context.
    by_callback: bool,
}

impl Source for Count {
    fn configure(&mut self, datasource: &str, config: &Config) -> ekuiper::Result {
        self.datasource = datasource.to_owned();
        self.settings = config.parse()?;
        self.settings.behaviour.step("configure", "")
    }

    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        let settings = &self.settings;
        settings.behaviour.step("open", ctx.rule_id())?;
        let filling = "x".repeat(settings.bytes);
        for n in 0..settings.count {
            let row = json!({"n": n, "datasource": self.datasource, "filling": filling});
            ctx.emit_with(row, json!({"rule": ctx.rule_id()}))?;
            if settings.interval > 0 {
                ctx.sleep(Duration::from_millis(settings.interval));
            }
        }
        if settings.fill {
            let rows = fill(ctx)?;
            info!(logger: ctx.logger(), "full after {rows} rows");
        }
        if settings.by_callback {
            let (stop, stopped) = mpsc::channel();
            let _guard = ctx.on_stop(move || stop.send(()).expect("`open` waits"));
            stopped.recv()?;
            info!(logger: ctx.logger(), "called back");
            return Ok(());
        }
        info!(logger: ctx.logger(), "emitted {} rows", settings.count);
        if !settings.end {
            while ctx.sleep(Duration::from_secs(60)) {}
        }
        Ok(())
    }

    fn close(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        self.settings.behaviour.step("close", ctx.rule_id())
    }
}

/// Emits one row with its typed configuration, then waits for its stop.
struct Typed(TypedSettings);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypedSettings {
    #[serde(with = "ekuiper::duration")]
    call_period: Duration,
    password: Secret,
}

impl Typed {
    fn new(settings: TypedSettings, stream: &Stream) -> Self {
        info!(logger: stream.logger(), "{settings:?}");
        Typed(settings)
    }
}

impl Source for Typed {
    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        ctx.emit(json!({
            "period": self.0.call_period.as_millis(), "password": self.0.password.expose()
        }))?;
        while ctx.sleep(Duration::from_secs(60)) {}
        Ok(())
    }
}

/// Emits rows without waiting until the channel is full. Returns their number.
fn fill(ctx: &SourceContext) -> Result<u64, EmitError> {
    for n in 0.. {
        match ctx.try_emit(json!({"n": n})) {
            Err(EmitError::Full) => return Ok(n),
            outcome => outcome?,
        }
    }
    Ok(u64::MAX)
}

/// Does what each row says, and appends the row to a file.
#[derive(Default)]
struct Keep {
    settings: KeepSettings,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct KeepSettings {
    #[serde(flatten)]
    behaviour: Behaviour,
    path: Option<PathBuf>,
}

impl Sink for Keep {
    fn configure(&mut self, config: &Config) -> ekuiper::Result {
        self.settings = config.parse()?;
        self.settings.behaviour.step("configure", "")
    }

    fn open(&mut self, ctx: &SinkContext) -> ekuiper::Result {
        self.settings.behaviour.step("open", ctx.rule_id())
    }

    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        match data.as_bytes() {
            b"fail" => return Err("host asked the row to fail".into()),
            b"panic" => panic!("asked to panic in collect"),
            b"hand" => ctx.ack_error("by hand"),
            b"hang" => hang(),
            b"size" => info!("kept"),
            _ => {}
        }
        if let Some(path) = &self.settings.path {
            append(path, &format!("{data}\n"))?;
        }
        Ok(())
    }

    fn close(&mut self, ctx: &SinkContext) -> ekuiper::Result {
        self.settings.behaviour.step("close", ctx.rule_id())
    }
}

/// Appends a line with all rows of a batch to a file, as a commit.
struct Batch {
    settings: BatchSettings,
    rows: Vec<String>,
}

#[derive(Deserialize)]
struct BatchSettings {
    path: PathBuf,
    #[serde(with = "ekuiper::duration")]
    linger: Duration,
    /// The number of rows that make a batch complete.
    #[serde(default)]
    rows: Option<usize>,
}

impl Batch {
    fn new(settings: BatchSettings) -> Self {
        let rows = Vec::new();
        Batch { settings, rows }
    }
}

impl Sink for Batch {
    fn linger(&self) -> Option<Duration> {
        Some(self.settings.linger)
    }

    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        if data.as_bytes() == b"fail" {
            return Err("host asked the row to fail".into());
        }
        self.rows.push(data.to_string());
        if Some(self.rows.len()) == self.settings.rows {
            ctx.request_flush();
        }
        Ok(())
    }

    fn flush(&mut self, _ctx: &SinkContext) -> ekuiper::Result {
        let rows = std::mem::take(&mut self.rows);
        match rows.last().map(String::as_str) {
            Some("full") => Err("disk full".into()),
            Some("panic") => panic!("asked to panic in flush"),
            Some("hang") => hang(),
            _ => append(&self.settings.path, &format!("{}\n", rows.join(" "))),
        }
    }

    fn close(&mut self, _ctx: &SinkContext) -> ekuiper::Result {
        append(&self.settings.path, "close\n")
    }
}

/// Answers with its arguments and the ids of the call.
struct Echo;

impl Function for Echo {
    fn validate(&mut self, args: &[Expr]) -> ekuiper::Result {
        if args.is_empty() {
            return Err("host gave no argument".into());
        }
        Ok(())
    }

    fn exec(&mut self, args: Args, ctx: &FunctionContext) -> ekuiper::Result<Value> {
        if args[0] == "panic" {
            panic!("asked to panic in exec");
        }
        if args[0] == "echo" {
            #[cfg(feature = "tracing")]
            tracing::info!("echoes");
            return Ok(args[1].clone());
        }
        let ids = json!([
            ctx.rule_id(),
            ctx.op_id(),
            ctx.instance_id(),
            ctx.function_id()
        ]);
        Ok(json!({"args": args.into_vec(), "ids": ids}))
    }
}

/// Computes the mean of a column; null for an empty column.
struct Mean;

impl Function for Mean {
    fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
        let column: Vec<f64> = args.parse(0)?;
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        Ok(if column.is_empty() {
            Value::Null
        } else {
            mean.into()
        })
    }

    fn is_aggregate(&self) -> bool {
        true
    }
}
