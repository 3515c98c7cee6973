//! Tests of the test tools.

use std::thread;

use serde_json::json;

use super::*;
use crate::{Args, Data, EmitError, Expr, Function, FunctionContext, Sink, SinkContext};

#[test]
fn contexts_can_be_cloned_and_sent_to_other_threads() {
    fn is_a_handle<T: Clone + Send + Sync + fmt::Debug>() {}

    is_a_handle::<SourceContext>();
    is_a_handle::<SinkContext>();
    is_a_handle::<FunctionContext>();
}

#[test]
fn the_debug_form_of_a_context_shows_its_ids() {
    let ctx = SourceContext::new(instance_info(), Arc::new(Handover::default()));

    assert_eq!(
        format!("{ctx:?}"),
        r#"SourceContext { rule_id: "test", op_id: "test", instance_id: 0 }"#
    );
}

#[derive(Default)]
struct Count {
    from: u64,
    until: Option<u64>,
    deaf: bool,
}

impl Source for Count {
    fn configure(&mut self, datasource: &str, config: &Config) -> crate::Result {
        #[derive(Deserialize)]
        struct Settings {
            until: Option<u64>,
        }
        self.from = datasource.parse().unwrap_or_default();
        self.until = config.parse::<Settings>()?.until;
        Ok(())
    }

    fn open(&mut self, ctx: &SourceContext) -> crate::Result {
        for n in self.from..self.until.unwrap_or(u64::MAX) {
            ctx.emit_with(json!({"n": n}), json!({"rule": ctx.rule_id()}))?;
        }
        if self.until == Some(0) {
            return Err("nothing to count".into());
        }
        if self.deaf {
            loop {
                thread::park();
            }
        }
        Ok(())
    }
}

#[test]
fn a_source_is_stopped_after_its_rows() {
    let rows = source(Count::default()).datasource("7").rows(2).unwrap();

    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].message, json!({"n": 7}));
    assert_eq!(rows[1].meta, json!({"rule": "test"}));
}

#[test]
fn the_rows_of_a_source_that_ends_early_are_returned() {
    let rows = source(Count::default())
        .config(json!({"until": 3}))
        .rows(9)
        .unwrap();

    assert_eq!(rows.len(), 3);
}

#[test]
fn a_failure_names_the_step() {
    let configure = source(Count::default())
        .config(json!({"until": "x"}))
        .configure();
    let open = source(Count::default()).config(json!({"until": 0})).rows(1);

    assert_eq!(
        configure.unwrap_err().to_string(),
        "configure: config.until: expected u64, found string \"x\""
    );
    assert_eq!(open.unwrap_err().to_string(), "open: nothing to count");
}

#[test]
fn a_source_that_ignores_its_stop_fails_the_test() {
    let deaf = Count {
        deaf: true,
        ..Count::default()
    };

    let rows = source(deaf)
        .config(json!({"until": 1}))
        .limit(Duration::from_millis(20))
        .rows(1);

    assert_eq!(
        rows.unwrap_err().to_string(),
        "open: did not return within 20ms after the stop"
    );
}

struct PanicsInDrop;

impl Source for PanicsInDrop {
    fn open(&mut self, _ctx: &SourceContext) -> crate::Result {
        Ok(())
    }
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("still in use");
    }
}

#[test]
fn a_panic_in_the_drop_of_a_source_is_a_failure() {
    let text = source(PanicsInDrop).rows(1).unwrap_err().to_string();

    assert!(text.starts_with("drop: panicked at "), "{text}");
    assert!(text.ends_with(": still in use"), "{text}");
}

/// An error whose text cannot be written.
#[derive(Debug)]
struct Unwritable;

impl fmt::Display for Unwritable {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no text");
    }
}

impl Error for Unwritable {}

struct FailsUnwritably;

impl Source for FailsUnwritably {
    fn open(&mut self, _ctx: &SourceContext) -> crate::Result {
        Err(Unwritable.into())
    }
}

#[test]
fn a_panic_while_the_error_of_open_is_written_is_a_failure() {
    let text = source(FailsUnwritably).rows(1).unwrap_err().to_string();

    assert!(text.starts_with("open: panicked at "), "{text}");
    assert!(text.ends_with(": no text"), "{text}");
}

/// Emits rows without waiting until one is not accepted, and then ends.
struct Flood;

