//! The spans of the feature `tracing`, as a subscriber prints them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use ekuiper::serde_json::{Value, json};
use ekuiper::{
    Args, Config, Data, Function, FunctionContext, Sink, SinkContext, Source, SourceContext, log,
    testing,
};

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Installs a subscriber once, which prints to memory.
fn printed() -> &'static Printed {
    static PRINTED: OnceLock<Printed> = OnceLock::new();
    PRINTED.get_or_init(|| {
        let printed = Printed::default();
        let writer = printed.clone();
        tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .without_time()
            .init();
        printed
    })
}

/// Returns the lines of the subscriber that contain `text`.
fn lines(text: &str) -> Vec<String> {
    let bytes = printed().0.lock().unwrap().clone();
    let all = String::from_utf8(bytes).unwrap();
    let lines = all.lines().filter(|line| line.contains(text));
    lines.map(|line| line.trim_start().to_owned()).collect()
}

struct Clock;

impl Source for Clock {
    fn configure(&mut self, _datasource: &str, _config: &Config) -> ekuiper::Result {
        tracing::info!("clock is configured");
        Ok(())
    }

    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        tracing::info!("clock is opened");
        ctx.emit(json!({"tick": 1}))?;
        Ok(())
    }

    fn close(&mut self, _ctx: &SourceContext) -> ekuiper::Result {
        log::info!("clock is closed");
        Ok(())
    }
}

#[test]
fn a_source_runs_in_the_span_of_its_instance() {
    printed();

    testing::source(Clock).rows(1).unwrap();

    let span = r#"INFO instance{kind=source symbol="test" rule="test" op="test" instance=0}"#;
    assert_eq!(
        lines("clock is"),
        [
            format!("{span}: tracing: clock is configured"),
            format!("{span}: tracing: clock is opened"),
            format!("{span}: tracing: clock is closed"),
        ]
    );
}

struct Keep;

impl Sink for Keep {
    fn open(&mut self, _ctx: &SinkContext) -> ekuiper::Result {
        tracing::info!("keep is opened");
        Ok(())
    }

    fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        tracing::info!(bytes = data.as_bytes().len(), "keep collects");
        Ok(())
    }
}

#[test]
fn each_collect_has_a_span_in_that_of_its_instance() {
    printed();

    let mut sink = testing::sink(Keep).open().unwrap();
    sink.feed("[]");

    let instance = r#"INFO instance{kind=sink symbol="test" rule="test" op="test" instance=0}"#;
    let collect = r#"collect{symbol="test" rule="test" op="test" instance=0}"#;
    assert_eq!(
        lines("keep "),
        [
            format!("{instance}: tracing: keep is opened"),
            format!("{instance}:{collect}: tracing: keep collects bytes=2"),
        ]
    );
}

struct Half;

impl Function for Half {
    fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
        let n: f64 = args.parse(0)?;
        tracing::info!(n, "halves");
        Ok((n / 2.0).into())
    }
}

#[test]
fn each_exec_has_a_span_with_the_ids_of_the_call() {
    printed();

    let mut half = testing::function(Half);
    half.call_of("rule7", 3).exec([json!(5)]).unwrap();

    assert_eq!(
        lines("halves"),
        [concat!(
            r#"INFO instance{kind=function symbol="test"}"#,
            r#":exec{symbol="test" rule="rule7" op="test" instance=0 function_id=3}"#,
            r#": tracing: halves n=5.0"#
        )]
    );
}
