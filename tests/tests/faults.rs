//! The SDK's example plugin under faults. The library's methods say what
//! survival means.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mock_kuiper::engine::wire::{Command, Order};
use mock_kuiper::{Breach, Code, Host, HostError, Meta, Sink};
use serde_json::{Map, Value, json};

const LIMIT: Duration = Duration::from_secs(20);

/// A host of `mirror`.
fn mirror(release: &str) -> Host {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/examples/mirror");
    let host = Host::builder(plugin).release(release);
    host.visible(env!("CARGO_TARGET_TMPDIR")).launch().unwrap()
}

/// `mirror`'s source, with a row every few milliseconds.
fn quick(pattern: Value) -> Value {
    json!({"period": 5, "pattern": pattern})
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// A directory that an isolated plugin may write to, and a file in it.
fn file() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = place.path().join("rows");
    (place, file)
}

#[test]
fn a_killed_process_is_replaced_in_any_order_of_replay() -> Result<(), HostError> {
    let host = mirror("2.4");
    let (_place, path) = file();
    let mut random = host
        .source("random")
        .config(quick(json!({"a": 1})))
        .start()?;
    let mut append = host
        .sink("append")
        .config(json!({"path": path}))
        .require_ack()
        .start()?;
    let mut echo = host.function("echo")?;
    let mut mean = host.function("mean")?;

    for _ in 0..5 {
        host.kill().unwrap();
        host.reload()?;
        assert_eq!(random.next(LIMIT)?.message, json!({"a": 1}));
        append.send(&json!({"b": 2}))?.ack(LIMIT)?;
        assert_eq!(mean.exec(&[json!([1, 3])])?, json!(2.0));
        assert_eq!(echo.exec(&[json!("x")])?, json!("x"));
    }

    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        "{\"b\":2}\n".repeat(5)
    );
    random.stop()?;
    append.stop()
}

#[test]
fn a_second_start_changes_nothing_and_one_with_other_properties_starts_anew()
-> Result<(), HostError> {
    let host = mirror("2.4");
    let mut random = host
        .source("random")
        .config(quick(json!({"a": 1})))
        .start()?;
    random.next(LIMIT)?;

    random.start_again()?;
    assert_eq!(random.next(LIMIT)?.message, json!({"a": 1}));
    random.start_with(object(quick(json!({"a": 2}))))?;

    // Rows of the first one may still be on their way, but none behind the second's.
    while random.next(LIMIT)?.message != json!({"a": 2}) {}
    for _ in 0..20 {
        assert_eq!(random.next(LIMIT)?.message, json!({"a": 2}));
    }
    random.stop()
}

#[test]
fn a_host_that_is_gone_and_back_finds_everything_running() -> Result<(), HostError> {
    let host = mirror("2.4");
    let (_place, path) = file();
    let mut random = host
        .source("random")
        .config(quick(json!({"a": 1})))
        .start()?;
    let mut append = host
        .sink("append")
        .config(json!({"path": path}))
        .require_ack()
        .start()?;
    let mut echo = host.function("echo")?;
    let process = host.pid();

    for away in [0, 300] {
        let away = Duration::from_millis(away);
        host.restart(away, &mut [&mut random, &mut append, &mut echo])?;
        assert_eq!(random.next(LIMIT)?.message, json!({"a": 1}));
        append.send(&json!({"b": 2}))?.ack(LIMIT)?;
        assert_eq!(echo.exec(&[json!("x")])?, json!("x"));
    }

    assert_eq!(host.pid(), process);
    random.stop()?;
    append.stop()
}

#[test]
fn a_control_channel_that_is_closed_while_it_is_idle_is_dialed_again() -> Result<(), HostError> {
    let host = mirror("2.4");
    let mut echo = host.function("echo")?;

    for _ in 0..5 {
        host.hang_up_control()?;
        assert_eq!(host.order(Command::Start, &Order::function("mean"))?, "ok");
    }

    assert_eq!(echo.exec(&[json!("x")])?, json!("x"));
    Ok(())
}

