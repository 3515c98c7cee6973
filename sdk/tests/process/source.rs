//! Sources: their rows, and how they are started and stopped.

use std::time::Duration;

use ekuiper_sp::{Error, Options, Pull};
use serde_json::{Value, json};

use crate::host::{Host, SOON, number, text, wait_for};
use crate::panic::asked_to_panic;

/// How long a stop may take: eKuiper waits an hour, the SDK gives up after half a
/// second, and a busy machine needs the rest.
const STOP: Duration = Duration::from_secs(15);

#[test]
fn rows_have_a_message_and_a_meta() {
    let mut host = Host::launch();
    let (source, mut rows) = host.source(json!({"count": 2, "datasource": "topic/1"}));

    host.start(&source);

    let rule = &source.rule;
    assert_eq!(
        text(&mut rows),
        format!(
            r#"{{"message":{{"datasource":"topic/1","filling":"","n":0}},"meta":{{"rule":"{rule}"}}}}"#
        )
    );
    assert_eq!(number(&mut rows), 1);
}

#[test]
fn the_datasource_of_a_1_x_host_reaches_configure() {
    let mut host = Host::launch();
    let (mut source, mut rows) = host.source(json!({"count": 1}));
    source.argument["dataSource"] = "topic/1".into();

    host.start(&source);

    let row: Value = serde_json::from_str(&text(&mut rows)).unwrap();
    assert_eq!(row["message"]["datasource"], "topic/1");
}

#[test]
fn the_logger_of_a_context_names_the_instance() {
    let mut host = Host::launch();
    let (source, _rows) = host.source(json!({"count": 1}));

    host.start(&source);

    let line = format!("INFO  sdk_probe: {}/count/0: emitted 1 rows", source.rule);
    host.plugin.wait_log(&line);
}

#[test]
fn an_error_from_configure_is_the_answer_and_nothing_runs() {
    let mut host = Host::launch();
    let (source, mut rows) = host.source(json!({"count": 1, "fail": "configure"}));

    let answer = host.order("start", &source.argument);

    assert_eq!(
        answer,
        "cannot start source `count`: host asked configure to fail"
    );
    let silence = rows.recv(Some(Duration::from_millis(100)));
    assert!(matches!(silence, Err(Error::TimedOut)));
}

#[test]
fn an_invalid_configuration_is_refused_with_the_path_of_the_value() {
    let mut host = Host::launch();
    let (source, _rows) = host.source(json!({"count": "many"}));

    let answer = host.order("start", &source.argument);

    assert_eq!(
        answer,
        "cannot start source `count`: config.count: expected u64, found string \"many\""
    );
}

#[test]
fn the_same_start_again_changes_nothing() {
    let mut host = Host::launch();
    let steps = host.plugin.file("steps");
    let (source, mut rows) = host.source(json!({"count": 3, "interval": 1, "steps": steps}));
    host.start(&source);
    assert_eq!(number(&mut rows), 0);

    host.start(&source);

    assert_eq!((number(&mut rows), number(&mut rows)), (1, 2));
    let more = rows.recv(Some(Duration::from_millis(100)));
    assert!(matches!(more, Err(Error::TimedOut)));
    assert_eq!(host.plugin.text("steps").matches("open").count(), 1);
}

