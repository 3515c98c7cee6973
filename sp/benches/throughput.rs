//! Compares this crate with a plain Unix socket, in alternating rounds.
//!
//! `cargo bench -p ekuiper-sp` prints rows/s one way (one plain `write` per row
//! and a reader with large reads, compared with PUSH and PULL) and round trips/s
//! (a plain ping-pong of the same frames, compared with REQ and REP). The other
//! end is always another process, which runs this program too. Without
//! `--bench`, as `cargo test` calls it, a short run only shows that it works.

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use ekuiper_sp::{Options, Pull, Push, Rep, Req};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const HEADER: usize = 9;
const ID: usize = 4;
const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

fn main() -> Outcome {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [mark, what, path, size, count] = &args[..]
        && mark == "peer"
    {
        return peer(what, path, size.parse()?, count.parse()?);
    }
    let long = args.iter().any(|arg| arg == "--bench");
    let (rounds, share) = if long { (5, 1) } else { (1, 1000) };

    for (size, count) in [(60, 600_000), (1024, 300_000), (65536, 20_000)] {
        let label = format!("one way, {size} B");
        compare(&label, rounds, "rows/s", |what| {
            one_way(what, size, count / share).map(|rate| (rate, None))
        })?;
    }
    for size in [60, 1024] {
        let label = format!("round trips, {size} B");
        compare(&label, rounds, "calls/s", |what| {
            round_trips(what, size, 40_000 / share).map(|(rate, times)| (rate, Some(times)))
        })?;
    }
    Ok(())
}

/// The rate of a round, and the 50th and 99th percentile of its round trips.
type Round = (f64, Option<[Duration; 2]>);

/// Runs both in alternation and prints medians, their spread, and the ratio.
fn compare(
    label: &str,
    rounds: usize,
    unit: &str,
    mut run: impl FnMut(&str) -> Outcome<Round>,
) -> Outcome {
    let mut results = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        for turn in 0..2 {
            let which = (round + turn) % 2;
            results[which].push(run(["plain", "sp"][which])?);
        }
    }
    let medians = results.each_ref().map(|rounds| {
        let mut rates: Vec<f64> = rounds.iter().map(|(rate, _)| *rate).collect();
        rates.sort_by(f64::total_cmp);
        [rates[0], rates[rates.len() / 2], rates[rates.len() - 1]]
    });
    for (name, [least, median, most]) in ["plain", "sp"].into_iter().zip(medians) {
        print!("{label:<22} {name:<6} {median:>9.0} {unit:<8} ({least:.0} to {most:.0})");
        let times: Vec<[Duration; 2]> = results[usize::from(name == "sp")]
            .iter()
            .filter_map(|(_, times)| *times)
            .collect();
        if !times.is_empty() {
            let median = |place: usize| {
                let mut of: Vec<Duration> = times.iter().map(|times| times[place]).collect();
                of.sort();
                of[of.len() / 2]
            };
            print!("  p50 {:.1?}  p99 {:.1?}", median(0), median(1));
        }
        println!();
    }
    println!("{label:<22} ratio  {:>9.2}", medians[1][1] / medians[0][1]);
    Ok(())
}

/// The process at the other end.
struct Other {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Other {
    fn start(what: &str, path: &str, size: usize, count: usize) -> Outcome<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["peer", what, path, &size.to_string(), &count.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let mut other = Self { child, output };
        other.await_word("ready")?;
        Ok(other)
    }

    fn await_word(&mut self, word: &str) -> Outcome {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.trim() == word {
            Ok(())
        } else {
            Err(format!("the other process printed {line:?}, expected {word:?}").into())
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn one_way(what: &str, size: usize, count: usize) -> Outcome<f64> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("bench").display().to_string();
    let mut reader = Other::start(&format!("{what}-reader"), &path, size, count)?;
    let start;
    if what == "plain" {
        let mut socket = UnixStream::connect(&path)?;
        let row = frame(size);
        start = Instant::now();
        for _ in 0..count {
            socket.write_all(&row)?;
        }
        reader.await_word("done")?;
    } else {
        let push = Push::connect(&format!("ipc://{path}"), Options::default(), LIMIT.unwrap())?;
        let row = vec![7; size];
        start = Instant::now();
        for _ in 0..count {
            push.send(&row, LIMIT)?;
        }
        reader.await_word("done")?;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

fn round_trips(what: &str, size: usize, count: usize) -> Outcome<(f64, [Duration; 2])> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("bench").display().to_string();
    let _other = Other::start(&format!("{what}-echo"), &path, size, count)?;
    let mut times = Vec::with_capacity(count);
    let start;
    if what == "plain" {
        let mut socket = UnixStream::connect(&path)?;
        let call = frame(ID + size);
        let mut reply = vec![0; call.len()];
        start = Instant::now();
        for _ in 0..count {
            let before = Instant::now();
            socket.write_all(&call)?;
            socket.read_exact(&mut reply)?;
            times.push(before.elapsed());
        }
    } else {
        let mut req = Req::dial(&format!("ipc://{path}"), Options::default())?;
        req.wait_connected(LIMIT)?;
        let call = vec![7; size];
        start = Instant::now();
        for _ in 0..count {
            let before = Instant::now();
            req.send(&call)?;
            req.recv(None)?;
            times.push(before.elapsed());
        }
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    times.sort();
    Ok((rate, [times[count / 2], times[count * 99 / 100]]))
}

fn frame(length: usize) -> Vec<u8> {
    let mut bytes = vec![7; HEADER + length];
    bytes[..HEADER].copy_from_slice(&ekuiper_sp::frame::header(length));
    bytes
}

/// Runs the other process's part.
fn peer(what: &str, path: &str, size: usize, count: usize) -> Outcome {
    let url = format!("ipc://{path}");
    match what {
        "plain-reader" => {
            let mut socket = accept(path)?;
            let mut buffer = vec![0; 256 * 1024];
            let mut missing = count * (HEADER + size);
            while missing > 0 {
                missing -= socket.read(&mut buffer)?;
            }
        }
        "sp-reader" => {
            let mut pull = Pull::listen(&url, Options::default())?;
            println!("ready");
            for _ in 0..count {
                pull.recv(LIMIT)?;
            }
        }
        "plain-echo" => {
            let mut socket = accept(path)?;
            let mut call = vec![0; HEADER + ID + size];
            for _ in 0..count {
                socket.read_exact(&mut call)?;
                socket.write_all(&call)?;
            }
        }
        "sp-echo" => {
            let mut rep = Rep::listen(&url, Options::default())?;
            println!("ready");
            let mut answer = Vec::new();
            for _ in 0..count {
                answer.clear();
                answer.extend_from_slice(rep.recv(LIMIT)?);
                rep.send(&answer, LIMIT)?;
            }
        }
        other => return Err(format!("unknown peer {other}").into()),
    }
    println!("done");
    Ok(())
}

fn accept(path: &str) -> Outcome<UnixStream> {
    let listener = UnixListener::bind(path)?;
    println!("ready");
    Ok(listener.accept()?.0)
}
