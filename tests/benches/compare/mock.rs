//! `mock-kuiper` instead of the neutral host, with the plugin on the SDK.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Result;
use crate::load::source_config;
use crate::peer::{Peer, SDK};
use crate::placement::Apart;
use crate::plan::{CALLS, Entry, FEW_ROWS, K64, M1, MANY_ROWS, SOURCE, SOURCE_1M, SOURCE_64K};
use crate::results::{Metric, Results};
use crate::usage;

/// Its name in the tables and in the JSON.
pub(crate) const NAME: &str = "mock";

/// The command and the plugin, in a directory with its json.
#[derive(Debug)]
pub(crate) struct Mock {
    program: PathBuf,
    plugin: PathBuf,
    work: TempDir,
}

impl Mock {
    /// Prepares the plugin; `None` if the command or the plugin on the SDK is
    /// missing.
    pub(crate) fn new(program: Option<&Path>, peers: &[Peer]) -> Result<Option<Self>> {
        let sdk = peers.iter().find(|peer| peer.name == SDK);
        let Some((program, sdk)) = program.zip(sdk) else {
            println!("skipped: mock-kuiper as the host");
            return Ok(None);
        };
        let work = tempfile::tempdir()?;
        let plugin = work.path().join(sdk.plugin);
        fs::create_dir(&plugin)?;
        symlink(fs::canonicalize(sdk.program())?, plugin.join(sdk.plugin))?;
        let manifest = json!({
            "version": "1",
            "language": "go",
            "executable": sdk.plugin,
            "sources": ["bench_rows"],
            "sinks": ["bench_take"],
            "functions": ["bench_echo", "bench_head", "bench_fill", "bench_taken"],
        });
        let file = plugin.join(format!("{}.json", sdk.plugin));
        fs::write(file, manifest.to_string())?;
        Ok(Some(Self {
            program: fs::canonicalize(program)?,
            plugin,
            work,
        }))
    }

    /// Measures a load under mock-kuiper, if its figures are compared with those of
    /// the neutral host.
    pub(crate) fn measure(&self, results: &mut Results, entry: &Entry, time: Duration) -> Result {
        match entry.name {
            SOURCE => {
                self.rows(results, entry.name, time, 60)?;
                let first = self.first_row()?.as_secs_f64() * 1e3;
                results.add(SOURCE, NAME, Metric::FirstRow, first);
            }
            SOURCE_64K => self.rows(results, entry.name, time, K64)?,
            SOURCE_1M => self.rows(results, entry.name, time, M1)?,
            CALLS => {
                let call = [
                    "--function",
                    "bench_echo",
                    "--call",
                    "bench_echo(\"hello\")",
                ];
                let apart = Apart::new();
                let rate = self.bench(time, &call, "calls_per_second", apart.as_ref())?;
                results.add(CALLS, NAME, Metric::Rate, rate);
            }
            _ => {}
        }
        Ok(())
    }

    /// Measures a source with rows of `bytes` bytes.
    fn rows(
        &self,
        results: &mut Results,
        load: &'static str,
        time: Duration,
        bytes: usize,
    ) -> Result {
        let config = format!("bench_rows={}", source_config(bytes));
        let source = ["--source", "bench_rows", "--config", &config];
        let rate = self.bench(time, &source, "rows_per_second", None)?;
        results.add(load, NAME, Metric::Rate, rate);
        Ok(())
    }

    /// Runs one round of `mock-kuiper bench`; with `apart`, the plugin runs on a
    /// processor of its own.
    fn bench(
        &self,
        time: Duration,
        symbols: &[&str],
        metric: &str,
        apart: Option<&Apart>,
    ) -> Result<f64> {
        let json = self.work.path().join("bench.json");
        let time = format!("{}ms", time.as_millis());
        let mut bench = Command::new(&self.program)
            .arg("bench")
            .arg(&self.plugin)
            .args(["--rounds", "1", "--time", &time])
            .args(symbols)
            .arg("--json")
            .arg(&json)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        while let (Some(apart), None) = (apart, bench.try_wait()?) {
            // A new thread begins on the processor of the thread that starts it.
            usage::processes_of(&self.plugin)
                .into_iter()
                .for_each(|pid| apart.put_away(pid));
            thread::sleep(Duration::from_millis(5));
        }
        let done = bench.wait_with_output()?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into());
        }
        let record: Value = serde_json::from_slice(&fs::read(&json)?)?;
        let measurements = record["measurements"].as_array().ok_or("no measurements")?;
        let found = measurements
            .iter()
            .find_map(|measurement| measurement["metrics"][metric]["median"].as_f64());
        Ok(found.ok_or_else(|| format!("the output of `mock-kuiper bench` has no `{metric}`"))?)
    }

    /// Measures the time from the start of `mock-kuiper run` to its first line on
    /// stdout.
    fn first_row(&self) -> Result<Duration> {
        let begin = Instant::now();
        let mut run = self.run(1).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(run.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        let took = begin.elapsed();
        run.wait()?;
        match line.starts_with("{\"source\":\"bench_rows\"") {
            true => Ok(took),
            false => Err(format!("the first line was `{line}`").into()),
        }
    }

    /// Measures the peak memory of `mock-kuiper run`, with few rows and with many.
    pub(crate) fn measure_memory(&self, results: &mut Results) -> Result {
        for (load, count) in [(FEW_ROWS, 20_000), (MANY_ROWS, 10_000_000)] {
            let mut run = self.run(count).stdout(Stdio::null()).spawn()?;
            let mut peak = None;
            while run.try_wait()?.is_none() {
                peak = usage::peak_memory(run.id()).or(peak);
                thread::sleep(Duration::from_millis(2));
            }
            if let Some(peak) = peak {
                results.add(load, NAME, Metric::Memory, peak);
            }
        }
        Ok(())
    }

    fn run(&self, count: u64) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("run")
            .arg(&self.plugin)
            // The names of the sockets begin with it.
            .args(["--rule", &format!("bench{}", std::process::id())])
            .args(["--source", "bench_rows", "--config"])
            .arg(format!("bench_rows={}", source_config(60)))
            .args(["--count", &count.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}