#[test]
fn a_start_with_another_argument_stops_the_old_instance_and_starts_the_new_one() {
    let mut host = Host::launch();
    let steps = host.plugin.file("steps");
    let (first, mut rows) = host.source(json!({"count": 1, "steps": steps}));
    let second = first.with_config(json!({"count": 1, "steps": steps, "datasource": "new"}));
    host.start(&first);
    assert!(text(&mut rows).contains(r#""datasource":"""#));

    host.start(&second);

    assert!(text(&mut rows).contains(r#""datasource":"new""#));
    let steps = host.plugin.text("steps");
    let names: Vec<&str> = steps
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(names, ["configure", "open", "close", "configure", "open"]);
}

#[test]
fn close_is_called_on_the_thread_of_open() {
    let mut host = Host::launch();
    let (source, _rows) = host.source(json!({"steps": host.plugin.file("steps")}));
    host.start(&source);

    host.stop(&source);

    let steps = host.plugin.text("steps");
    let thread_of = |step: &str| {
        let line = steps.lines().find(|line| line.starts_with(step)).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(thread_of("open"), thread_of("close"));
    assert_ne!(thread_of("configure"), thread_of("open"));
}

#[test]
fn a_source_is_stopped_in_time_though_the_host_closed_the_channel_first() {
    let mut host = Host::launch();
    let (source, rows) = host.source(json!({
        "count": 1_000_000, "bytes": 1000, "steps": host.plugin.file("steps")
    }));
    host.start(&source);
    drop(rows);

    let took = host.stop(&source);

    assert!(took < STOP, "{took:?}");
    assert!(host.plugin.text("steps").contains("close"));
}

#[test]
fn a_source_is_stopped_in_time_though_the_host_does_not_read() {
    let mut host = Host::launch();
    let (source, mut rows) = host.source(json!({
        "count": 1_000_000, "bytes": 1000, "steps": host.plugin.file("steps")
    }));
    host.start(&source);
    assert_eq!(number(&mut rows), 0);
    host.plugin.wait_idle();

    let took = host.stop(&source);

    assert!(took < STOP, "{took:?}");
    assert!(host.plugin.text("steps").contains("close"));
}

#[test]
fn a_source_that_ignores_its_stop_is_abandoned_without_close() {
    let mut host = Host::launch();
    let (source, mut rows) = host.source(json!({
        "hang": "open", "steps": host.plugin.file("steps")
    }));
    host.start(&source);

    let took = host.stop(&source);

    assert!(took < STOP, "{took:?}");
    host.plugin.wait_log("did not stop in time");
    assert!(!host.plugin.text("steps").contains("close"));
    // The next run of the rule can use the channel.
    let next = source.with_config(json!({"count": 1}));
    host.start(&next);
    assert_eq!(number(&mut rows), 0);
}

#[test]
fn rows_emitted_before_the_stop_reach_a_host_that_still_reads() {
    // The source waits for less than a second, in which this process may get no processor.
    assert!((0..5).any(|_| rows_read_after_a_stop() == 300));
}

/// Stops a source that has emitted 300 rows, and returns how many of them can be read
/// after that.
fn rows_read_after_a_stop() -> u64 {
    let mut host = Host::launch();
    // More than the kernel holds, less than the kernel and the queue together.
    let (source, mut rows) = host.source(json!({"count": 300, "bytes": 1000}));
    host.start(&source);
    host.plugin.wait_log("emitted 300 rows");

    host.send_order("stop", &source.argument);

    let mut read = 0;
    while read < 300 {
        let Ok(row) = rows.recv(Some(SOON)) else {
            break;
        };
        let row: Value = serde_json::from_slice(row).unwrap();
        assert_eq!(row["message"]["n"], read);
        read += 1;
    }
    assert_eq!(host.read_answer(), "ok");
    read
}

#[test]
fn a_source_that_does_not_wait_is_told_that_the_channel_is_full() {
    let mut host = Host::launch();
    let (source, mut rows) = host.source(json!({"fill": true}));
    host.start(&source);
    host.plugin.wait_log("full after ");
    let log = host.plugin.log();
    let accepted = log.split("full after ").nth(1).unwrap();
    let accepted: u64 = accepted.split(' ').next().unwrap().parse().unwrap();

    for n in 0..accepted {
        assert_eq!(number(&mut rows), n);
    }
    let more = rows.recv(Some(Duration::from_millis(100)));
    assert!(matches!(more, Err(Error::TimedOut)));
    host.stop(&source);
}

#[test]
fn a_callback_for_the_stop_ends_an_open_that_waits_for_something_else() {
    let mut host = Host::launch();
    let steps = host.plugin.file("steps");
    let (source, _rows) = host.source(json!({"by_callback": true, "steps": steps}));
    host.start(&source);

    let took = host.stop(&source);

    assert!(took < STOP, "{took:?}");
    assert!(host.plugin.log().contains("called back"));
    assert!(host.plugin.text("steps").contains("close"));
}

#[test]
fn a_source_that_ends_or_fails_says_so_at_once_in_one_line() {
    let mut host = Host::launch();
    let cases = [
        (json!({"end": true}), "INFO  ekuiper::source: ", "has ended"),
        (
            json!({"fail": "open"}),
            "ERROR ekuiper::source: ",
            "failed: host asked open to fail",
        ),
        (
            json!({"panic": "open"}),
            "ERROR ekuiper::source: ",
            &format!("ended: {}", asked_to_panic("open")),
        ),
    ];
    for (config, begin, end) in cases {
        let (source, _rows) = host.source(config);
        host.start(&source);

        let address = format!("`count` ({}_count_0)", source.rule);
        let text = format!("{begin}source {address} {end}");
        host.plugin.wait_log(&text);

        let log = host.plugin.log();
        let lines = log.lines().filter(|line| line.contains(&address));
        let others = lines.filter(|line| !line.contains(": started source "));
        assert_eq!(others.count(), 1, "{log}");
    }
}

#[test]
fn a_panic_or_an_error_of_open_ends_only_its_instance() {
    let mut host = Host::launch();
    let (panics, _rows) = host.source(json!({"panic": "open"}));
    let (fails, _rows) = host.source(json!({"fail": "open"}));
    let (works, mut rows) = host.source(json!({"count": 1}));

    host.start(&panics);
    host.start(&fails);
    host.start(&works);

    assert_eq!(number(&mut rows), 0);
    host.plugin
        .wait_log(&format!("ended: {}", asked_to_panic("open")));
    host.plugin.wait_log("host asked open to fail");
    host.stop(&panics);
    host.stop(&fails);
}

#[test]
fn a_panic_in_configure_is_the_answer_to_the_start() {
    let mut host = Host::launch();
    let (source, _rows) = host.source(json!({"panic": "configure"}));

    let answer = host.order("start", &source.argument);

    assert_eq!(
        answer,
        format!(
            "cannot start source `count`: {}",
            asked_to_panic("configure")
        )
    );
}

#[test]
fn a_panic_in_close_is_logged_and_the_source_can_be_started_again() {
    let mut host = Host::launch();
    let (source, _rows) = host.source(json!({"panic": "close"}));
    host.start(&source);

    host.stop(&source);

    host.plugin
        .wait_log(&format!("close failed: {}", asked_to_panic("close")));
    host.start(&source);
}

#[test]
fn a_source_continues_when_the_host_comes_back() {
    let mut host = Host::launch();
    let (source, mut rows) = host.source(json!({"count": 1_000_000, "interval": 1}));
    host.start(&source);
    let before = number(&mut rows);
    drop(rows);

    let mut rows = Pull::listen(&source.data_url(), Options::default()).unwrap();

    assert!(number(&mut rows) > before);
}

#[test]
fn the_rows_of_an_ended_source_wait_until_the_host_comes_back() {
    let mut host = Host::launch();
    let (source, rows) = host.source(json!({
        "count": 3, "end": true, "steps": host.plugin.file("steps")
    }));
    drop(rows);
    host.start(&source);
    wait_for("the source has ended", || {
        host.plugin.text("steps").contains("close").then_some(())
    });

    let mut rows = Pull::listen(&source.data_url(), Options::default()).unwrap();

    for n in 0..3 {
        assert_eq!(number(&mut rows), n);
    }
}

#[test]
fn a_source_can_be_started_and_stopped_without_a_host_on_its_data_address() {
    let mut host = Host::launch();
    let (source, rows) = host.source(json!({"count": 1_000_000}));
    drop(rows);

    host.start(&source);
    let took = host.stop(&source);

    assert!(took < STOP, "{took:?}");
}

#[test]
fn rows_may_have_16_mib() {
    let mut host = Host::launch();
    let (source, mut rows) = host.source(json!({"count": 2, "bytes": 16 << 20}));

    host.start(&source);

    for _ in 0..2 {
        let row = rows.recv(Some(SOON)).unwrap();
        assert!(row.len() > 16 << 20);
        assert!(row.ends_with(b"}}"));
    }
}
