//! Rows, acks and calls through handles.

use std::time::Duration;

use mock_kuiper::{Code, HostError, Side, Source};
use serde_json::{Map, json};

use super::common::{LIMIT, builder, orders, plugin, texts};

#[test]
fn rows_acks_and_calls_go_through_handles() -> Result<(), HostError> {
    let place = plugin(&["echo"]);
    let builder = builder(&place);
    let host = builder.launch()?;

    let mut source = host.source("random").start()?;
    let row = source.next(LIMIT)?;
    assert_eq!(row.message, json!({"number": 1}));
    assert_eq!(row.meta, json!({"from": "probe"}));
    source.stop()?;
    let mut sink = host.sink("append").require_ack().start()?;
    sink.send(&json!({"a": 1}))?.ack(LIMIT)?;
    sink.stop()?;
    let mut echo = host.function("echo")?;
    assert!(!echo.is_aggregate()?);
    assert_eq!(echo.exec(&[json!({"k": [1]})])?, json!({"k": [1]}));

    assert_eq!(
        orders(&host),
        [
            "start random",
            "stop random",
            "start append",
            "stop append",
            "start echo"
        ]
    );
    assert_eq!(
        texts(&host, "mock_append_0_0", Side::Host),
        [r#"[{"a":1}]"#]
    );
    assert_eq!(texts(&host, "mock_append_0_0_ack", Side::Plugin), ["{}"]);
    assert!(host.log().iter().any(|line| line.starts_with("arguments ")));
    Ok(())
}

#[test]
fn a_row_that_the_end_of_its_instance_has_cut_is_no_error() -> Result<(), HostError> {
    let place = plugin(&[]);
    let host = builder(&place).launch()?;
    let big = json!({"message": {"filler": "x".repeat(4 << 20)}, "meta": {}}).to_string();
    let config = json!({"interval": 0, "raw": [r#"{"message":{},"meta":{}}"#, big]});
    let mut source = host.source("random").config(config).start()?;
    // Nobody reads on, so that the second row goes half the way; NNG alone
    // reads ahead, and may have all of it.
    let until_short = |source: &mut Source| {
        while source.next(LIMIT)?.message != json!({}) {}
        Ok::<_, HostError>(())
    };

    until_short(&mut source)?;
    source.start_with(Map::new())?;
    until_short(&mut source)?;
    assert_eq!(source.order_stop()?, "ok");
    let last = source.next(Duration::from_millis(50));

    if let Err(error) = last {
        assert_eq!(error.code(), Some(Code::RowMissing), "{error}");
    }
    Ok(())
}

#[test]
fn a_sink_that_does_not_take_its_rows_pushes_back() -> Result<(), HostError> {
    let place = plugin(&[]);
    let host = builder(&place).launch()?;
    let slow = json!({"ack": 60_000});
    let mut sink = host.sink("append").config(slow).start()?;
    let row = json!({"text": "x".repeat(100_000)});

    for _ in 0..100 {
        if !sink.flush(Duration::from_millis(100))? {
            host.kill()?;
            return Ok(());
        }
        sink.send(&row)?;
    }

    panic!("10 MB are more than there are buffers for");
}
