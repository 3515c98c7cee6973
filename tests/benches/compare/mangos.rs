//! The load of a source that sends to a PULL socket of mangos, as in eKuiper.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::host::Host;
use crate::load::{WARM_UP, source_config};
use crate::peer::Peer;
use crate::plan::MANGOS;
use crate::results::{Metric, Results};

/// Measures all plugins once, if `directory` has the program `mangos_pull`.
pub(crate) fn measure(results: &mut Results, directory: &Path, peers: &[Peer], time: Duration) {
    let program = directory.join("mangos_pull");
    if !program.is_file() {
        return;
    }
    for peer in peers {
        match rows(&program, peer, time) {
            Ok(rate) => results.add(MANGOS, peer.name, Metric::Rate, rate),
            Err(error) => results.fail(MANGOS, peer.name, error.to_string()),
        }
    }
}

fn rows(program: &Path, peer: &Peer, time: Duration) -> Result<f64> {
    let mut host = Host::launch(peer)?;
    let mut reader = None;
    let source = host.start_source_for(0, &source_config(60), |path| {
        reader = Some(MangosPull::listen(program, path)?);
        Ok(())
    })?;
    let mut reader = reader.ok_or("nobody reads the source")?;
    thread::sleep(WARM_UP);
    let (rows, begin) = (reader.rows()?, Instant::now());
    thread::sleep(time);
    let (rows, took) = (reader.rows()? - rows, begin.elapsed());
    host.stop(&source)?;
    match rows {
        0 => Err("the source sent no row".into()),
        rows => Ok(rows as f64 / took.as_secs_f64()),
    }
}

/// A process that reads rows with mangos and counts them.
struct MangosPull {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// The file of its socket, which a killed process does not remove.
    path: PathBuf,
}

impl MangosPull {
    fn listen(program: &Path, path: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .arg(format!("ipc://{}", path.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or("the reader has no pipes")?;
        let mut reader = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            path: path.to_owned(),
        };
        match reader.line()?.as_str() {
            "ready" => Ok(reader),
            other => Err(format!("the reader printed `{other}`").into()),
        }
    }

    /// The number of rows that have come so far.
    fn rows(&mut self) -> Result<u64> {
        self.stdin.write_all(b"\n")?;
        Ok(self.line()?.parse()?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for MangosPull {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.path);
    }
}
