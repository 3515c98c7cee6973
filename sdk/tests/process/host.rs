//! A small host: launches the probe plugin, sends it orders, reads its log.
//!
//! All addresses are in `/tmp`, as in eKuiper. Names contain the pid and a
//! number, so that tests do not disturb each other.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ekuiper_sp::{Options, Pull, Push, Rep};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a test waits for an expected event.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Returns a name that no other test uses.
pub(crate) fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("sdk{}x{next}", std::process::id())
}

/// Returns the probe's executable, built with the profile of this test.
pub(crate) fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--example",
            "sdk-probe",
            "--manifest-path",
            manifest,
        ]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let features = [
            ("metadata", cfg!(feature = "metadata")),
            ("tokio", cfg!(feature = "tokio")),
            ("tracing", cfg!(feature = "tracing")),
        ];
        let enabled = features.iter().filter(|(_, enabled)| *enabled);
        let enabled: Vec<_> = enabled.map(|(feature, _)| *feature).collect();
        // As in `cargo test --workspace` and in `cargo test -p ekuiper --all-features`: with
        // other packages the dependencies have other features, and are compiled again.
        match enabled.is_empty() {
            true => cargo.arg("--workspace"),
            false => cargo.args(["--features", &enabled.join(",")]),
        };
        assert!(cargo.status().unwrap().success(), "cannot build the probe");
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().unwrap().parent().unwrap();
        profile.join("examples/sdk-probe")
    })
}

/// Waits until `condition` returns a value, and returns it.
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + SOON;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < end, "not within {SOON:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A running probe, with a directory for its files and its log.
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) directory: TempDir,
    pub(crate) child: Child,
    /// The socket files of its sinks, which remain if it is killed.
    sockets: RefCell<Vec<PathBuf>>,
}

impl Plugin {
    pub(crate) fn spawn(name: &str, argument: &[&str], variables: &[(&str, &str)]) -> Plugin {
        let directory = TempDir::new().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        fs::write(directory.path().join(format!("{name}.json")), "{}").unwrap();
        let child = Command::new(probe())
            .args(argument)
            .current_dir(directory.path())
            .env_remove("RUST_LOG")
            .env("PROBE_NAME", name)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Plugin {
            name: name.to_owned(),
            directory,
            child,
            sockets: RefCell::default(),
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns the text of a file, or an empty text if there is no such file.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    pub(crate) fn log(&self) -> String {
        self.text("log")
    }

    pub(crate) fn wait_log(&self, text: &str) {
        let what = format!("{text:?} in the log");
        wait_for(&what, || self.log().contains(text).then_some(()));
    }

    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        wait_for("the process exits", || self.child.try_wait().unwrap())
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(status.unwrap().success());
    }

    /// Returns a number from `/proc/PID/status`, such as `Threads` or `VmRSS`.
    pub(crate) fn proc_status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Waits until all threads of the plugin are blocked.
    pub(crate) fn wait_idle(&self) {
        let switches = || -> u64 {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
            tasks
                .filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok())
                .flat_map(|status| {
                    let lines = status
                        .lines()
                        .filter(|line| line.contains("_ctxt_switches"));
                    let counts = lines.filter_map(|line| line.split_whitespace().nth(1));
                    counts
                        .filter_map(|count| count.parse().ok())
                        .collect::<Vec<u64>>()
                })
                .sum()
        };
        wait_for("the plugin is idle", || {
            let before = switches();
            thread::sleep(Duration::from_millis(100));
            (switches() == before).then_some(())
        });
    }

    pub(crate) fn open_files(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id());
        fs::read_dir(path).unwrap().count()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for socket in self.sockets.take() {
            let _ = fs::remove_file(socket);
        }
        if thread::panicking() {
            eprintln!("log of {}:\n{}", self.name, self.log());
        }
    }
}

/// A host with one plugin, which has greeted.
pub(crate) struct Host {
    pub(crate) control: Rep,
    pub(crate) plugin: Plugin,
}

impl Host {
    pub(crate) fn launch() -> Host {
        Self::launch_with(&[])
    }

