//! Launches: side by side, in turn, and those that cannot be.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use mock_kuiper::{Advice, Code, Host, HostError, InputError};
use serde_json::json;

use super::common::{LIMIT, builder, plugin};

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
fn only_a_host_that_waits_for_its_turn_is_interrupted_before_its_launch() {
    let place = plugin(&["echo"]);
    let first = builder(&place).launch().unwrap();

    let second = builder(&place).interrupted_by(|| true).launch();

    match mock_kuiper::engine::isolate::refused() {
        None => assert_ne!(second.unwrap().pid(), first.pid()),
        Some(_) => assert!(matches!(second, Err(HostError::Interrupted)), "{second:?}"),
    }
}

#[test]
fn hosts_take_turns_if_the_system_refuses_isolation() {
    let this = std::env::current_exe().unwrap();
    if let Some(refused) = mock_kuiper::engine::isolate::refused() {
        println!("skipped, all tests show it here: {refused}");
        return;
    }
    if this.starts_with("/tmp") {
        println!("skipped: the binary lies in /tmp");
        return;
    }
    // The tests above again, on a /tmp that nobody else uses, with namespaces
    // switched off.
    let script = "mount -t tmpfs tmpfs /tmp; echo 0 >/proc/sys/user/max_user_namespaces; \
                  exec setpriv --bounding-set=-sys_admin -- \"$@\"";

    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--"])
        .args(["/bin/sh", "-ec", script, "sh"])
        .arg(this)
        .args([
            "--exact",
            "library::launches::sixteen_hosts_of_one_plugin_run_at_once_in_one_process",
            "library::launches::only_a_host_that_waits_for_its_turn_is_interrupted_before_its_launch",
        ])
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{ran:?}");
    assert!(text.contains("2 passed"), "{text}");
}

#[test]
fn dropping_a_host_leaves_nothing_behind_even_while_handles_live() -> Result<(), HostError> {
    let place = plugin(&["echo"]);
    let builder = builder(&place);
    let host = builder.launch()?;
    let mut source = host.source("random").start()?;
    let mut echo = host.function("echo")?;
    let folder = PathBuf::from(format!("/proc/{}/root", host.pid()));
    assert!(folder.exists());

    drop(host);

    assert!(!folder.exists());
    let ended = |error: HostError| error.code() == Some(Code::PluginExited);
    assert!(ended(echo.exec(&[]).unwrap_err()));
    while let Ok(row) = source.next(LIMIT) {
        assert!(row.message["number"].is_number());
    }
    Ok(())
}

#[test]
fn invalid_input_is_reported_before_anything_is_launched() {
    let unknown = Host::builder(".").release("3.0").launch();
    let missing = Host::builder("/no/such").launch();

    let text = |outcome: Result<Host, HostError>| outcome.unwrap_err().to_string();
    assert!(text(unknown).starts_with("unknown eKuiper release `3.0`; use one of 1.4"));
    assert_eq!(
        text(missing),
        "/no/such: no such directory or zip; give the directory that holds the plugin's json"
    );
}

#[test]
fn an_executable_that_is_built_already_is_used_instead_of_a_build() -> Result<(), HostError> {
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
        "/nowhere/probe: cannot be used as the executable: No such file or directory (os error \
         2); build it, or correct the path"
    );
    Ok(())
}

#[test]
fn an_executable_that_is_still_being_written_is_waited_for() -> Result<(), HostError> {
    let place = plugin(&[]);
    let executable = place.path().join("probe");
    let probe = std::fs::canonicalize(&executable).unwrap();
    std::fs::remove_file(&executable).unwrap();
    std::fs::copy(probe, &executable).unwrap();
    let busy = || File::options().append(true).open(&executable).unwrap();

    let writer = busy();
    let host = std::thread::scope(|scope| {
        let launch = scope.spawn(|| builder(&place).launch());
        // It is tried at least once meanwhile.
        std::thread::sleep(Duration::from_millis(50));
        drop(writer);
        launch.join().unwrap()
    })?;
    // The process that runs, and not one of those that could not.
    let runs = std::fs::read_link(format!("/proc/{}/exe", host.pid()));
    assert_eq!(runs.unwrap(), executable);
    drop(host);
    let _writer = busy();
    let refused = builder(&place).launch().unwrap_err();

    assert!(
        refused
            .to_string()
            .ends_with("Text file busy (os error 26)"),
        "{refused}"
    );
    let HostError::Input(mistake) = refused else {
        panic!("{refused:?}");
    };
    let InputError::CannotLaunch { advice, .. } = *mistake else {
        panic!("{mistake:?}");
    };
    let todo = "close it first: a process has it open for writing";
    assert_eq!(advice, Advice::Do(todo.to_owned()));
    Ok(())
}
