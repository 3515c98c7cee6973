//! The plugin between a mock eKuiper and a real broker: Debian's `mosquitto`.
//!
//! Without `mosquitto` the tests are skipped.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mock_kuiper::Host;
use mock_kuiper::serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(20);

/// Returns the broker's executable, or `None` after a line that says so.
fn mosquitto() -> Option<&'static str> {
    // Debian installs it where users' PATH does not look.
    let places = [
        "mosquitto",
        "/usr/sbin/mosquitto",
        "/usr/local/sbin/mosquitto",
    ];
    let runs = |place: &&str| {
        let help = Command::new(place).arg("-h").stdout(Stdio::null()).status();
        help.is_ok()
    };
    let found = places.into_iter().find(runs);
    if found.is_none() {
        eprintln!("skipped: mosquitto is not installed; install the Debian package `mosquitto`");
    }
    found
}

/// A running broker.
struct Broker {
    executable: &'static str,
    directory: TempDir,
    port: u16,
    process: Child,
}

impl Broker {
    /// Starts a broker on a free port of the loopback.
    fn start(executable: &'static str) -> Broker {
        let end = Instant::now() + SOON;
        loop {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let directory = tempfile::tempdir().unwrap();
            // Another process may take the port first.
            if let Some(process) = launch(executable, directory.path(), port) {
                return Broker {
                    executable,
                    directory,
                    port,
                    process,
                };
            }
            assert!(Instant::now() < end, "mosquitto does not start");
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts the broker again, on the same port and without its old state.
    fn restart(&mut self) {
        let end = Instant::now() + SOON;
        self.process = loop {
            match launch(self.executable, self.directory.path(), self.port) {
                Some(process) => break process,
                None => assert!(Instant::now() < end, "mosquitto does not start again"),
            }
        };
    }

    fn config(&self, topic: &str) -> Value {
        json!({"host": "127.0.0.1", "port": self.port, "topic": topic, "keep_alive": "5s"})
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Launches the broker and waits until it listens. Returns `None` if it exits.
fn launch(executable: &str, directory: &Path, port: u16) -> Option<Child> {
    let config = directory.join("mosquitto.conf");
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
    std::fs::write(&config, text).unwrap();
    let mut process = Command::new(executable)
        .arg("-c")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(process);
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

fn host() -> Host {
    Host::builder(".")
        .executable(env!("CARGO_BIN_EXE_mqtt"))
        .launch()
        .unwrap()
}

/// Waits until the plugin has logged a text a number of times.
fn wait_log(host: &Host, text: &str, times: usize) {
    let end = Instant::now() + SOON;
    loop {
        let log = host.log();
        if log.iter().filter(|line| line.contains(text)).count() >= times {
            return;
        }
        assert!(Instant::now() < end, "no {text:?} in {log:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_row_of_the_sink_goes_through_the_broker_to_the_source() {
    let Some(mosquitto) = mosquitto() else { return };
    let broker = Broker::start(mosquitto);
    let host = host();
    let mut input = host
        .source("mqtt_in")
        .config(broker.config("a/+"))
        .start()
        .unwrap();
    wait_log(&host, "subscribed to a/+", 1);
    let mut output = host
        .sink("mqtt_out")
        .config(broker.config("a/b"))
        .require_ack()
        .start()
        .unwrap();

    // Acked once the broker has each of them.
    for n in 0..3 {
        output.send(&json!({"n": n})).unwrap().ack(SOON).unwrap();
    }
    output.send_bytes(b"not JSON").unwrap().ack(SOON).unwrap();
    output.send(&json!({"n": 3})).unwrap().ack(SOON).unwrap();

    for n in 0..4 {
        let row = input.next(SOON).unwrap();
        assert_eq!(row.message, json!({"n": n}));
        assert_eq!(row.meta, json!({"topic": "a/b"}));
    }
    wait_log(&host, "skipped a message of a/b", 1);
    output.stop().unwrap();
    input.stop().unwrap();
}

#[test]
fn both_go_on_when_the_broker_comes_back_and_only_then_the_sink_acks_a_row() {
    let Some(mosquitto) = mosquitto() else { return };
    let mut broker = Broker::start(mosquitto);
    let host = host();
    let mut input = host
        .source("mqtt_in")
        .config(broker.config("t"))
        .start()
        .unwrap();
    let mut output = host
        .sink("mqtt_out")
        .config(broker.config("t"))
        .require_ack()
        .start()
        .unwrap();
    wait_log(&host, "subscribed to t", 1);
    output.send(&json!({"n": 0})).unwrap().ack(SOON).unwrap();
    assert_eq!(input.next(SOON).unwrap().message, json!({"n": 0}));

    broker.kill();
    wait_log(&host, "no connection", 2);
    // The broker is away: the row waits, without an ack.
    output.send(&json!({"n": 1})).unwrap();
    output.ack(Duration::from_millis(100)).unwrap_err();
    broker.restart();
    output.ack(SOON).unwrap();
    wait_log(&host, "subscribed to t", 2);
    output.send(&json!({"n": 2})).unwrap().ack(SOON).unwrap();

    // The source may miss the first row: it has no client id, so the broker keeps
    // nothing for it, and the sink may be connected before it.
    let mut row = input.next(SOON).unwrap().message;
    if row == json!({"n": 1}) {
        row = input.next(SOON).unwrap().message;
    }
    assert_eq!(row, json!({"n": 2}));
    output.stop().unwrap();
    input.stop().unwrap();
}

#[test]
fn a_stop_returns_in_time_though_the_broker_is_away() {
    let Some(mosquitto) = mosquitto() else { return };
    let mut broker = Broker::start(mosquitto);
    let host = host();
    let input = host
        .source("mqtt_in")
        .config(broker.config("t"))
        .start()
        .unwrap();
    let mut output = host
        .sink("mqtt_out")
        .config(broker.config("t"))
        .start()
        .unwrap();
    broker.kill();
    for n in 0..200 {
        output.send(&json!({"n": n})).unwrap();
    }
    wait_log(&host, "no connection", 2);

    let begin = Instant::now();
    input.stop().unwrap();
    output.stop().unwrap();

    // Each may take 1 s; a busy machine needs the rest.
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    assert!(
        !host
            .log()
            .iter()
            .any(|line| line.contains("did not stop in time"))
    );
}