    pub(crate) fn launch_with(variables: &[(&str, &str)]) -> Host {
        let name = unique_name();
        let mut control = Rep::listen(&control_url(&name), Options::default()).unwrap();
        let plugin = Plugin::spawn(&name, &[r#"{"sendTimeout":1000}"#], variables);
        assert_eq!(control.recv(Some(SOON)).unwrap(), b"handshake");
        Host { control, plugin }
    }

    /// Kills the plugin, launches it again, and waits for its greeting.
    pub(crate) fn kill_and_launch(&mut self) {
        self.plugin.signal("KILL");
        self.plugin.wait_exit();
        let sockets = self.plugin.sockets.take();
        let name = self.plugin.name.clone();
        self.plugin = Plugin::spawn(&name, &[r#"{"sendTimeout":1000}"#], &[]);
        self.plugin.sockets = RefCell::new(sockets);
        wait_for("the new process greets", || {
            let greeting = self.control.recv(Some(SOON)).ok()?;
            assert_eq!(greeting, b"handshake");
            Some(())
        });
    }

    /// Sends an order and returns its answer.
    pub(crate) fn order(&mut self, command: &str, argument: &Value) -> String {
        self.send_order(command, argument);
        self.read_answer()
    }

    pub(crate) fn send_order(&mut self, command: &str, argument: &Value) {
        let order = json!({"cmd": command, "arg": argument.to_string()}).to_string();
        self.control.send(order.as_bytes(), Some(SOON)).unwrap();
    }

    pub(crate) fn read_answer(&mut self) -> String {
        String::from_utf8(self.control.recv(Some(SOON)).unwrap().to_vec()).unwrap()
    }

    pub(crate) fn start(&mut self, instance: &Instance) {
        assert_eq!(self.order("start", &instance.argument), "ok");
    }

    /// Stops an instance. Returns how long the answer took.
    pub(crate) fn stop(&mut self, instance: &Instance) -> Duration {
        let sent = Instant::now();
        assert_eq!(self.order("stop", &instance.argument), "ok");
        sent.elapsed()
    }

    /// Creates an instance of the source `count`, with the host's end of its
    /// data channel.
    pub(crate) fn source(&self, config: Value) -> (Instance, Pull) {
        let instance = Instance::new("source", "count", config);
        let rows = Pull::listen(&instance.data_url(), Options::default()).unwrap();
        (instance, rows)
    }

    /// Creates an instance of the sink `keep`. The host dials its data channel
    /// later, with [`Instance::dial_once`].
    pub(crate) fn sink(&self, config: Value) -> Instance {
        self.sink_named("keep", config)
    }

    /// Creates an instance of any sink.
    pub(crate) fn sink_named(&self, symbol: &str, config: Value) -> Instance {
        let sink = Instance::new("sink", symbol, config);
        self.plugin.sockets.borrow_mut().push(sink.data_path());
        sink
    }
}

pub(crate) fn control_url(name: &str) -> String {
    format!("ipc:///tmp/plugin_{name}.ipc")
}

/// An instance, with the argument of its orders.
pub(crate) struct Instance {
    pub(crate) rule: String,
    pub(crate) op: String,
    pub(crate) argument: Value,
}

impl Instance {
    pub(crate) fn new(kind: &str, symbol: &str, config: Value) -> Instance {
        let rule = unique_name();
        let op = symbol.to_owned();
        let meta = json!({"ruleId": rule, "opId": op, "instanceId": 0});
        let argument = json!({
            "symbolName": symbol, "meta": meta, "pluginType": kind, "config": config
        });
        Instance { rule, op, argument }
    }

    /// Returns this instance with another configuration.
    pub(crate) fn with_config(&self, config: Value) -> Instance {
        let mut argument = self.argument.clone();
        argument["config"] = config;
        Instance {
            rule: self.rule.clone(),
            op: self.op.clone(),
            argument,
        }
    }

    pub(crate) fn data_path(&self) -> PathBuf {
        PathBuf::from(format!("/tmp/{}_{}_0.ipc", self.rule, self.op))
    }

    pub(crate) fn ack_path(&self) -> PathBuf {
        PathBuf::from(format!("/tmp/{}_{}_0_ack.ipc", self.rule, self.op))
    }

    pub(crate) fn data_url(&self) -> String {
        format!("ipc://{}", self.data_path().display())
    }

    /// Listens on the sink's ack address.
    pub(crate) fn listen_acks(&self) -> Pull {
        let url = format!("ipc://{}", self.ack_path().display());
        Pull::listen(&url, Options::default()).unwrap()
    }

    /// Connects to the sink with one attempt, as a host does after the answer
    /// `ok`.
    pub(crate) fn dial_once(&self) -> Push {
        Push::connect(&self.data_url(), Options::default(), SOON).unwrap()
    }
}

/// Receives a message and returns its text.
pub(crate) fn text(socket: &mut Pull) -> String {
    String::from_utf8(socket.recv(Some(SOON)).unwrap().to_vec()).unwrap()
}

/// Receives a row and returns its `n`.
pub(crate) fn number(socket: &mut Pull) -> u64 {
    let row: Value = serde_json::from_slice(socket.recv(Some(SOON)).unwrap()).unwrap();
    row["message"]["n"].as_u64().unwrap()
}
