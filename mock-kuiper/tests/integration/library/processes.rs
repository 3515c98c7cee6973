//! Processes that end, are replaced, and what they get then.

use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use mock_kuiper::{Code, Event, HostError, Observer, Side, What};
use rustix::process::Signal;
use serde_json::json;

use super::common::{LIMIT, builder, orders, plugin};

#[test]
fn a_reloaded_plugin_gets_its_orders_again_and_the_handles_stay_good() -> Result<(), HostError> {
    let place = plugin(&["echo", "mirror"]);
    let builder = builder(&place);
    let host = builder.launch()?;
    let mut echo = host.function("echo")?;
    let mut mirror = host.function("mirror")?;
    let mut source = host.source("random").start()?;
    let mut sink = host.sink("append").require_ack().start()?;
    source.next(LIMIT)?;
    let first = host.pid();

    host.kill()?;
    host.reload()?;

    assert_ne!(host.pid(), first);
    // Of the functions the last alone, until the other one is needed.
    assert_eq!(
        orders(&host)[4..],
        ["start mirror", "start random", "start append"]
    );
    // Rows of the old process may be on their way; the new one begins anew.
    while source.next(LIMIT)?.message != json!({"number": 1}) {}
    sink.send(&json!({"a": 1}))?.ack(LIMIT)?;
    mirror.exec(&[json!(1)]).ok();
    assert_eq!(echo.exec(&[json!(2)])?, json!(2));
    assert_eq!(orders(&host)[7..], ["start echo"]);
    source.stop()?;
    sink.stop()
}

#[test]
fn the_time_without_a_process_does_not_count_against_a_sink() -> Result<(), HostError> {
    let place = plugin(&[]);
    let host = builder(&place).launch()?;
    let mut sink = host.sink("append").require_ack().start()?;
    sink.send(&json!({"a": 1}))?.ack(LIMIT)?;

    host.kill()?;
    // Longer than a sink that runs may be gone, and than the host takes to dial again.
    while sink
        .gone_for()
        .is_none_or(|gone| gone < Duration::from_secs(3))
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    host.reload()?;

    sink.send(&json!({"a": 2}))?.ack(LIMIT)?;
    sink.stop()
}

#[test]
fn a_crash_ends_each_wait_of_a_sink_and_all_later_ones() -> Result<(), HostError> {
    let crashed = |error: HostError| assert_eq!(error.code(), Some(Code::PluginExited), "{error}");
    let place = plugin(&["echo"]);
    let builder = builder(&place);
    let host = builder.launch()?;
    // It reads a row, and no other one for an hour.
    let mut sink = host
        .sink("append")
        .config(json!({"ack": 3_600_000}))
        .start()?;
    let mut echo = host.function("echo")?;
    let row = json!("x".repeat(64 * 1024));

    let refused = std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        scope.spawn(move || {
            // Kills it once a row has waited for a while.
            while told.recv_timeout(Duration::from_millis(200)).is_ok() {}
            kill(host.pid());
            host
        });
        loop {
            match sink.send(&row) {
                // Nobody hears it where the machine has paused for so long.
                Ok(_) => drop(tell.send(())),
                Err(error) => break error,
            }
        }
    });

    crashed(refused);
    crashed(sink.send(&row).unwrap_err());
    crashed(sink.ack(LIMIT).unwrap_err());
    crashed(sink.ack(LIMIT).unwrap_err());
    crashed(echo.exec(&[]).unwrap_err());
    crashed(echo.exec(&[]).unwrap_err());
    Ok(())
}

#[test]
fn a_sink_whose_process_crashed_takes_rows_for_the_next() -> Result<(), HostError> {
    let place = plugin(&[]);
    let builder = builder(&place);
    let host = builder.launch()?;
    let mut sink = host.sink("append").require_ack().start()?;
    sink.send(&json!({"a": 1}))?.ack(LIMIT)?;

    kill(host.pid());
    let ended = sink.ack(LIMIT).unwrap_err();
    host.reload()?;

    assert_eq!(ended.code(), Some(Code::PluginExited), "{ended}");
    sink.send(&json!({"a": 2}))?.ack(LIMIT)?;
    sink.stop()
}

#[test]
fn a_kill_finds_that_the_process_had_exited_before_once() -> Result<(), HostError> {
    let place = plugin(&["echo"]);
    let host = builder(&place).launch()?;
    let mut echo = host.function("echo")?;
    assert_eq!(echo.exec(&[json!(1)])?, json!(1));

    // No wait of the host notices it.
    end(host.pid(), Signal::TERM);
    while Path::new(&format!("/proc/{}", host.pid())).exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let exited = host.kill().unwrap_err();

    assert_eq!(exited.code(), Some(Code::PluginExited));
    assert!(
        exited.to_string().starts_with(
            "the plugin exited unexpectedly: signal 15 (SIGTERM); running: function `echo`"
        ),
        "{exited}"
    );
    host.kill()?;
    host.reload()?;
    host.kill()
}

/// Ends a process as a crash does: the host has no part in it.
fn kill(pid: u32) {
    end(pid, Signal::KILL);
}

