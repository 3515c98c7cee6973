//! `--watch`: a plugin that is changed while it runs.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use super::common::{Live, Plugin, wait_until, write_script};

/// Waits until stderr has `text` at least `count` times.
fn wait_for(run: &Live, text: &str, count: usize) {
    wait_until(text, || run.stderr().matches(text).count() >= count);
}

/// Makes the plugin a Cargo package that prints `word first` and becomes the probe.
fn make_package(plugin: &Plugin) {
    let probe = plugin.place().join("probe");
    fs::rename(plugin.executable(), &probe).unwrap();
    let manifest = format!(
        "[package]\nname = \"{}\"\nedition = \"2021\"\n[workspace]\n",
        plugin.id
    );
    plugin.write("Cargo.toml", &manifest);
    write_main(plugin, "first");
}

fn write_main(plugin: &Plugin, word: &str) {
    let probe = plugin.place().join("probe");
    let main = format!(
        r#"use std::os::unix::process::CommandExt;
        fn main() {{
            println!("word {word}");
            let mut args = std::env::args();
            let mut probe = std::process::Command::new({probe:?});
            let error = probe.arg0(args.next().unwrap()).args(args).exec();
            panic!("{{error}}");
        }}"#
    );
    plugin.write("src/main.rs", &main);
}

fn watch(plugin: &Plugin, args: &[&str]) -> Live {
    let mut command = plugin.command(&[&["--watch", "--debug"], args].concat());
    // The packages share it, because their names are unique.
    command.env("CARGO_TARGET_DIR", cargo_target());
    Live::spawn(command, &plugin.id)
}

fn cargo_target() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("watched")
}

/// Ends a run with Ctrl-C.
fn end(run: Live, status: i32) -> super::common::Done {
    run.signal(Signal::INT);
    let done = run.finish();
    done.assert_status(status);
    done
}

#[test]
fn a_change_replaces_the_process_and_repeats_its_start_orders() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let call = format!("{}(1)", plugin.function("echo"));
    plugin.write("sources/random.yaml", "");
    let run = watch(&plugin, &["--call", &call]);
    run.wait_for_stdout("\"number\":2");

    plugin.write("sources/random.yaml", "default: {}\n");

    wait_for(&run, "sources/random.yaml changed: loaded in ", 1);
    wait_for(&run, "append got [{\"number\":1}]", 2);
    // Calls are repeated after everything is started.
    wait_until("a second call", || {
        run.stdout().matches("\"result\":1").count() == 2
    });
    let done = end(run, 0);
    for symbol in ["random", "append", &plugin.function("echo")] {
        let order = format!("start {{\"symbolName\":\"{symbol}\"");
        assert_eq!(done.stderr.matches(&order).count(), 2, "{order} in {done}");
    }
    assert!(done.said().contains("no errors"), "{done}");
}

#[test]
fn rows_of_the_command_line_are_sent_again_after_a_change() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let run = watch(&plugin, &["--send", r#"{"a":1}"#, "--require-ack"]);
    wait_for(&run, "append got [{\"a\":1}]", 1);

    plugin.write("sinks/append.json", "{}");

    wait_for(&run, "append got [{\"a\":1}]", 2);
    end(run, 0).assert_says("2 rows sent, 2 acks");
}

#[test]
fn a_cargo_package_is_rebuilt_and_a_failed_build_keeps_the_old_process() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    make_package(&plugin);
    let run = watch(&plugin, &[]);
    wait_for(&run, "word first", 1);

    plugin.write("src/main.rs", "fn main() { no Rust }");
    wait_for(&run, "src/main.rs changed, and the old process goes on", 1);
    let rows = run.stdout().lines().count();
    wait_until("a row of the old process", || {
        run.stdout().lines().count() > rows
    });
    assert_eq!(run.stderr().matches("launched").count(), 0);
    write_main(&plugin, "second");

    wait_for(&run, "src/main.rs changed: built in ", 1);
    wait_for(&run, "word second", 1);
    let rows = run.stdout().lines().count();
    wait_until("a row of the new process", || {
        run.stdout().lines().count() > rows
    });
    let done = end(run, 0);
    assert_eq!(done.logged("word "), ["first", "second"], "{done}");
}

