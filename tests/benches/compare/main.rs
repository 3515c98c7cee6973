//! How fast plugins on several SDKs are, on one machine in one run, and how far
//! from the limit: the benchmark behind docs/performance.md.
//!
//! `ci/bench` builds what is compared and runs this. Every plugin does the same
//! (`tests/plugins/bench`), under a neutral host on plain Unix sockets, each load
//! in a process of its own, the plugins in turn. Medians of the rounds are
//! printed with how far these lie apart, and the bars that were met and missed.
//! A missed bar is no failure: the machine may be slow. A row of the SDK's that
//! was lost, doubled or out of its order is one: exit status 1.

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
use serde_json::json;

use crate::host::Host;
use crate::mock::Mock;
use crate::peer::{Peer, SDK};
use crate::placement::Apart;
use crate::plan::{ENTRIES, Entry, MANGOS, MANY_ROWS, SOURCE};
use crate::results::{Metric, Results};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Compares plugins on several SDKs.
#[derive(Debug, Parser)]
struct Args {
    /// Where the plugins' executables are; those that are not there are left out.
    #[arg(long, value_name = "DIR")]
    plugins: PathBuf,
    /// The Python that has the package `ekuiper`.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The mock-kuiper that is compared with the neutral host.
    #[arg(long, value_name = "PATH")]
    mock_kuiper: Option<PathBuf>,
    /// How often each load is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// How long each load is measured.
    #[arg(long, value_name = "MS", default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..))]
    time: u64,
    /// Only the loads whose names have this in them.
    #[arg(long, value_name = "NAME")]
    load: Option<String>,
    /// Writes all figures here.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Given by `cargo bench`.
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
        println!("nothing is measured without --bench");
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

/// Measures and prints; false where something of ours did wrong.
fn run(args: &Args) -> Outcome<bool> {
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
        "{} rounds of {} ms; medians, and half the way from the lowest to the highest\n",
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
    let ours = |peer| peer == SDK || peer == mock::NAME;
    Ok(!results.failures.iter().any(|(_, peer, _)| ours(*peer)))
}

fn measure(args: &Args, entries: &[&Entry], peers: &[Peer], time: Duration) -> Outcome<Results> {
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
                // Each is the first of a round now and then.
                let peer = &peers[(turn + round) % peers.len()];
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

fn measure_one(results: &mut Results, entry: &Entry, peer: &Peer, time: Duration) -> Outcome {
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
        (Metric::Greeting, Some(milliseconds(host.greeted))),
        (Metric::Stop, host.slowest_stop.map(milliseconds)),
    ];
    for (metric, value) in figures {
        if let Some(value) = value {
            results.add(entry.name, peer.name, metric, value);
        }
    }
    Ok(())
}
