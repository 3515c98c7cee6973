//! A neutral host: does no more than what a plugin needs of eKuiper, so that the
//! plugin is what is measured.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::frames::{self, Frames, HEADER, LIMIT, Listener, PULL, PUSH, REP, frame};
use crate::peer::Peer;
use crate::{Result, usage};

/// A launched plugin. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Host {
    child: Child,
    control: Channel,
    /// From the launch to the greeting.
    pub(crate) greeted: Duration,
    /// How long each stop waited for its answer.
    pub(crate) stops: Vec<Duration>,
}

/// The argument that started a source or sink; the order to stop repeats it.
#[derive(Debug)]
pub(crate) struct Started(Value);

/// The connections to a running source or sink.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) started: Started,
    pub(crate) data: UnixStream,
    /// The acks of a sink, if it has dialed its ack channel.
    pub(crate) acks: Option<UnixStream>,
    _listeners: Vec<Listener>,
}

/// A channel on which the host asks: the plugin greets, then answers.
#[derive(Debug)]
pub(crate) struct Channel {
    _listener: Listener,
    stream: UnixStream,
    frames: Frames,
    /// The id of the plugin's last request, to which the next question replies.
    id: [u8; 4],
}

impl Host {
    pub(crate) fn launch(peer: &Peer) -> Result<Self> {
        let listener = Listener::bind(format!("/tmp/plugin_{}.ipc", peer.plugin))?;
        let begin = Instant::now();
        let mut child = peer
            .command()
            .arg(r#"{"sendTimeout":1000}"#)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot launch {}: {error}", peer.name))?;
        match Channel::accept(listener) {
            Ok(control) => Ok(Self {
                child,
                control,
                greeted: begin.elapsed(),
                stops: Vec::new(),
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

    /// The processor time that the plugin has used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        Ok(usage::cpu(self.pid())?)
    }

    /// Starts a source under a rule of its own.
    pub(crate) fn start_source(&mut self, rule: usize, config: &Value) -> Result<Streams> {
        let mut dialed = None;
        let started = self.start_source_for(rule, config, |path| {
            dialed = Some(accept(Listener::bind(path)?, PULL, LIMIT));
            Ok(())
        })?;
        let (listener, data) = join(dialed)?;
        Ok(Streams {
            started,
            data: data?,
            acks: None,
            _listeners: vec![listener],
        })
    }

    /// Starts a source whose rows somebody else reads; calls `listen` with the
    /// path of its data channel before.
    pub(crate) fn start_source_for(
        &mut self,
        rule: usize,
        config: &Value,
        listen: impl FnOnce(&Path) -> Result,
    ) -> Result<Started> {
        let argument = argument("bench_rows", "source", rule, config);
        listen(&data_path(&argument, ""))?;
        self.order("start", &argument)?;
        Ok(Started(argument))
    }

    /// Starts a sink under a rule of its own.
    pub(crate) fn start_sink(&mut self, rule: usize, config: &Value) -> Result<Streams> {
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
        Ok(Streams {
            started: Started(argument),
            data,
            acks: if acked { Some(acks?) } else { acks.ok() },
            _listeners: vec![listener],
        })
    }

    /// Starts a function and returns its channel.
    pub(crate) fn start_function(&mut self, name: &str) -> Result<Channel> {
        let listener = Listener::bind(format!("/tmp/func_{name}.ipc"))?;
        let meta = json!({"ruleId": "", "opId": "", "instanceId": 0});
        let argument = json!({"symbolName": name, "meta": meta, "pluginType": "func"});
        let accepted = thread::spawn(move || Channel::accept(listener));
        self.order("start", &argument)?;
        Ok(accepted.join().map_err(|_| "the thread panicked")??)
    }

    /// Stops a source or sink; whether the host still reads is up to the caller.
    pub(crate) fn stop(&mut self, started: &Started) -> Result {
        let begin = Instant::now();
        let answered = self.order("stop", &started.0);
        self.stops.push(begin.elapsed());
        answered
    }

    fn order(&mut self, command: &str, argument: &Value) -> Result {
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

    /// The number of bytes before the question in a frame: a header and an id.
    pub(crate) const HEAD: usize = HEADER + 4;

    /// Makes a frame of a question, with room for the id.
    pub(crate) fn framed(question: &[u8]) -> Vec<u8> {
        frame(&[&[0; 4], question])
    }

    /// Asks a question and returns the answer.
    pub(crate) fn ask(&mut self, question: &[u8]) -> io::Result<&[u8]> {
        self.ask_framed(&mut Self::framed(question))
    }

    /// Asks the question of a frame and returns the answer; asks again if the answer
    /// is a greeting, as an idle plugin may greet.
    pub(crate) fn ask_framed(&mut self, frame: &mut [u8]) -> io::Result<&[u8]> {
        loop {
            frame[HEADER..Self::HEAD].copy_from_slice(&self.id);
            self.stream.write_all(frame)?;
            let from = self.receive()?;
            if self.frames.taken(&from).first() != Some(&b'h') {
                return Ok(self.frames.taken(&from));
            }
        }
    }

    /// Reads a request and returns the range of what follows its id.
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

/// Accepts on a thread of its own: a plugin may dial before it answers the order.
fn accept(listener: Listener, protocol: u8, limit: Duration) -> Accepted {
    thread::spawn(move || {
        let stream = listener.accept(protocol, limit);
        (listener, stream)
    })
}

fn join(accepted: Option<Accepted>) -> Result<(Listener, io::Result<UnixStream>)> {
    let accepted = accepted.ok_or("the host does not listen")?;
    Ok(accepted.join().map_err(|_| "the thread panicked")?)
}
