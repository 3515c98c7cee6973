//! A neutral host: plays eKuiper's part as briefly as it can be played, so that
//! what is measured is the plugin.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::frames::{self, Frames, LIMIT, Listener, PULL, PUSH, REP, frame};
use crate::peer::Peer;
use crate::{Outcome, usage};

/// A launched plugin. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Host {
    child: Child,
    control: Channel,
    /// From the launch to the greeting.
    pub(crate) greeted: Duration,
    /// The longest wait for the answer to a stop.
    pub(crate) slowest_stop: Option<Duration>,
}

/// The start of a source or sink, which its stop repeats.
#[derive(Debug)]
pub(crate) struct Started(Value);

/// A running source or sink.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) started: Started,
    pub(crate) data: UnixStream,
    /// A sink's acks; nobody has dialed there where it sends none.
    pub(crate) acks: Option<UnixStream>,
    _listeners: Vec<Listener>,
}

/// A request channel: the plugin greets, then answers what it is asked.
#[derive(Debug)]
pub(crate) struct Channel {
    _listener: Listener,
    stream: UnixStream,
    frames: Frames,
    /// The plugin's request that the next question replies to.
    id: [u8; 4],
}

impl Host {
    pub(crate) fn launch(peer: &Peer) -> Outcome<Self> {
        let listener = Listener::bind(format!("/tmp/plugin_{}.ipc", peer.plugin))?;
        let begin = Instant::now();
        let mut child = peer
            .command()
            .arg(r#"{"sendTimeout":1000}"#)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} cannot be launched: {error}", peer.name))?;
        match Channel::accept(listener) {
            Ok(control) => Ok(Self {
                child,
                control,
                greeted: begin.elapsed(),
                slowest_stop: None,
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("{} did not greet: {error}", peer.name).into())
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time of the plugin so far.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        Ok(usage::cpu(self.pid())?)
    }

    /// Starts a source under a rule of its own.
    pub(crate) fn start_source(&mut self, rule: usize, config: &Value) -> Outcome<Instance> {
        let mut dialed = None;
        let started = self.start_source_for(rule, config, |path| {
            dialed = Some(accept(Listener::bind(path)?, PULL, LIMIT));
            Ok(())
        })?;
        let (listener, data) = join(dialed)?;
        Ok(Instance {
            started,
            data: data?,
            acks: None,
            _listeners: vec![listener],
        })
    }

    /// Starts a source that somebody else reads, who is made to `listen` first.
    pub(crate) fn start_source_for(
        &mut self,
        rule: usize,
        config: &Value,
        listen: impl FnOnce(&Path) -> Outcome,
    ) -> Outcome<Started> {
        let argument = argument("bench_rows", "source", rule, config);
        listen(&data_path(&argument, ""))?;
        self.order("start", &argument)?;
        Ok(Started(argument))
    }

    /// Starts a sink under a rule of its own.
    pub(crate) fn start_sink(&mut self, rule: usize, config: &Value) -> Outcome<Instance> {
        let argument = argument("bench_take", "sink", rule, config);
        let listener = Listener::bind(data_path(&argument, "_ack"))?;
        let acked = config["requireAck"] == true;
        let patience = if acked {
            LIMIT
        } else {
            Duration::from_millis(50)
        };
        let dialed = accept(listener, PULL, patience);
        self.order("start", &argument)?;
        let data = frames::dial(&data_path(&argument, ""), PUSH)?;
        let (listener, acks) = join(Some(dialed))?;
        Ok(Instance {
            started: Started(argument),
            data,
            acks: if acked { Some(acks?) } else { acks.ok() },
            _listeners: vec![listener],
        })
    }

    /// Starts a function, and gives its channel.
    pub(crate) fn start_function(&mut self, name: &str) -> Outcome<Channel> {
        let listener = Listener::bind(format!("/tmp/func_{name}.ipc"))?;
        let meta = json!({"ruleId": "", "opId": "", "instanceId": 0});
        let argument = json!({"symbolName": name, "meta": meta, "pluginType": "func"});
        let accepted = thread::spawn(move || Channel::accept(listener));
        self.order("start", &argument)?;
        Ok(accepted.join().map_err(|_| "the thread panicked")??)
    }

    /// Stops what it is told, as it is: the host may read on, or not at all.
    pub(crate) fn stop(&mut self, started: &Started) -> Outcome {
        let begin = Instant::now();
        let outcome = self.order("stop", &started.0);
        self.slowest_stop = self.slowest_stop.max(Some(begin.elapsed()));
        outcome
    }

    fn order(&mut self, command: &str, argument: &Value) -> Outcome {
        let order = json!({"cmd": command, "arg": argument.to_string()});
        let answer = self.control.ask(order.to_string().as_bytes())?;
        match answer {
            b"ok" => Ok(()),
            text => Err(format!("{command}: {}", String::from_utf8_lossy(text)).into()),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Channel {
    fn accept(listener: Listener) -> io::Result<Self> {
        let stream = listener.accept(REP, LIMIT)?;
        let mut channel = Self {
            _listener: listener,
            stream,
            frames: Frames::new(64 * 1024),
            id: [0; 4],
        };
        channel.receive()?;
        Ok(channel)
    }

    /// Asks once more where the answer is a greeting: an idle plugin may greet.
    pub(crate) fn ask(&mut self, question: &[u8]) -> io::Result<&[u8]> {
        loop {
            let frame = frame(&[&self.id, question]);
            self.stream.write_all(&frame)?;
            let from = self.receive()?;
            if self.frames.taken(&from).first() != Some(&b'h') {
                return Ok(self.frames.taken(&from));
            }
        }
    }

    /// Reads a request; gives the place behind its id.
    fn receive(&mut self) -> io::Result<std::ops::Range<usize>> {
        loop {
            if let Some(body) = self.frames.next_range()? {
                let bytes = self.frames.taken(&body);
                let id = bytes.first_chunk().ok_or(io::ErrorKind::InvalidData)?;
                self.id = *id;
                return Ok(body.start + 4..body.end);
            }
            if self.frames.fill(&self.stream)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn argument(symbol: &str, kind: &str, rule: usize, config: &Value) -> Value {
    let rule = format!("bench{}_{rule}", std::process::id());
    json!({
        "symbolName": symbol,
        "meta": {"ruleId": rule, "opId": symbol, "instanceId": 0},
        "pluginType": kind,
        "config": config,
    })
}

fn data_path(argument: &Value, suffix: &str) -> PathBuf {
    let meta = &argument["meta"];
    let text = |name: &str| meta[name].as_str().unwrap_or_default();
    format!("/tmp/{}_{}_0{suffix}.ipc", text("ruleId"), text("opId")).into()
}

type Accepted = JoinHandle<(Listener, io::Result<UnixStream>)>;

/// Accepts while the order is on its way: a plugin may dial before it answers.
fn accept(listener: Listener, protocol: u8, limit: Duration) -> Accepted {
    thread::spawn(move || {
        let stream = listener.accept(protocol, limit);
        (listener, stream)
    })
}

fn join(accepted: Option<Accepted>) -> Outcome<(Listener, io::Result<UnixStream>)> {
    let accepted = accepted.ok_or("nobody listens")?;
    Ok(accepted.join().map_err(|_| "the thread panicked")?)
}
