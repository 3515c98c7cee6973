//! `--isolate`: a separate /tmp for the plugin.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use super::common::{Live, Plugin, wait_until};

/// Whether the system allows namespaces; prints why if it does not.
fn possible() -> bool {
    let refused = mock_kuiper::engine::isolate::refused();
    if let Some(error) = refused {
        println!("skipped: {error}");
    }
    refused.is_none()
}

/// Makes a directory with a short path for the folders of one test's runs, so that
/// anything left there is from them.
fn place() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("i")
        .tempdir_in("/tmp")
        .unwrap()
}

fn isolated(plugin: &Plugin, place: &Path, args: &[&str]) -> Live {
    let mut command = plugin.command(args);
    command.arg("--isolate").env("TMPDIR", place);
    Live::spawn(command, &plugin.id)
}

fn entries(place: &Path) -> usize {
    fs::read_dir(place).unwrap().count()
}

#[test]
fn sixteen_isolated_runs_of_one_plugin_do_not_collide() {
    if !possible() {
        return;
    }
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let place = place();
    let call = format!("{}(1)", plugin.function("echo"));

    let runs: Vec<_> = (0..16)
        .map(|_| isolated(&plugin, place.path(), &["--count", "3", "--call", &call]))
        .collect();

    for run in runs {
        let done = run.end();
        assert_eq!(done.assert_status(0).stdout.lines().count(), 4, "{done}");
    }
    plugin.assert_clean();
    assert_eq!(entries(place.path()), 0);
}

#[test]
fn an_isolated_run_does_not_disturb_one_on_the_real_tmp() {
    if !possible() {
        return;
    }
    let plugin = Plugin::new(&["random"], &[], &[]);
    let place = place();
    let real = plugin.start(&[]);
    real.wait_for_stdout("\"random\"");

    isolated(&plugin, place.path(), &["--count", "1"])
        .end()
        .assert_status(0);

    real.signal(Signal::INT);
    real.finish().assert_status(0);
}

#[test]
fn a_killed_run_leaves_no_process_and_no_folder() {
    if !possible() {
        return;
    }
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let place = place();
    let run = isolated(&plugin, place.path(), &[]);
    run.wait_for_stdout("\"random\"");
    assert_eq!(entries(place.path()), 1);

    run.signal(Signal::KILL);
    run.finish();

    wait_until("an empty place", || entries(place.path()) == 0);
}

#[test]
fn bind_needs_isolate_and_rejects_tmp_itself_and_a_missing_path() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let alone = plugin.run(&["--bind", "/tmp/x"]);
    let tmp = plugin.run(&["--isolate", "--bind", "/tmp", "--count", "1"]);
    let missing = plugin.run(&["--isolate", "--bind", "/tmp/no/such", "--count", "1"]);

    alone.assert_status(2);
    assert!(alone.stderr.contains("--isolate"), "{alone}");
    tmp.assert_status(2);
    assert!(tmp.stderr.contains("/tmp"), "{tmp}");
    missing.assert_status(2).assert_says(
        "error: cannot let the plugin see /tmp/no/such: No such file or directory (os error 2); \
         correct the path",
    );
}
