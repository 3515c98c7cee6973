//! Async symbols through the test tools.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::*;
use crate::testing::{self, Ack};
use crate::{Config, Data, Result, SinkContext, Source, SourceContext, Stream};

const SOON: Duration = Duration::from_secs(30);

fn runtime(name: &str) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name(name).enable_all();
    builder.build().unwrap()
}

/// Returns the name of the worker that runs a spawned task.
async fn worker_name() -> String {
    let name = tokio::spawn(async { thread::current().name().map(str::to_owned) });
    name.await.unwrap().unwrap()
}

#[derive(Deserialize)]
struct Settings {
    count: u64,
}

/// Emits its settings from a task that its constructor spawned.
struct Spawned {
    numbers: tokio::sync::mpsc::Receiver<u64>,
    datasource: String,
}

impl Spawned {
    fn new(settings: Settings, stream: &Stream) -> Result<Self> {
        if settings.count == 0 {
            return Err("count is 0".into());
        }
        let (send, numbers) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            for n in 0..settings.count {
                if send.send(n).await.is_err() {
                    return;
                }
            }
        });
        Ok(Spawned {
            numbers,
            datasource: stream.datasource().to_owned(),
        })
    }
}

impl AsyncSource for Spawned {
    async fn open(&mut self, ctx: &AsyncSourceContext) -> Result {
        while let Some(n) = self.numbers.recv().await {
            let row = json!({"n": n, "from": self.datasource, "on": worker_name().await});
            ctx.emit_with(row, json!({"rule": ctx.rule_id()})).await?;
        }
        Ok(())
    }
}

#[test]
fn a_constructor_of_an_async_source_gets_its_configuration_and_may_spawn() {
    let rows = testing::source(source(Spawned::new))
        .config(json!({"count": 3}))
        .datasource("paris")
        .rows(9)
        .unwrap();

    assert_eq!(rows.len(), 3);
    assert_eq!(
        rows[2].message,
        json!({"n": 2, "from": "paris", "on": "ekuiper-async"})
    );
    assert_eq!(rows[2].meta, json!({"rule": "test"}));
}

#[test]
fn a_constructor_of_an_async_source_that_fails_refuses_the_start() {
    let refusal = |config| {
        let test = testing::source(source(Spawned::new)).config(config);
        test.configure().unwrap_err().to_string()
    };

    assert_eq!(refusal(json!({"count": 0})), "configure: count is 0");
    assert_eq!(
        refusal(json!({})),
        "configure: config.count: required, but missing"
    );
}

#[test]
fn an_async_source_runs_on_the_runtime_that_its_author_chooses() {
    let own = runtime("own");

    let rows = testing::source(source_on(own.handle().clone(), Spawned::new))
        .config(json!({"count": 1}))
        .rows(1)
        .unwrap();

    assert_eq!(rows[0].message["on"], "own");
}

/// Writes its steps down. `open` waits forever after a row.
#[derive(Default)]
struct Steps(Arc<Mutex<Vec<&'static str>>>);

impl Steps {
    fn add(&self, step: &'static str) {
        self.0.lock().unwrap().push(step);
    }
}

/// Writes down that it is dropped, inside a runtime.
struct Dropped<'a>(&'a Steps);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        Handle::current();
        self.0.add("dropped");
    }
}

impl AsyncSource for Steps {
    fn configure(&mut self, _datasource: &str, _config: &Config) -> Result {
        Handle::current();
        self.add("configure");
        Ok(())
    }

    async fn open(&mut self, ctx: &AsyncSourceContext) -> Result {
        let _dropped = Dropped(self);
        self.add("open");
        ctx.emit(json!({})).await?;
        loop {
            sleep(SOON).await;
        }
    }

    async fn close(&mut self, ctx: &AsyncSourceContext) -> Result {
        assert!(ctx.stopped());
        yield_now().await;
        self.add("close");
        Ok(())
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        Handle::current();
        self.add("end");
    }
}

#[test]
fn a_stop_drops_the_future_of_open_and_then_calls_close() {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let make = {
        let steps = Arc::clone(&steps);
        move || Steps(Arc::clone(&steps))
    };

    let rows = testing::source(source(make)).rows(1).unwrap();

    assert_eq!(rows.len(), 1);
    assert_eq!(
        *steps.lock().unwrap(),
        ["configure", "open", "dropped", "close", "end"]
    );
}

