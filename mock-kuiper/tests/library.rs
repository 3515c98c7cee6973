//! The library as a test uses it: hosts on the probe, many in one process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use mock_kuiper::event::{Event, Observer, Side, What};
use mock_kuiper::host::{Builder, Host, HostError, Source};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

/// The probe as a plugin `probe` with these functions; all have the same names,
/// so that only isolation keeps them apart.
fn plugin(functions: &[&str]) -> TempDir {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    let probe = binary.with_file_name("examples").join("probe");
    std::os::unix::fs::symlink(probe, place.path().join("probe")).unwrap();
    let json = json!({
        "version": "1", "language": "go", "executable": "probe",
        "sources": ["random"], "sinks": ["append"], "functions": functions,
    });
    std::fs::write(place.path().join("probe.json"), json.to_string()).unwrap();
    place
}

/// A host of that plugin.
fn builder(place: &TempDir) -> Builder {
    let host = Host::builder().plugin(place.path()).isolated_or_in_turn();
    match std::env::var("MOCK_KUIPER_TEST_TRANSPORT") {
        Ok(transport) => host.transport(transport.parse().unwrap()),
        Err(_) => host,
    }
}

/// The texts of the messages on a channel from one side.
fn texts(host: &Host, channel: &str, from: Side) -> Vec<String> {
    let frames = host.frames().into_iter();
    frames
        .filter(|frame| frame.channel == channel && frame.from == from)
        .map(|frame| frame.text())
        .collect()
}

/// What the host sent on control, in short: `start random`, `stop random`.
fn orders(host: &Host) -> Vec<String> {
    texts(host, "plugin_probe", Side::Host)
        .iter()
        .map(|text| {
            let order: Value = serde_json::from_str(text).unwrap();
            let argument: Value = serde_json::from_str(order["arg"].as_str().unwrap()).unwrap();
            let symbol = argument["symbolName"].as_str().unwrap();
            format!("{} {symbol}", order["cmd"].as_str().unwrap())
        })
        .collect()
}

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
    let first_alone = |source: &mut Source| {
        assert_eq!(source.next(LIMIT)?.message, json!({}));
        Ok::<_, HostError>(())
    };

    // Nobody reads, so that the second row goes half the way.
    first_alone(&mut source)?;
    source.start_with(Map::new())?;
    first_alone(&mut source)?;
    assert_eq!(source.order_stop()?, "ok");
    let nothing = source.next(Duration::from_millis(50));

    assert!(
        matches!(nothing, Err(HostError::NoRow { .. })),
        "{nothing:?}"
    );
    Ok(())
}

#[test]
fn sixteen_hosts_of_one_plugin_run_at_once_in_one_process() {
    let place = plugin(&["echo"]);

    std::thread::scope(|scope| {
        for number in 0..16 {
            let place = &place;
            scope.spawn(move || {
                let host = builder(place).launch().unwrap();
                let mut source = host.source("random").start().unwrap();
                let mut echo = host.function("echo").unwrap();
                assert_eq!(echo.exec(&[json!(number)]).unwrap(), json!(number));
                assert_eq!(source.next(LIMIT).unwrap().message, json!({"number": 1}));
                source.stop().unwrap();
            });
        }
    });
}

#[test]
fn where_no_plugin_can_be_isolated_the_sixteen_take_turns() {
    let this = std::env::current_exe().unwrap();
    if let Some(refused) = mock_kuiper::isolate::refused() {
        println!("skipped, all tests show it here: {refused}");
        return;
    }
    if this.starts_with("/tmp") {
        println!("skipped: the binary lies in /tmp");
        return;
    }
    // The test above again, on a /tmp that nobody else uses, with namespaces
    // switched off.
    let script = "mount -t tmpfs tmpfs /tmp; echo 0 >/proc/sys/user/max_user_namespaces; \
                  exec setpriv --bounding-set=-sys_admin -- \"$@\"";

    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--"])
        .args(["/bin/sh", "-ec", script, "sh"])
        .arg(this)
        .args([
            "--exact",
            "sixteen_hosts_of_one_plugin_run_at_once_in_one_process",
        ])
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{ran:?}");
    assert!(text.contains("1 passed"), "{text}");
}

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

    host.kill();
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
fn a_crash_ends_each_wait_of_a_sink_and_all_later_ones() -> Result<(), HostError> {
    let crashed = |error: HostError| assert!(matches!(error, HostError::Crashed { .. }), "{error}");
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

    assert!(matches!(ended, HostError::Crashed { .. }), "{ended}");
    sink.send(&json!({"a": 2}))?.ack(LIMIT)?;
    sink.stop()
}

