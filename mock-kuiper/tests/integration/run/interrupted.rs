//! A signal that comes before a run has done what its command line asks for.

use std::fs::File;
use std::io::Write as _;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;

use super::common::Plugin;

#[test]
fn a_signal_before_the_rows_that_were_asked_for_gives_status_3() {
    let plugin = Plugin::new(&["random"], &[], &["echo"]);
    let echo = plugin.function("echo");
    let call = format!("{echo}(1)");
    let live = plugin.start(&["--count", "100000", "--call", &call]);
    live.wait_for_stdout("\"number\":1}");

    live.signal(Signal::INT);
    let done = live.finish();

    let rows = done.stdout.matches("\"source\"").count();
    done.assert_status(3)
        .assert_says("no errors in ")
        .assert_says(&format!(
            "error: interrupted: source `random` sent {rows} of 100,000 rows"
        ));
}

#[test]
fn a_signal_before_all_rows_of_a_file_are_sent_gives_status_3() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let rows = plugin.place().join("rows.jsonl");
    // It has no end while somebody may write to it.
    mkfifoat(CWD, &rows, Mode::RWXU).unwrap();
    let live = plugin.start(&["--rows", rows.to_str().unwrap()]);
    let mut writer = File::options().write(true).open(&rows).unwrap();
    writer.write_all(b"{\"a\":1}\n").unwrap();
    live.wait_for_stderr("append got");

    live.signal_and_wait(Signal::INT);
    drop(writer);

    live.finish()
        .assert_status(3)
        .assert_says("error: interrupted: not all rows were sent to the sinks");
}

#[test]
fn a_signal_before_the_greeting_of_a_plugin_that_is_to_be_called_gives_status_3() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let call = format!("{}(1)", plugin.function("echo"));
    let live = plugin.start(&["--env", "PROBE=silent", "--call", &call]);
    live.wait_for_stderr("directory");

    live.signal(Signal::INT);

    live.finish()
        .assert_status(3)
        .assert_says("error: interrupted: 0 of 1 call came to an end");
}