struct Broken(&'static str);

impl AsyncSource for Broken {
    async fn open(&mut self, _ctx: &AsyncSourceContext) -> Result {
        yield_now().await;
        match self.0 {
            "panic" => panic!("no broker"),
            text => Err(text.into()),
        }
    }
}

#[test]
fn an_error_and_a_panic_of_an_async_open_are_reported_at_once() {
    let failure = |text| {
        let test = testing::source(source(move || Broken(text)));
        test.limit(SOON).rows(1).unwrap_err().to_string()
    };
    let start = Instant::now();

    assert_eq!(failure("no broker"), "open: no broker");
    assert!(failure("panic").starts_with("open: panic"));
    assert!(start.elapsed() < SOON);
}

/// What plugins did before the SDK knew async: a runtime inside `open`, which is
/// dropped when the stream fails, while a task waits for the stop.
struct OwnRuntime;

impl Source for OwnRuntime {
    fn open(&mut self, ctx: &SourceContext) -> Result {
        let runtime = runtime("inside");
        let until_stopped = ctx.until_stopped();
        let (cancel, cancelled) = mpsc::channel();
        let _guard = ctx.on_stop(move || cancel.send(()).expect("the source exists"));
        runtime.spawn(until_stopped);
        runtime.block_on(ctx_emits(ctx));
        drop(runtime);
        assert!(cancelled.try_recv().is_err());
        Err("the stream failed".into())
    }
}

async fn ctx_emits(ctx: &SourceContext) {
    ctx.try_emit(json!({"n": 0})).unwrap();
    yield_now().await;
}

#[test]
fn a_runtime_can_be_dropped_inside_open_while_a_task_awaits_the_stop() {
    let failure = testing::source(OwnRuntime).limit(SOON).rows(9);

    assert_eq!(failure.unwrap_err().to_string(), "open: the stream failed");
}

/// Acks each row from a task of its own, a moment later, in the order of the
/// rows. The row says whether it fails.
#[derive(Default)]
struct AcksFromTasks {
    last: Option<tokio::task::JoinHandle<()>>,
}

impl AsyncSink for AcksFromTasks {
    async fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> Result {
        let ctx = ctx.clone();
        let text = data.to_string();
        let before = self.last.take();
        self.last = Some(tokio::spawn(async move {
            sleep(Duration::from_millis(1)).await;
            if let Some(before) = before {
                before.await.unwrap();
            }
            match text.as_str() {
                "ok" => ctx.ack_ok(),
                _ => ctx.ack_error(text),
            }
        }));
        Ok(())
    }

    fn acks_by_hand(&self) -> bool {
        true
    }

    async fn close(&mut self, ctx: &SinkContext) -> Result {
        assert!(ctx.stopped());
        if let Some(last) = self.last.take() {
            last.await?;
        }
        Ok(())
    }
}

#[test]
fn acks_from_tasks_are_sent_in_the_order_of_the_rows() {
    let mut sink = testing::sink(sink(AcksFromTasks::default)).open().unwrap();
    let mut acks = Vec::new();

    for row in ["ok", "no disk", "ok", "ok"] {
        acks.extend(sink.feed(row));
    }

    let end = Instant::now() + SOON;
    while acks.len() < 4 {
        assert!(Instant::now() < end, "{acks:?}");
        thread::sleep(Duration::from_millis(1));
        acks.extend(sink.acks());
    }
    let failed = Ack::Error("no disk".to_owned());
    assert_eq!(acks, [Ack::Ok, failed, Ack::Ok, Ack::Ok]);
    sink.close().unwrap();
}

/// Acks with the result of `collect`.
struct Checks(String);

impl AsyncSink for Checks {
    async fn open(&mut self, _ctx: &SinkContext) -> Result {
        match self.0.as_str() {
            "" => Err("no disk".into()),
            _ => Ok(()),
        }
    }

    async fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> Result {
        yield_now().await;
        match data.to_string() == self.0 {
            true => Ok(()),
            false => Err(format!("on {}", worker_name().await).into()),
        }
    }
}

#[test]
fn an_async_sink_acks_with_the_result_of_collect_on_its_runtime() {
    #[derive(Deserialize)]
    struct Settings {
        text: String,
    }
    let own = runtime("own-sink");
    let make = |settings: Settings| Checks(settings.text);
    let handle = own.handle().clone();

    let mut works = testing::sink(sink_on(handle.clone(), make))
        .config(json!({"text": "{}"}))
        .open()
        .unwrap();
    let fails = testing::sink(sink_on(handle, make)).config(json!({"text": ""}));

    assert_eq!(works.feed("{}"), [Ack::Ok]);
    assert_eq!(works.feed("[]"), [Ack::Error("on own-sink".to_owned())]);
    works.close().unwrap();
    assert_eq!(fails.open().unwrap_err().to_string(), "open: no disk");
}

#[test]
fn an_async_sink_can_be_tested_within_an_async_test() {
    // As `#[tokio::test]` starts it.
    let of_the_test = Builder::new_current_thread().enable_all().build().unwrap();

    let acks = of_the_test.block_on(async {
        let checks = || Checks("{}".to_owned());
        let mut checks = testing::sink(sink(checks)).open().unwrap();
        let acks = checks.feed("[]");
        checks.close().unwrap();
        acks
    });

    assert_eq!(acks, [Ack::Error("on ekuiper-async".to_owned())]);
}

/// Is stopped in `open`, before that is ready. It would fail in `close`.
struct StoppedInOpen;

impl AsyncSink for StoppedInOpen {
    async fn open(&mut self, ctx: &SinkContext) -> Result {
        ctx.stop();
        std::future::pending().await
    }

    async fn collect(&mut self, _ctx: &SinkContext, _data: Data<'_>) -> Result {
        Ok(())
    }

    fn acks_by_hand(&self) -> bool {
        true
    }

    async fn close(&mut self, _ctx: &SinkContext) -> Result {
        Err("not open".into())
    }
}

#[test]
fn a_stop_before_an_async_sink_is_open_fails_only_its_rows() {
    let mut sink = testing::sink(sink(|| StoppedInOpen)).open().unwrap();

    let acks = sink.feed("{}");

    let text = "the sink was stopped before `open` was ready";
    assert_eq!(acks, [Ack::Error(text.to_owned())]);
    sink.close().unwrap();
}

/// Commits two rows at a time, and fails to commit a row `no disk`.
#[derive(Default)]
struct Pairs {
    rows: Vec<String>,
}

impl AsyncSink for Pairs {
    fn linger(&self) -> Option<Duration> {
        Some(SOON)
    }

    async fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> Result {
        self.rows.push(data.to_string());
        if self.rows.len() == 2 {
            ctx.request_flush();
        }
        Ok(())
    }

    async fn flush(&mut self, _ctx: &SinkContext) -> Result {
        let rows = std::mem::take(&mut self.rows);
        yield_now().await;
        match rows.iter().any(|row| row == "no disk") {
            true => Err("no disk".into()),
            false => Ok(()),
        }
    }
}

#[test]
fn an_async_sink_acks_its_batches_after_the_commit() {
    let mut sink = testing::sink(sink(Pairs::default)).open().unwrap();
    let failed = Ack::Error("no disk".to_owned());

    assert_eq!(sink.feed("1"), []);
    assert_eq!(sink.feed("2"), [Ack::Ok, Ack::Ok]);
    assert_eq!(sink.feed("no disk"), []);
    assert_eq!(sink.feed("4"), [failed.clone(), failed]);
    sink.close().unwrap();
}

#[test]
fn constructors_of_every_form_make_an_async_source_and_an_async_sink() {
    use crate::{Action, IntoSink as _, IntoSource as _};

    let _ = [
        source(|| Broken("")).into_source(),
        source(|_: Settings| Broken("")).into_source(),
        source(|_: Settings, _: &Stream| Broken("")).into_source(),
        source(|_: Settings| -> Result<Broken, String> { Err(String::new()) }).into_source(),
    ];
    let _ = [
        sink(AcksFromTasks::default).into_sink(),
        sink(|_: Settings| AcksFromTasks::default()).into_sink(),
        sink(|_: Settings, _: &Action| -> Result<AcksFromTasks, String> { Err(String::new()) })
            .into_sink(),
    ];
}
