//! Runs plugins on the SDK for a long time, and shows that nothing is lost and nothing
//! grows. ci/endure runs it.
//!
//! Two plugins run at once, each under its own host (mock-kuiper's library, in this
//! process). The first never ends: `steady` has its loads. The second is killed and
//! started again all the time: `crashing` has its loads. Every row and every call has a
//! number, which is checked. What is used (memory, open files, threads) is compared
//! between the end of the first minute and the end of the run, both times while nothing
//! is started or killed.
//!
//! Exits with status 1 if a bound is broken.

mod crashing;
mod latency;
mod load;
mod report;
mod run;
mod sequence;
mod steady;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use mock_kuiper::engine::usage::of_process;
use mock_kuiper::{Host, Limits, Usage};
use serde_json::json;

use crate::report::{Line, Report, Verdict};
use crate::run::Run;

type Failure = Box<dyn Error + Send + Sync>;
type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// The plugin, which cargo builds with this program.
const PLUGIN: &str = env!("CARGO_BIN_EXE_endure");

#[derive(Parser)]
struct Args {
    /// The seconds that the run takes
    #[arg(long, default_value_t = 1200, value_parser = clap::value_parser!(u64).range(2..))]
    time: u64,

    /// Decides what is started, killed and started again, and when; drawn by default
    #[arg(long)]
    seed: Option<u64>,

    /// What the plugins do wrong: lose, double, swap, drop, stall, leak, slow, sleep
    #[arg(long)]
    fault: Option<String>,

    /// Cargo passes this.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match endure(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the run, and prints its table. Returns whether all bounds were kept.
fn endure(args: &Args) -> Result<bool> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let time = Duration::from_secs(args.time);
    println!("{} s with seed {seed}", args.time);
    let work = tempfile::tempdir()?;
    let directory = work.path().join("endure");
    fs::create_dir(&directory)?;
    fs::copy(PLUGIN, directory.join("endure"))?;
    let manifest = json!({
        "version": "1",
        "language": "go",
        "executable": "endure",
        "sources": ["rows", "idle_source"],
        "sinks": ["take", "idle_sink"],
        "functions": ["echo", "idle_function", "rouse"],
    });
    fs::write(directory.join("endure.json"), manifest.to_string())?;
    let launch = || launch(&directory, work.path(), args.fault.as_deref());
    let (calm, stormy) = (launch()?, launch()?);

    let run = Run::new(time, seed);
    let idle = steady::Idle::start(&calm)?;
    let (steady, crashing, marks) = thread::scope(|scope| {
        // Ends the threads that run if anything fails.
        let _finish = Finish(&run);
        let steady = steady::start(scope, &run, &calm)?;
        let crashing = crashing::start(scope, &run, &stormy, work.path())?;
        let marks = watch(&run, &calm, &stormy);
        run.finish();
        Ok::<_, Failure>((steady.join()?, crashing.join()?, marks?))
    })?;
    let idle = idle.finish(&run);

    let mut report = Report::default();
    let [first, last] = marks;
    let judge = |name, first: Usage, last: Usage| {
        let verdict = match run.is_judged() {
            true => Verdict::of(!last.is_beyond(&first)),
            false => Verdict::TooShort,
        };
        Line::new(name, format!("{first}; at the end {last}"), verdict)
    };
    report.section("A plugin that never ends");
    steady.report(&run, &mut report);
    report.add(idle);
    report.add(judge("its process", first.calm, last.calm));
    report.section("A plugin that is killed and started again");
    crashing.report(&run, &mut report);
    report.add(judge("its process", first.stormy, last.stormy));
    report.section("mock-kuiper, the host of both");
    report.add(judge("its process", first.own, last.own));
    print!("{report}");
    let findings = run.take_findings();
    findings.print();
    Ok(report.is_kept() && findings.is_empty())
}

/// Ends all loads when it is dropped.
struct Finish<'a>(&'a Run);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Waits for the end of a load.
fn joined<T>(load: thread::ScopedJoinHandle<'_, T>) -> Result<T> {
    load.join().map_err(|_| "a load panicked".into())
}

fn launch(directory: &Path, work: &Path, fault: Option<&str>) -> Result<Host> {
    let mut host = Host::builder(directory)
        .isolated()
        .visible(work)
        .record(Limits::NONE);
    if let Some(fault) = fault {
        host = host.env("ENDURE_FAULT", fault);
    }
    Ok(host.launch()?)
}

/// What is used at one moment.
struct Mark {
    calm: Usage,
    stormy: Usage,
    own: Usage,
}

/// Waits for the end of the run. Reads what is used after the first minute and at the
/// end.
fn watch(run: &Run, calm: &Host, stormy: &Host) -> Result<[Mark; 2]> {
    let mark = |at: Duration| {
        let left = at.saturating_sub(run.begun().elapsed());
        thread::sleep(left);
        run.at_rest(|| {
            Ok(Mark {
                calm: calm.usage()?,
                stormy: stormy.usage()?,
                own: of_process(std::process::id()).ok_or("/proc cannot be read")?,
            })
        })
    };
    let first = mark(run.first_mark())?;
    run.measure_latency(Instant::now());
    Ok([first, mark(run.time())?])
}
