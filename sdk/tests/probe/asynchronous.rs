//! The async symbols of the probe.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use ekuiper::asynchronous::{self, AsyncSink, AsyncSource, AsyncSourceContext};
use ekuiper::log::info;
use ekuiper::serde_json::json;
use ekuiper::{Data, EmitError, PluginConfig, SinkContext};
use serde::Deserialize;
use tokio::task::JoinSet;

/// Adds the async symbols to the probe.
pub(crate) fn add(plugin: PluginConfig) -> PluginConfig {
    plugin
        .source("async_count", asynchronous::source(Count::new))
        .sink("async_keep", asynchronous::sink(Keep::default))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    /// How many tasks emit.
    tasks: u64,
    /// How many rows each task emits.
    count: u64,
    /// The number of bytes to fill each row with.
    bytes: usize,
    /// How `open` ends after the last row: `wait`, `end`, `fail` or `panic`.
    then: String,
    /// The file that gets a line when `close` is called.
    steps: Option<PathBuf>,
}

/// Emits rows from tasks, `{"n":0,"task":0}`, `{"n":1,"task":0}` …
struct Count {
    settings: Settings,
    tasks: JoinSet<Result<(), EmitError>>,
}

impl Count {
    fn new(settings: Settings) -> Self {
        Count {
            settings,
            tasks: JoinSet::new(),
        }
    }
}

async fn emit(
    ctx: AsyncSourceContext,
    task: u64,
    count: u64,
    bytes: usize,
) -> Result<(), EmitError> {
    let filling = "x".repeat(bytes);
    for n in 0..count {
        ctx.emit(json!({"n": n, "task": task, "filling": filling}))
            .await?;
    }
    Ok(())
}

impl AsyncSource for Count {
    async fn open(&mut self, ctx: &AsyncSourceContext) -> ekuiper::Result {
        let Settings { count, bytes, .. } = self.settings;
        for task in 0..self.settings.tasks {
            self.tasks.spawn(emit(ctx.clone(), task, count, bytes));
        }
        while let Some(outcome) = self.tasks.join_next().await {
            outcome??;
        }
        info!(logger: ctx.logger(), "emitted all rows");
        match self.settings.then.as_str() {
            "end" => Ok(()),
            "fail" => Err("asked open to fail".into()),
            "panic" => panic!("asked to panic in open"),
            _ => loop {
                tokio::time::sleep(Duration::from_secs(60)).await;
            },
        }
    }

    async fn close(&mut self, ctx: &AsyncSourceContext) -> ekuiper::Result {
        if let Some(path) = &self.settings.steps {
            let mut file = File::options().create(true).append(true).open(path)?;
            writeln!(file, "close, stopped: {}", ctx.stopped())?;
        }
        Ok(())
    }
}

/// Acks the rows from a task when the row `ack` comes, all at once. A row `fail`
/// is acked with an error.
#[derive(Default)]
struct Keep {
    rows: Vec<String>,
}

impl AsyncSink for Keep {
    async fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        self.rows.push(data.to_string());
        if data.as_bytes() == b"ack" {
            let (ctx, rows) = (ctx.clone(), std::mem::take(&mut self.rows));
            tokio::spawn(async move {
                for row in rows {
                    match row.as_str() {
                        "fail" => ctx.ack_error("asked to fail"),
                        _ => ctx.ack_ok(),
                    }
                }
                info!(logger: ctx.logger(), "acked");
            });
        }
        Ok(())
    }

    fn acks_by_hand(&self) -> bool {
        true
    }
}
