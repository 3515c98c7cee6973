//! What a recorder adds to the way of a row: the latency of 10,000 rows/s of 1 KiB from
//! a plugin to its host, without and with the recorder of `mock-kuiper record`.
//!
//! This program is the plugin, too: the host launches it with eKuiper's argument. Every
//! row has its number and the time at which it was sent. A round fails if a row is lost,
//! doubled or out of order. The rounds of both alternate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use ekuiper_sp::{Error, Options, Push, Req};
use mock_kuiper::Host;
use serde_json::{Value, json};

/// The plugin's name, and that of its executable.
const NAME: &str = "bench_recorder";

/// Rows in a second.
const RATE: u32 = 10_000;

/// The bytes of a row, about.
const SIZE: usize = 1024;

#[derive(Parser)]
struct Args {
    /// The command `mock-kuiper`
    #[arg(long)]
    mock_kuiper: PathBuf,

    /// The rounds of each
    #[arg(long, default_value_t = 3)]
    rounds: u32,

    /// The rows of a round
    #[arg(long, default_value_t = 30_000)]
    rows: u32,

    /// Cargo passes this.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let launched = std::env::args().nth(1).filter(|text| text.starts_with('{'));
    let done = match launched {
        Some(_) => plugin().map_err(|error| error.to_string()),
        None => compare(&Args::parse()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves orders, and sends rows from the start of the source on.
fn plugin() -> Result<(), Error> {
    let mut control = Req::dial(&format!("ipc:///tmp/plugin_{NAME}.ipc"), Options::default())?;
    let mut message = b"handshake".to_vec();
    loop {
        control.wait_connected(None)?;
        control.send(&message)?;
        let order: Value = serde_json::from_slice(control.recv(None)?).unwrap_or_default();
        let argument = order["arg"].as_str().unwrap_or_default();
        let argument: Value = serde_json::from_str(argument).unwrap_or_default();
        if order["cmd"] == "start" {
            let meta = &argument["meta"];
            let text = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
            let url = format!("ipc:///tmp/{}_{}_0.ipc", text("ruleId"), text("opId"));
            let count = argument["config"]["rows"].as_u64().unwrap_or(0);
            thread::spawn(move || send(&url, count));
        }
        message = b"ok".to_vec();
    }
}

fn send(url: &str, count: u64) -> Result<(), Error> {
    let rows = Push::dial(url, Options::default())?;
    let padding = "x".repeat(SIZE - 80);
    let begin = Instant::now() + Duration::from_millis(200);
    for number in 0..count {
        let due = begin + Duration::from_secs(number) / RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let row = format!(
            r#"{{"message":{{"number":{number},"sent":{},"padding":"{padding}"}},"meta":null}}"#,
            nanoseconds()
        );
        rows.send(row.as_bytes(), None)?;
    }
    // Until the host ends this process.
    loop {
        thread::park();
    }
}

/// Nanoseconds of the clock that all processes share.
fn nanoseconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_nanos()).unwrap_or(0)
}

fn compare(args: &Args) -> Result<(), String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let plain = place.path().join("plain").join(NAME);
    let recorded = place.path().join("recorded").join(NAME);
    let trace = place.path().join("trace.jsonl");
    write_plugin(&plain).map_err(|error| error.to_string())?;
    record(args, &plain, &recorded, &trace)?;
    let mut medians = [Vec::new(), Vec::new()];
    for round in 1..=args.rounds {
        for (way, directory) in [&plain, &recorded].into_iter().enumerate() {
            let settled = || way == 0 || recorded_rows(&trace) >= (args.rows * round) as usize;
            let mut latencies = measure(directory, args.rows, &settled)?;
            latencies.sort_unstable();
            let at = |part: usize| latencies[latencies.len() * part / 1000] as f64 / 1000.0;
            println!(
                "round {round}, {}: median {:.0} µs, 99 % {:.0} µs, 99.9 % {:.0} µs, no row lost",
                ["plain   ", "recorded"][way],
                at(500),
                at(990),
                at(999),
            );
            medians[way].push(at(500));
        }
    }
    for medians in &mut medians {
        medians.sort_by(f64::total_cmp);
    }
    let middle = |medians: &[f64]| medians[medians.len() / 2];
    let added = middle(&medians[1]) - middle(&medians[0]);
    println!(
        "{} recorder adds {added:.0} µs at the median to {RATE} rows/s of {SIZE} bytes; at most \
         1000 µs are allowed",
        if added < 1000.0 { "met    " } else { "MISSED " },
    );
    Ok(())
}

fn write_plugin(directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory.join("sources"))?;
    fs::write(directory.join("sources/rows.yaml"), "")?;
    let json = json!({"version": "1", "language": "go", "executable": NAME, "sources": ["rows"]});
    fs::write(directory.join(format!("{NAME}.json")), json.to_string())?;
    fs::copy(std::env::current_exe()?, directory.join(NAME)).map(drop)
}

fn record(args: &Args, plugin: &Path, to: &Path, trace: &Path) -> Result<(), String> {
    let parent = to.parent().unwrap_or(to);
    fs::create_dir_all(parent).map_err(|error| error.to_string())?;
    let recorded = Command::new(&args.mock_kuiper)
        .arg("record")
        .arg(plugin)
        .arg("--output")
        .arg(trace)
        .arg("--to")
        .arg(to)
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", args.mock_kuiper.display()))?;
    match recorded.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&recorded.stderr).into_owned()),
    }
}

/// Runs a plugin until its rows have come and `settled` holds. Returns the latencies of
/// its rows in nanoseconds.
fn measure(directory: &Path, count: u32, settled: &dyn Fn() -> bool) -> Result<Vec<u64>, String> {
    let text = |error: mock_kuiper::HostError| error.to_string();
    let host = Host::builder(directory).launch().map_err(text)?;
    let mut source = host
        .source("rows")
        .within(NAME, "demo")
        .config(json!({"rows": count}))
        .start()
        .map_err(text)?;
    let mut latencies = Vec::with_capacity(count as usize);
    for number in 0..count {
        let row = source.next(Duration::from_secs(10)).map_err(text)?;
        let now = nanoseconds();
        if row.message["number"] != number {
            return Err(format!(
                "expected row {number}, got {}",
                row.message["number"]
            ));
        }
        let sent = row.message["sent"].as_u64().unwrap_or(0);
        latencies.push(now.saturating_sub(sent));
    }
    let end = Instant::now() + Duration::from_secs(20);
    while !settled() {
        if Instant::now() > end {
            return Err("not every row is in the trace".to_owned());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(latencies)
}

/// Counts the rows in the trace.
fn recorded_rows(trace: &Path) -> usize {
    let text = fs::read_to_string(trace).unwrap_or_default();
    text.matches(r#"\"padding\":"#).count()
}
