//! What a plugin costs.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use mock_kuiper::{Code, HostError, Observed};
use serde_json::json;
use tempfile::TempDir;

use super::common::{LIMIT, builder, plugin};

/// Makes a plugin whose real process is a grandchild, as behind `conda run`.
fn launched_by_a_script() -> TempDir {
    let place = plugin(&[]);
    let executable = place.path().join("launcher");
    std::fs::write(&executable, "#!/bin/sh\n./probe \"$@\" & wait\n").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&executable, open).unwrap();
    let json = place.path().join("probe.json");
    let text = std::fs::read_to_string(&json).unwrap();
    let text = text.replace(r#""executable":"probe""#, r#""executable":"launcher""#);
    std::fs::write(&json, text).unwrap();
    place
}

#[test]
fn what_the_plugin_costs_is_that_of_its_group_without_the_supervisor() -> Result<(), HostError> {
    let place = launched_by_a_script();
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
    assert!(before.to_string().starts_with("2 processes, "), "{before}");
    assert!(before.threads >= 2 && before.open_files >= 6, "{before:?}");
    assert!(before.memory > 0 && before.peak_memory >= before.memory);
    assert_eq!(host.time_to_greeting(), Some(greeted));
    Ok(())
}

#[test]
fn a_plugin_on_a_busy_machine_wants_more_than_it_uses() -> Result<(), HostError> {
    if !std::path::Path::new("/proc/self/schedstat").exists() {
        println!("skipped: this kernel does not count how long threads wait");
        return Ok(());
    }
    let place = plugin(&["echo"]);
    let host = builder(&place).spawn()?;
    let mut echo = host.function("echo")?;
    let waited = || {
        let used = host.usage()?.processor_time;
        Ok::<_, HostError>(host.wanted_time().unwrap().saturating_sub(used))
    };
    let mut wait = || {
        let before = waited()?;
        while waited()? <= before + Duration::from_millis(10) {
            echo.exec(&[json!("x")])?;
        }
        Ok(())
    };

    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let has_waited = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 * processors {
            scope.spawn(|| {
                while !has_waited.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let result = wait();
        has_waited.store(true, Relaxed);
        result
    })
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
        text.starts_with("the plugin exited unexpectedly: signal 9"),
        "{text}"
    );
    Ok(())
}

#[test]
fn a_plugin_that_grows_beyond_the_limit_is_ended() -> Result<(), HostError> {
    for place in [plugin(&[]), launched_by_a_script()] {
        let host = builder(&place)
            .env("PROBE", "grows=start")
            .growth_limit(32 << 20)
            .launch()?;
        let mut source = host.source("random").start()?;

        let error = loop {
            if let Err(error) = source.next(LIMIT) {
                break error;
            }
        };

        assert_eq!(error.code(), Some(Code::PluginGrown), "{error}");
        assert!(error.is_exit());
        let Some(Observed::Grown { before, after }) = error.finding().map(|found| &found.observed)
        else {
            panic!("{error}");
        };
        assert!(after - before > 32 << 20, "{error}");
    }
    Ok(())
}

#[test]
fn a_plugin_that_does_not_grow_is_not_ended() -> Result<(), HostError> {
    let place = plugin(&["echo"]);
    let host = builder(&place).growth_limit(1 << 20).launch()?;
    let mut echo = host.function("echo")?;
    let large = json!("x".repeat(1 << 20));
    let since = std::time::Instant::now();

    while since.elapsed() < Duration::from_millis(600) {
        echo.exec(std::slice::from_ref(&large))?;
    }
    Ok(())
}