impl Source for Flood {
    fn open(&mut self, ctx: &SourceContext) -> crate::Result {
        for n in 0.. {
            match ctx.try_emit(json!({"n": n})) {
                Err(EmitError::Full) => break,
                outcome => outcome?,
            }
        }
        Ok(())
    }
}

#[test]
fn try_emit_finds_room_for_rows_that_the_test_takes_later() {
    let rows = source(Flood).rows(1000).unwrap();

    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row.message, json!({"n": n}));
    }
    assert_eq!(rows.len(), 1000);
}

struct Idle;

impl Source for Idle {
    fn open(&mut self, ctx: &SourceContext) -> crate::Result {
        ctx.sleep(Duration::MAX);
        Ok(())
    }
}

#[test]
fn rows_that_do_not_come_within_the_limit_are_a_failure() {
    let test = source(Idle).limit(Duration::from_millis(200));

    assert_eq!(
        test.rows(1).unwrap_err().to_string(),
        "open: emitted 0 of 1 rows in 200ms"
    );
}

/// Ends while another thread waits for the stop.
struct LeavesAThread;

impl Source for LeavesAThread {
    fn open(&mut self, ctx: &SourceContext) -> crate::Result {
        let clone = ctx.clone();
        ctx.emit(json!({"n": 0}))?;
        thread::spawn(move || clone.sleep(Duration::MAX));
        Ok(())
    }
}

#[test]
fn a_source_that_ends_early_ends_the_test_though_a_thread_still_has_its_context() {
    let rows = source(LeavesAThread).rows(9).unwrap();

    assert_eq!(rows.len(), 1);
}

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
}

impl Sink for Lines {
    fn configure(&mut self, _config: &Config) -> crate::Result {
        Ok(())
    }

    fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> crate::Result {
        for row in data.rows::<Value>()? {
            if row["n"] == 13 {
                panic!("unlucky");
            }
            self.lines.push(row.to_string());
        }
        Ok(())
    }

    fn close(&mut self, ctx: &SinkContext) -> crate::Result {
        if self.lines.is_empty() || !ctx.stopped() {
            return Err("nothing to close".into());
        }
        Ok(())
    }
}

#[test]
fn feed_returns_the_acks_of_a_sink() {
    let mut sink = sink(Lines::default()).open().unwrap();

    assert_eq!(sink.feed(r#"[{"n":1},{"n":2}]"#), [Ack::Ok]);
    assert!(matches!(&sink.feed("{")[..], [Ack::Error(text)] if text.starts_with("EOF")));
    assert!(sink.acks().is_empty());

    sink.close().unwrap();
}

#[test]
fn a_sink_that_panics_acks_the_row_with_the_error_and_ends() {
    let mut sink = sink(Lines::default()).open().unwrap();

    let acks = sink.feed(r#"{"n":13}"#);

    let text = panics::expected(
        file!(),
        include_str!("tests.rs"),
        r#"panic!("unlucky")"#,
        "unlucky",
    );
    assert_eq!(acks, [Ack::Error(text.clone())]);
    assert_eq!(
        sink.close().unwrap_err().to_string(),
        format!("collect: {text}")
    );
}

struct Largest;

impl Function for Largest {
    fn validate(&mut self, args: &[Expr]) -> crate::Result {
        match args {
            [Expr::Column { .. }] => Ok(()),
            _ => Err("expected a column".into()),
        }
    }

    fn exec(&mut self, args: Args, ctx: &FunctionContext) -> crate::Result<Value> {
        let column: Vec<u64> = args.parse(0)?;
        Ok(json!([column.into_iter().max(), ctx.function_id()]))
    }

    fn is_aggregate(&self) -> bool {
        true
    }
}

#[test]
fn a_function_can_be_validated_and_called() {
    let mut largest = function(Largest);

    assert!(largest.is_aggregate());
    assert!(largest.validate([Expr::column("n")]).is_ok());
    assert_eq!(
        largest.validate([]).unwrap_err().to_string(),
        "validate: expected a column"
    );
    assert_eq!(largest.exec([json!([1, 3, 2])]).unwrap(), json!([3, 0]));
    assert_eq!(
        largest.call_of("r", 4).exec([Value::Null]).unwrap(),
        json!([null, 4])
    );
    assert_eq!(
        largest.exec([json!("x")]).unwrap_err().to_string(),
        "exec: argument 1: expected a sequence, found string \"x\""
    );
}