fn end(pid: u32, signal: Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[test]
fn a_seed_draws_the_order_of_a_replay_and_of_closed_and_stop() -> Result<(), HostError> {
    let place = plugin(&[]);
    let mut replays = std::collections::BTreeSet::new();
    let mut stops = std::collections::BTreeSet::new();
    for seed in 0..24 {
        let closed = Arc::new(Stops::default());
        let host = builder(&place)
            .observer(Arc::clone(&closed) as _)
            .seed(seed)
            .launch()?;
        let one = host.source("random").within("rule", "one").start()?;
        let two = host.sink("append").within("rule", "two").start()?;
        host.reload()?;
        replays.insert(orders(&host)[2..].to_vec());
        one.stop()?;
        two.stop()?;
        stops.extend(closed.0.lock().unwrap().drain(..));
    }

    assert_eq!(replays.len(), 2, "{replays:?}");
    assert_eq!(stops.len(), 2, "{stops:?}");
    Ok(())
}

/// Notes whether the source's channel was closed before its stop was sent.
#[derive(Default)]
struct Stops(Mutex<Vec<&'static str>>);

impl Observer for Stops {
    fn event(&self, event: &Event<'_>) {
        let mut seen = self.0.lock().unwrap();
        match event.what {
            What::Closed {
                channel,
                from: Side::Host,
            } if channel.name() == "rule_one_0" && seen.is_empty() => seen.push("closed first"),
            What::Message(message)
                if message.channel.name() == "plugin_probe"
                    && message.from == Side::Host
                    && message.body.starts_with(br#"{"cmd":"stop""#)
                    && seen.is_empty() =>
            {
                seen.push("stop first");
            }
            _ => {}
        }
    }
}

#[test]
fn a_release_before_1_8_replays_nothing() -> Result<(), HostError> {
    let place = plugin(&[]);
    let builder = builder(&place);
    let host = builder.release("1.7").launch()?;
    let _source = host.source("random").start()?;

    host.reload()?;

    assert_eq!(orders(&host), ["start random"]);
    Ok(())
}

#[test]
fn a_sink_of_1_14_cannot_be_started_again_under_one_rule() -> Result<(), HostError> {
    let place = plugin(&[]);
    let builder = builder(&place);
    let host = builder.release("1.14").launch()?;
    host.sink("append").start()?.stop()?;

    let error = host.sink("append").start().unwrap_err();

    assert_eq!(
        error.to_string(),
        "eKuiper 1.14 cannot start sink `append` again under this rule: it never closes the ack \
         channel"
    );
    assert!(!error.is_finding());
    host.sink("append")
        .within("other", "append_0")
        .start()?
        .stop()
}

#[test]
fn before_2_0_an_idle_plugin_is_ended_and_launched_for_the_next_start() -> Result<(), HostError> {
    let place = plugin(&[]);
    let builder = builder(&place);
    let host = builder.release("1.13").launch()?;
    let first = host.pid();
    host.source("random").start()?.stop()?;
    let stopped = Instant::now();
    host.source("random").start()?.stop()?;
    // Unless the machine has paused for so long.
    assert!(host.pid() == first || stopped.elapsed() >= Duration::from_secs(1));

    // What is measured is the idle time itself.
    std::thread::sleep(Duration::from_millis(1100));
    host.source("random").start()?.stop()?;

    assert_ne!(host.pid(), first);
    Ok(())
}

#[test]
fn what_ends_the_plugin_is_told_before_its_end() -> Result<(), HostError> {
    let place = plugin(&["echo"]);
    let seen = Arc::new(Late::default());
    let start = || builder(&place).observer(Arc::clone(&seen) as _).launch();

    let called = start()?;
    let error = called
        .function("echo")?
        .exec(&[json!({"answer": "die"})])
        .unwrap_err();
    assert_eq!(error.code(), Some(Code::PluginExited), "{error}");
    drop(called);
    let fed = start()?;
    let mut sink = fed.sink("append").config(json!({"die_after": 1})).start()?;
    sink.send(&json!({"a": 1}))?;
    drop((sink, fed));

    let ends = ["exec", "exit", "row", "exit"];
    assert_eq!(*seen.0.lock().unwrap(), ends);
    Ok(())
}

/// Notes calls, rows for a sink, and exits; of messages late, as on a busy machine.
#[derive(Default)]
struct Late(Mutex<Vec<&'static str>>);

impl Observer for Late {
    fn event(&self, event: &Event<'_>) {
        let what = match event.what {
            What::Message(message) if message.body.starts_with(br#"{"func":"Exec""#) => "exec",
            What::Message(message) if message.channel.name().ends_with("_0") => "row",
            What::Exited { .. } => return self.0.lock().unwrap().push("exit"),
            _ => return,
        };
        std::thread::sleep(Duration::from_millis(700));
        self.0.lock().unwrap().push(what);
    }
}

#[test]
fn a_sink_has_not_hung_up_if_its_process_has_exited_and_nobody_has_noticed_it()
-> Result<(), HostError> {
    let place = plugin(&[]);
    let host = builder(&place).observer(Arc::new(Slow)).launch()?;
    let mut sink = host.sink("append").start()?;

    kill(host.pid());
    let waited = sink.watch_hang_up(LIMIT);

    assert!(matches!(waited, Err(HostError::Interrupted)), "{waited:?}");
    Ok(())
}

/// Needs longer to hear of an exit than a sink may be gone.
struct Slow;

impl Observer for Slow {
    fn event(&self, event: &Event<'_>) {
        if let What::Exited { .. } = event.what {
            std::thread::sleep(Duration::from_secs(3));
        }
    }
}