#[test]
fn a_change_during_the_first_build_is_built_after_it() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    make_package(&plugin);
    // Builds, and then changes the source, the first time.
    let cargo = plugin.place().join("cargo");
    write_main(&plugin, "second");
    let main = plugin.directory().join("src/main.rs");
    fs::rename(&main, plugin.place().join("second.rs")).unwrap();
    write_main(&plugin, "first");
    write_script(
        &cargo,
        &format!(
            "{} \"$@\" || exit; [ \"$1\" = build ] || exit 0; cd {}; \
             [ -e second.rs ] && cat second.rs >{} && rm second.rs; exit 0",
            env!("CARGO"),
            plugin.place().display(),
            main.display()
        ),
    );
    let mut command = plugin.command(&["--watch", "--debug"]);
    command.env("CARGO_TARGET_DIR", cargo_target());
    command.env("CARGO", &cargo);

    let run = Live::spawn(command, &plugin.id);

    wait_for(&run, "src/main.rs changed: built in ", 1);
    wait_for(&run, "word second", 1);
    let done = end(run, 0);
    assert_eq!(done.logged("word "), ["first", "second"], "{done}");
    assert_eq!(done.stderr.matches(" changed: ").count(), 1, "{done}");
}

#[test]
fn many_files_that_change_at_once_are_few_changes() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let run = watch(&plugin, &[]);
    run.wait_for_stdout("\"number\":1");

    for number in 0..50 {
        plugin.write(&format!("lib/file{number}.py"), "text");
    }
    wait_for(&run, " changed: loaded in ", 1);
    // A last change, so that all reloads for the first ones come before it.
    plugin.write("last.py", "text");

    wait_for(&run, "last.py changed: loaded in ", 1);
    let done = end(run, 0);
    let loaded = done.stderr.matches("changed: loaded").count();
    // Two, or a few more if the machine pauses between the files.
    assert!((2..10).contains(&loaded), "{done}");
}

#[test]
fn build_output_and_logs_are_not_changes() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let run = watch(&plugin, &[]);
    run.wait_for_stdout("\"number\":1");

    for file in ["__pycache__/a.pyc", ".git/index", "target/x", "plugin.log"] {
        plugin.write(file, "text");
    }
    plugin.write("last.py", "text");

    wait_for(&run, "changed: loaded in ", 1);
    let done = end(run, 0);
    assert!(
        done.said().contains("note: last.py changed: loaded"),
        "{done}"
    );
}

#[test]
fn what_the_plugin_and_mock_kuiper_write_beside_the_code_is_not_a_change() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    plugin.wrap(
        "echo row >>rows.jsonl; echo row >rows.csv; mkdir -p data; echo row >>data/rows; \
         exec bin/$(basename \"$0\") \"$@\"",
    );
    let trace = plugin.directory().join("trace.jsonl");
    let events = plugin.directory().join("events.json");
    let (trace, events) = (trace.to_str().unwrap(), events.to_str().unwrap());
    let run = watch(&plugin, &["--trace", trace, "--json", events]);
    wait_for(&run, "append got [{\"number\":2}]", 1);

    plugin.write("last.py", "text");

    wait_for(&run, "append got [{\"number\":2}]", 2);
    let done = end(run, 0);
    assert!(
        done.said().contains("note: last.py changed: loaded"),
        "{done}"
    );
    assert_eq!(done.stderr.matches(" changed: ").count(), 1, "{done}");
    let rows = fs::read_to_string(plugin.directory().join("rows.jsonl")).unwrap();
    assert_eq!(rows, "row\nrow\n");
}

#[test]
fn a_file_that_the_build_reads_is_a_change() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    make_package(&plugin);
    plugin.write("word.txt", "first");
    let main = plugin.directory().join("src/main.rs");
    let code = fs::read_to_string(&main).unwrap();
    let code = code.replace(
        "\"word first\"",
        "\"word {}\", include_str!(\"../word.txt\")",
    );
    fs::write(&main, code).unwrap();
    let run = watch(&plugin, &[]);
    assert_reads_again(&plugin, run);
}