/// Ends a process as a crash does: the host has no part in it.
fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
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
        "eKuiper 1.14 cannot start sink `append` again under this rule, it never closes the ack \
         channel; start it under another rule, or play another release"
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
fn nothing_is_left_when_a_host_goes_even_with_handles_still_there() -> Result<(), HostError> {
    let place = plugin(&["echo"]);
    let builder = builder(&place);
    let host = builder.launch()?;
    let mut source = host.source("random").start()?;
    let mut echo = host.function("echo")?;
    let folder = PathBuf::from(format!("/proc/{}/root", host.pid()));
    assert!(folder.exists());

    drop(host);

    assert!(!folder.exists());
    let ended = |error: HostError| matches!(error, HostError::Crashed { .. });
    assert!(ended(echo.exec(&[]).unwrap_err()));
    while let Ok(row) = source.next(LIMIT) {
        assert!(row.message["number"].is_number());
    }
    Ok(())
}

#[test]
fn what_cannot_be_is_said_before_anything_is_launched() {
    let unknown = Host::builder().plugin(".").release("3.0").launch();
    let unnamed = Host::builder().launch();
    let missing = Host::builder().plugin("/no/such").launch();

    let text = |outcome: Result<Host, HostError>| outcome.unwrap_err().to_string();
    assert!(text(unknown).starts_with("no eKuiper release `3.0` is known; use one of 1.4"));
    assert_eq!(
        text(unnamed),
        "no plugin is named; call `plugin` with its directory"
    );
    assert_eq!(
        text(missing),
        "/no/such: no such directory or zip; give the directory that holds the plugin's json"
    );
}

#[test]
fn an_executable_that_was_built_already_takes_the_place_of_a_build() -> Result<(), HostError> {
    let place = plugin(&["echo"]);
    let link = place.path().join("probe");
    let probe = std::fs::read_link(&link).unwrap();
    std::fs::remove_file(link).unwrap();
    // A package that cannot be built.
    std::fs::write(place.path().join("Cargo.toml"), "no package").unwrap();

    let host = builder(&place).executable(&probe).launch()?;

    let mut echo = host.function("echo")?;
    assert_eq!(echo.exec(&[json!(1)])?, json!(1));
    drop((echo, host));
    let missing = builder(&place).executable("/nowhere/probe").launch();
    assert_eq!(
        missing.unwrap_err().to_string(),
        "/nowhere/probe: cannot be the executable: No such file or directory (os error 2); build \
         it, or correct the path"
    );
    Ok(())
}

#[test]
fn what_the_plugin_costs_is_that_of_its_group_without_the_watchdog() -> Result<(), HostError> {
    let place = plugin(&[]);
    let executable = place.path().join("launcher");
    // The real plugin is a grandchild, as behind `conda run`.
    std::fs::write(&executable, "#!/bin/sh\n./probe \"$@\" & wait\n").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&executable, open).unwrap();
    let json = place.path().join("probe.json");
    let text = std::fs::read_to_string(&json).unwrap();
    let text = text.replace(r#""executable":"probe""#, r#""executable":"launcher""#);
    std::fs::write(&json, text).unwrap();
    let host = builder(&place).spawn()?;
    assert_eq!(host.time_to_greeting(), None);

    host.wait_greeting()?;
    let greeted = host.time_to_greeting().unwrap();
    let before = host.usage()?;
    let mut source = host
        .source("random")
        .config(json!({"interval": 0}))
        .start()?;
    while host.usage()?.processor_time == before.processor_time {
        source.next(LIMIT)?;
    }

    assert!(greeted > Duration::ZERO && greeted < LIMIT);
    assert_eq!(before.processes, 2);
    assert!(before.threads >= 2 && before.open_files >= 6, "{before:?}");
    assert!(before.memory > 0 && before.peak_memory >= before.memory);
    assert_eq!(host.time_to_greeting(), Some(greeted));
    Ok(())
}

#[test]
fn what_a_plugin_costs_that_has_just_died_is_its_end() -> Result<(), HostError> {
    let place = plugin(&[]);
    let host = builder(&place).launch()?;
    let pid = rustix::process::Pid::from_raw(host.pid().cast_signed()).unwrap();

    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let error = loop {
        if let Err(error) = host.usage() {
            break error;
        }
    };

    let text = error.to_string();
    assert!(
        text.starts_with("the plugin ended in the middle: signal 9"),
        "{text}"
    );
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
            host.kill();
            return Ok(());
        }
        sink.send(&row)?;
    }

    panic!("10 MB are more than there are buffers for");
}