#[test]
fn an_order_whose_answer_is_cut_off_is_answered_on_the_next_connection() -> Result<(), HostError> {
    let host = mirror("2.4");
    let order = Order::function("echo");

    for _ in 0..5 {
        assert_eq!(host.order_cut(Command::Start, &order)?, "ok");
    }

    assert_eq!(host.order(Command::Start, &order)?, "ok");
    Ok(())
}

#[test]
fn an_order_under_a_stale_id_is_dropped() -> Result<(), HostError> {
    let host = mirror("2.4");

    let answer = host.order_stale(Command::Start, &Order::function("echo"))?;

    assert_eq!(answer, "ok");
    assert_eq!(host.order(Command::Start, &Order::function("mean"))?, "ok");
    Ok(())
}

#[test]
fn a_breach_of_the_transports_protocol_ends_no_more_than_a_connection() -> Result<(), HostError> {
    let host = mirror("2.4");
    let (_place, path) = file();
    let mut random = host
        .source("random")
        .config(quick(json!({"a": 1})))
        .start()?;
    let mut append = host
        .sink("append")
        .config(json!({"path": path}))
        .require_ack()
        .start()?;
    let mut echo = host.function("echo")?;

    for breach in Breach::ALL {
        host.breach(breach)?;
        assert_eq!(host.order(Command::Start, &Order::function("mean"))?, "ok");
        random.breach(breach)?;
        assert_eq!(random.next(LIMIT)?.message, json!({"a": 1}));
        append.breach(breach)?;
        append.send(&json!({"b": 2}))?.ack(LIMIT)?;
        echo.breach(breach)?;
        assert_eq!(echo.exec(&[json!("x")])?, json!("x"));
    }

    random.stop()?;
    append.stop()
}

#[test]
fn a_slow_host_loses_nothing() -> Result<(), HostError> {
    let host = mirror("2.4");
    host.set_delay(Duration::from_millis(50));
    let flood = json!({"period": 0, "pattern": {"n": 1}});
    let mut random = host.source("random").config(flood).start()?;
    let mut echo = host.function("echo")?;

    for _ in 0..10 {
        assert_eq!(random.next(LIMIT)?.message, json!({"n": 1}));
        assert_eq!(echo.exec(&[json!(1)])?, json!(1));
    }

    random.stop()
}

#[test]
fn a_sink_listens_where_a_stale_socket_file_was() -> Result<(), HostError> {
    let host = mirror("2.4");
    let (_place, path) = file();
    host.leave_stale_file(&Meta::new("mock", "append_0"))?;

    let mut append = host
        .sink("append")
        .config(json!({"path": path}))
        .require_ack()
        .start()?;

    append.send(&json!({"b": 2}))?.ack(LIMIT)?;
    append.stop()
}

#[test]
fn a_stop_of_what_does_not_run_keeps_it_serving() -> Result<(), HostError> {
    let host = mirror("2.4");
    let unknown = Order::sink("append", Meta::new("rule9", "append_0"), Map::new());

    host.order(Command::Stop, &unknown)?;

    assert_eq!(host.function("echo")?.exec(&[json!(1)])?, json!(1));
    Ok(())
}

#[test]
fn orders_and_requests_of_any_bytes_are_answered_with_an_error() -> Result<(), HostError> {
    let host = mirror("2.4");
    let mut echo = host.function("echo")?;
    let huge = vec![b'x'; 64 * 1024 * 1024];
    let broken: [&[u8]; 5] = [b"", b"{", b"\xff\x00", br#"{"cmd":"start"}"#, &huge];

    for bytes in broken {
        let answer = host.order_bytes(bytes)?;
        assert!(answer != b"ok" && !answer.starts_with(b"h"), "{answer:?}");
        let reply: Value = serde_json::from_slice(&echo.request_bytes(bytes)?).unwrap();
        assert_eq!(reply["state"], json!(false));
    }

    assert_eq!(echo.exec(&[json!(1)])?, json!(1));
    Ok(())
}

#[test]
fn a_sink_takes_rows_of_any_bytes_and_a_sender_that_dials_again() -> Result<(), HostError> {
    let host = mirror("2.4");
    let (_place, path) = file();
    let mut append = host
        .sink("append")
        .config(json!({"path": path}))
        .require_ack()
        .start()?;

    for bytes in [&b""[..], b"{", b"\xff", &vec![b' '; 64 * 1024 * 1024]] {
        append.send_bytes(bytes)?;
        // Whether such a row is taken or failed is the sink's own affair.
        match append.ack(LIMIT) {
            Ok(_) => {}
            Err(error) if error.code() == Some(Code::AckError) => {}
            Err(error) => return Err(error),
        }
    }
    append.redial()?;
    append.send(&json!({"a": 1}))?.ack(LIMIT)?;
    append.start_again()?;
    append.send(&json!({"a": 2}))?.ack(LIMIT)?;

    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with("{\"a\":1}\n{\"a\":2}\n"), "{}", text.len());
    append.stop()
}

