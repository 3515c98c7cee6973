//! How fast `mock-kuiper run` is: the time to a first row, rows a second from a
//! source that sends as fast as it can, and the memory that this takes.
//!
//! `cargo bench -p mock-kuiper`. The plugin is this program itself, on
//! `ekuiper-sp` alone: its source sends prepared rows of 60 bytes. It is ready
//! within 5 ms of its launch.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ekuiper_sp::{Options, Push, Req};

/// Rounds of each measurement; medians are printed.
const ROUNDS: usize = 5;

const ROWS: u64 = 2_000_000;
const MANY_ROWS: u64 = 10_000_000;

fn main() {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program)
        .file_name()
        .and_then(|name| name.to_str());
    if let Some(name) = name.filter(|name| name.starts_with("mkbench")) {
        plugin(name);
        return;
    }
    if !arguments.any(|argument| argument == "--bench") {
        println!("nothing is measured without --bench");
        return;
    }
    let staged = tempfile::tempdir().expect("a directory for the plugin");
    let name = format!("mkbench{}", std::process::id());
    stage(staged.path(), &name);

    let first = median(|| first_row(staged.path()).as_secs_f64() * 1000.0);
    println!("first row after           {first:8.1} ms   (aim: below 30)");
    let rate = median(|| rows(staged.path(), ROWS).0);
    println!("rows a second, to a file  {rate:8.0} k    (aim: at least 400)");
    let few = rows(staged.path(), ROWS / 100).1;
    println!("peak memory, 20 k rows    {few:8.1} MiB  (aim: below 12)");
    let many = rows(staged.path(), MANY_ROWS).1;
    println!("peak memory, 10 M rows    {many:8.1} MiB  (aim: the same)");
}

/// Lays out this program as a plugin.
fn stage(directory: &Path, name: &str) {
    let program = std::env::current_exe().expect("our own path");
    symlink(program, directory.join(name)).expect("a link to ourselves");
    let json = format!(
        r#"{{"version":"1","language":"go","executable":"{name}","sources":["flood"],"sinks":[],"functions":[]}}"#
    );
    fs::write(directory.join(format!("{name}.json")), json).expect("the json");
}

fn mock(plugin: &Path, count: u64) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    let rule = format!("bench{}", std::process::id());
    command
        .arg("run")
        .arg(plugin)
        .args(["--count", &count.to_string(), "--rule", &rule])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The time from the command's start to its first line.
fn first_row(plugin: &Path) -> Duration {
    let start = Instant::now();
    let mut run = mock(plugin, 1)
        .stdout(Stdio::piped())
        .spawn()
        .expect("mock-kuiper");
    let mut line = String::new();
    if let Some(stdout) = run.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("a first row");
    }
    let took = start.elapsed();
    assert!(line.starts_with("{\"source\":\"flood\""), "{line}");
    assert!(run.wait().expect("its end").success());
    took
}

/// Thousands of rows a second over a whole run into a file, and the peak of the
/// resident memory in MiB.
fn rows(plugin: &Path, count: u64) -> (f64, f64) {
    let out = tempfile::NamedTempFile::new().expect("a file for the rows");
    let start = Instant::now();
    let mut run = mock(plugin, count)
        .stdout(File::create(out.path()).expect("the file"))
        .spawn()
        .expect("mock-kuiper");
    let mut peak = 0.0;
    while run.try_wait().expect("its state").is_none() {
        peak = peak_memory(run.id()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    let rate = count as f64 / start.elapsed().as_secs_f64() / 1000.0;
    let lines = BufReader::new(out.reopen().expect("the rows")).lines();
    assert_eq!(lines.count() as u64, count, "a row was lost or doubled");
    (rate, peak)
}

/// The peak of a process's resident memory so far, in MiB.
fn peak_memory(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let mut values: Vec<f64> = (0..ROUNDS).map(|_| measure()).collect();
    values.sort_by(f64::total_cmp);
    values[ROUNDS / 2]
}

/// The plugin: a source that sends until its channel is closed.
fn plugin(name: &str) {
    let url = format!("ipc:///tmp/plugin_{name}.ipc");
    let mut control = Req::dial(&url, Options::default()).expect("the control channel");
    control
        .wait_connected(Some(Duration::from_secs(5)))
        .expect("a host");
    control.send(b"handshake").expect("a greeting");
    let mut running: Option<std::sync::Arc<Push>> = None;
    while let Ok(order) = control.recv(None) {
        let order: serde_json::Value = serde_json::from_slice(order).expect("an order");
        if order["cmd"] == "start" {
            let argument = order["arg"].as_str().expect("an argument");
            let argument: serde_json::Value = serde_json::from_str(argument).expect("JSON");
            let rule = argument["meta"]["ruleId"].as_str().expect("a rule");
            let url = format!("ipc:///tmp/{rule}_demo_0.ipc");
            let push = Push::dial(&url, Options::default()).expect("the data channel");
            let push = std::sync::Arc::new(push);
            let rows = std::sync::Arc::clone(&push);
            std::thread::spawn(move || {
                let row = br#"{"message":{"count":12345678,"name":"prepared"},"meta":null}"#;
                while rows.send(row, None).is_ok() {}
            });
            running = Some(push);
        } else if let Some(push) = running.take() {
            push.close();
        }
        control.send(b"ok").expect("an answer");
    }
}
