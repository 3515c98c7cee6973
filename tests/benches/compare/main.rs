//! The benchmark of docs/performance.md: how fast plugins on several SDKs are, on
//! one machine in one run, and how near to the limit.
//!
//! `ci/bench` builds the plugins and runs this. All plugins do the same
//! (`tests/plugins/bench`) under a neutral host on plain Unix sockets. Each load
//! has a new process; the plugins take turns. The output has the medians of the
//! rounds with their spread, and the bars that were met and missed.
//!
//! Exit status: 0 even if a bar is missed, as the machine may be slow; 1 if the
//! SDK's plugin or mock-kuiper fails, for example if a row is lost, doubled or out
//! of order; 3 for any other error.

mod bars;
mod frames;
mod host;
mod load;
mod mangos;
mod mock;
mod peer;
mod placement;
mod plan;
mod results;
mod table;
mod usage;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use mock_kuiper::engine::open_files::raise_limit;
use serde_json::json;

use crate::host::Host;
use crate::mock::Mock;
use crate::peer::{Peer, SDK};
use crate::placement::Apart;
use crate::plan::{ENTRIES, Entry, MANGOS, MANY_ROWS, SOURCE};
use crate::results::{Metric, Results};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Compares plugins on several SDKs.
#[derive(Debug, Parser)]
struct Args {
    /// Directory of the plugins' executables; missing ones are skipped.
    #[arg(long, value_name = "DIR")]
    plugins: PathBuf,
    /// Python interpreter that has the package `ekuiper`.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Executable of the mock-kuiper to compare with the neutral host.
    #[arg(long, value_name = "PATH")]
    mock_kuiper: Option<PathBuf>,
    /// Number of rounds; each measures every load once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// How long to measure a load in each round.
    #[arg(long, value_name = "MS", default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..))]
    time: u64,
    /// Measure only the loads whose names contain NAME.
    #[arg(long, value_name = "NAME")]
    load: Option<String>,
    /// Write all figures to FILE.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// Whether a load is to be measured.
    fn has(&self, name: &str) -> bool {
        self.load.as_deref().is_none_or(|part| name.contains(part))
    }
}

fn main() -> ExitCode {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("nothing to do: pass --bench to measure");
        return ExitCode::SUCCESS;
    }
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

/// Measures and prints; returns false if the SDK's plugin or mock-kuiper failed.
fn run(args: &Args) -> Result<bool> {
    // The host needs some open files for each instance. The plugins inherit the limit,
    // although a real host, in Go, gives them its first one.
    raise_limit();
    let (peers, missing) = Peer::find(&args.plugins, args.python.as_deref());
    for name in missing {
        println!("skipped: {name}: not built");
    }
    let entries: Vec<_> = ENTRIES
        .iter()
        .filter(|entry| args.has(entry.name))
        .collect();
    let time = Duration::from_millis(args.time);
    let results = measure(args, &entries, &peers, time)?;

    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    println!(
        "{} rounds of {} ms; medians, ± half the range from the lowest to the highest\n",
        args.rounds, args.time
    );
    println!("{}", table::write(&results, &names));
    let judged = bars::judge(&results);
    println!("Bars, as ratios of medians");
    for bar in &judged {
        println!("{bar}");
    }
    for (load, peer, text) in &results.failures {
        println!("FAILED: {peer}, {load}: {text}");
    }
    if let Some(file) = &args.json {
        let bars: Vec<_> = judged.iter().map(bars::Judged::json).collect();
        let all = json!({
            "rounds": args.rounds,
            "time_ms": args.time,
            "processors": std::thread::available_parallelism()?.get(),
            "results": results.json(),
            "bars": bars,
        });
        fs::write(file, serde_json::to_string_pretty(&all)? + "\n")
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    let is_of_the_project = |peer| peer == SDK || peer == mock::NAME;
    let mut failures = results.failures.iter();
    Ok(!failures.any(|(_, peer, _)| is_of_the_project(*peer)))
}

fn measure(args: &Args, entries: &[&Entry], peers: &[Peer], time: Duration) -> Result<Results> {
    let mut results = Results::default();
    let mock = Mock::new(args.mock_kuiper.as_deref(), peers)?;
    let steps = args.rounds * entries.len() as u64;
    let progress = ProgressBar::new(steps).with_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len} {msg}, {eta} left",
    )?);
    for peer in peers {
        if let Some(size) = peer.size() {
            results.add(SOURCE, peer.name, Metric::Size, size);
        }
    }
    for round in 0..args.rounds as usize {
        for entry in entries {
            progress.set_message(entry.title);
            let time = entry.load.time(time);
            for turn in 0..peers.len() {
                // Another peer begins in each round.
                let peer = &peers[(turn + round) % peers.len()];
                if entry.load.is_of_the_sdk() && peer.name != SDK {
                    continue;
                }
                if let Err(error) = measure_one(&mut results, entry, peer, time) {
                    results.fail(entry.name, peer.name, error.to_string());
                }
            }
            if let Some(mock) = &mock
                && let Err(error) = mock.measure(&mut results, entry, time)
            {
                results.fail(entry.name, mock::NAME, error.to_string());
            }
            progress.inc(1);
        }
        if args.has(MANGOS) {
            mangos::measure(&mut results, &args.plugins, peers, time);
        }
    }
    if let Some(mock) = mock.filter(|_| args.has(MANY_ROWS)) {
        progress.set_message("10 M rows under mock-kuiper");
        mock.measure_memory(&mut results)?;
    }
    progress.finish_and_clear();
    Ok(results)
}

fn measure_one(results: &mut Results, entry: &Entry, peer: &Peer, time: Duration) -> Result {
    let apart = entry.load.is_timed_singly().then(Apart::new).flatten();
    let mut host = Host::launch(peer)?;
    if let Some(apart) = &apart {
        apart.put_away(host.pid());
    }
    let reading = entry.load.run(&mut host, time)?;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (median, p99) = reading.latency.unzip();
    let figures = [
        (Metric::Rate, reading.rate),
        (Metric::Median, median),
        (Metric::P99, p99),
        (Metric::Cpu, reading.cpu),
        (Metric::Memory, reading.memory),
        (Metric::TimeEach, reading.time_each),
        (Metric::MemoryEach, reading.memory_each),
        (Metric::Greeting, Some(milliseconds(host.greeted))),
        (Metric::Stop, middle(&host.stops).map(milliseconds)),
        (
            Metric::LongestStop,
            host.stops.iter().max().copied().map(milliseconds),
        ),
    ];
    for (metric, value) in figures {
        if let Some(value) = value {
            results.add(entry.name, peer.name, metric, value);
        }
    }
    Ok(())
}

/// Returns the median; `None` if there is nothing.
fn middle(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