/// Changes a file that the build reads, which the plugin prints after `word`.
fn assert_reads_again(plugin: &Plugin, run: Live) {
    wait_for(&run, "word first", 1);

    plugin.write("word.txt", "second");

    wait_for(&run, "word.txt changed: built in ", 1);
    wait_for(&run, "word second", 1);
    end(run, 0);
}

#[test]
fn a_file_that_a_go_module_embeds_is_a_change() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let probe = plugin.place().join("bin").join(&plugin.id);
    fs::create_dir(plugin.place().join("bin")).unwrap();
    fs::rename(plugin.executable(), &probe).unwrap();
    plugin.write("go.mod", "module probe\n");
    plugin.write("word.txt", "first");
    // In place of `go`; `ci/new` builds real modules.
    let go = format!(
        "case \"$1\" in list) echo \"$PWD/word.txt\"; exit;; esac\nmkdir -p \"${{3%/*}}\"\n\
         cat >\"$3.new\" <<EOF\n#!/bin/sh\necho word $(cat word.txt)\n\
         exec {} \"\\$@\"\nEOF\nchmod +x \"$3.new\"; mv \"$3.new\" \"$3\"",
        probe.display()
    );
    write_script(&plugin.place().join("go"), &go);
    let mut command = plugin.command(&["--watch", "--debug"]);
    command.env(
        "PATH",
        format!("{}:/usr/bin:/bin", plugin.place().display()),
    );
    let run = Live::spawn(command, &plugin.id);
    assert_reads_again(&plugin, run);
}

#[test]
fn a_dead_plugin_is_reported_once_and_the_next_change_revives_it() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    plugin.write("word.sh", "dies=start");
    plugin.wrap("PROBE=$(cat word.sh) exec bin/$(basename \"$0\") \"$@\"");
    let run = watch(&plugin, &[]);
    wait_for(&run, "error: the plugin exited unexpectedly", 1);

    plugin.write("word.sh", "");

    wait_for(&run, "word.sh changed: loaded in ", 1);
    wait_for(&run, "append got [{\"number\":2}]", 1);
    let done = end(run, 1);
    assert_eq!(done.said().matches("error:").count(), 1, "{done}");
}

#[test]
fn a_plugin_that_never_greeted_gets_all_its_orders_after_a_change() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    plugin.wrap("echo \"[probe] nothing yet\"; exit 3");
    let run = watch(&plugin, &[]);
    wait_for(&run, "error: the plugin exited before its greeting", 1);

    let probe = plugin.directory().join("bin").join(&plugin.id);
    fs::rename(probe, plugin.executable()).unwrap();

    wait_for(&run, "changed: loaded in ", 1);
    wait_for(&run, "append got [{\"number\":2}]", 1);
    let done = end(run, 1);
    assert_eq!(done.said().matches("error:").count(), 1, "{done}");
}

#[test]
fn a_signal_does_not_wait_for_a_changed_plugin_that_does_not_greet() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    plugin.write("word.sh", "");
    plugin.wrap("PROBE=$(cat word.sh) exec bin/$(basename \"$0\") \"$@\"");
    let run = watch(&plugin, &["--answer-timeout", "1h"]);
    wait_for(&run, "append got [{\"number\":1}]", 1);

    plugin.write("word.sh", "silent");
    wait_for(&run, "directory ", 2);

    let done = end(run, 0);
    assert_eq!(done.logged("stop ").len(), 0, "{done}");
}

#[test]
fn watch_rejects_zips_and_conflicting_options() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin
        .run(&["--watch", "--count", "1"])
        .assert_status(2)
        .assert_says("'--watch' cannot be used with '--count <ROWS>'");
    plugin
        .run(&["--watch", "--fault", "kill"])
        .assert_status(2)
        .assert_says("cannot be used with");
    let zip = plugin.place().join("plugin.zip");
    fs::write(&zip, "no zip").unwrap();
    let done = Live::spawn(plugin.command_on(&zip, &["--watch"]), &plugin.id).finish();
    done.assert_status(2)
        .assert_says("--watch needs the plugin's directory, not a zip");
}