#[test]
fn rows_are_taken_though_nobody_reads_the_acks() -> Result<(), HostError> {
    for release in ["1.13", "1.14", "2.4"] {
        let host = mirror(release);
        let (_place, path) = file();
        let mut append = host.sink("append").config(json!({"path": path})).start()?;

        for number in 0..10_000 {
            append.send(&json!({"n": number}))?;
        }

        let last = "{\"n\":9999}\n";
        let deadline = Instant::now() + LIMIT;
        while !std::fs::read_to_string(&path)
            .unwrap_or_default()
            .ends_with(last)
        {
            assert!(Instant::now() < deadline, "{release}: rows are missing");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(
            std::fs::read_to_string(&path).unwrap().lines().count(),
            10_000
        );
        append.stop()?;
    }
    Ok(())
}

#[test]
fn rows_are_taken_in_order_though_the_acks_are_read_slowly() -> Result<(), HostError> {
    const ROWS: usize = 1000;
    let host = mirror("2.4");
    let (_place, path) = file();
    let mut append = host
        .sink("append")
        .config(json!({"path": path}))
        .require_ack()
        .start()?;
    let read_one = |append: &mut Sink| -> Result<(), HostError> {
        std::thread::sleep(Duration::from_millis(1));
        append.ack(LIMIT).map(drop)
    };

    for number in 0..ROWS {
        append.send(&json!({"n": number}))?;
        if number % 10 == 0 {
            read_one(&mut append)?;
        }
    }
    while append.acked() < append.sent() {
        read_one(&mut append)?;
    }

    let expected: String = (0..ROWS).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    append.stop()
}

#[test]
fn a_source_whose_reader_pauses_goes_on_and_is_stopped() -> Result<(), HostError> {
    let host = mirror("2.4");
    let flood = json!({"period": 0, "pattern": {"n": 1}});
    let mut random = host.source("random").config(flood).start()?;
    random.next(LIMIT)?;

    // Nobody reads: its channel fills up, and a stop must be answered still.
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..100 {
        random.next(LIMIT)?;
    }

    random.stop()
}

#[test]
fn two_hundred_starts_and_stops_leave_files_threads_and_memory_where_they_were()
-> Result<(), HostError> {
    let host = mirror("2.4");
    let cycle = |times: usize| -> Result<(), HostError> {
        for _ in 0..times {
            let mut random = host
                .source("random")
                .config(quick(json!({"a": 1})))
                .start()?;
            let append = host.sink("append").start()?;
            random.next(LIMIT)?;
            random.stop()?;
            append.stop()?;
        }
        Ok(())
    };
    cycle(20)?;
    let before = host.usage()?;

    cycle(200)?;

    // The last instances may still be closing.
    let deadline = Instant::now() + LIMIT;
    let mut after = host.usage()?;
    while after.open_files > before.open_files + 2 || after.threads > before.threads + 1 {
        assert!(Instant::now() < deadline, "{before:?} {after:?}");
        std::thread::sleep(Duration::from_millis(5));
        after = host.usage()?;
    }
    assert!(
        after.memory <= before.memory + 2 * 1024 * 1024,
        "{before:?} {after:?}"
    );
    Ok(())
}
