//! A plugin and a server for each test.
//!
//! eKuiper's addresses in /tmp are made of names. Every test has unique names for its
//! plugin, rule and function, so that all tests run at once.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Answer, Stream, request};
use crate::support::processes::{Done, Live, MARK, assert_clean, link_probe, wait_until};

/// The probe on disk, with the source `nums`, the sink `out` and a function.
pub(crate) struct Probe {
    /// The name of the plugin and of the rule, and the end of the function's name.
    pub(crate) id: String,
    pub(crate) place: TempDir,
}

impl Probe {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("serve{}x{number}", std::process::id());
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let probe = Self { id, place };
        let directory = probe.directory();
        fs::create_dir_all(directory.join("sources")).unwrap();
        let symbols = json!({
            "sources": ["nums"], "sinks": ["out"], "functions": [probe.function()],
        });
        probe.declare(symbols);
        link_probe(&directory.join(&probe.id));
        probe
    }

    /// Writes the plugin's json, with these lists of symbols.
    pub(crate) fn declare(&self, symbols: Value) {
        let mut json = json!({
            "version": "1.0.0", "language": "go", "executable": self.id,
        });
        let Value::Object(mut lists) = symbols else {
            panic!("the lists are in no object");
        };
        json.as_object_mut().unwrap().append(&mut lists);
        let file = self.directory().join(format!("{}.json", self.id));
        fs::write(file, json.to_string()).unwrap();
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.place.path().join(&self.id)
    }

    pub(crate) fn function(&self) -> String {
        format!("f_{}", self.id)
    }

    /// Makes the command `mock-kuiper serve`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
        command.arg("serve").arg(self.directory()).args(args);
        command.env(MARK, &self.id);
        if let Ok(transport) = std::env::var("MOCK_KUIPER_TEST_TRANSPORT") {
            command.args(["--transport", &transport]);
        }
        command
    }

    /// Starts a server on a free port, and waits until the plugin runs.
    pub(crate) fn serve(self, args: &[&str]) -> Server {
        let server = self.serve_soon(args);
        server.wait_state("running");
        server
    }

    /// Starts a server on a free port.
    pub(crate) fn serve_soon(self, args: &[&str]) -> Server {
        let args = [&["--port", "0"], args].concat();
        let live = Live::spawn(self.command(&args), &self.id);
        self.serve_as(live)
    }

    /// Takes over a server that was started.
    pub(crate) fn serve_as(self, live: Live) -> Server {
        live.wait_for_stdout("\n");
        let line: Value = serde_json::from_str(live.stdout().trim()).unwrap();
        Server {
            port: line["port"].as_u64().unwrap().try_into().unwrap(),
            line,
            live,
            probe: self,
        }
    }
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) probe: Probe,
    pub(crate) live: Live,
    pub(crate) port: u16,
    /// What it has printed.
    pub(crate) line: Value,
}

impl Server {
    /// Returns the path of something of the plugin.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("/api/plugins/{}{path}", self.probe.id)
    }

    /// Returns the id of the first instance of the source.
    pub(crate) fn source(&self) -> String {
        format!("{}_nums_0", self.probe.id)
    }

    /// Returns the id of the first instance of the sink.
    pub(crate) fn sink(&self) -> String {
        format!("{}_out_0_0", self.probe.id)
    }

    /// Asks for something of the plugin.
    pub(crate) fn get(&self, path: &str) -> Answer {
        request(self.port, "GET", &self.path(path), &[], "")
    }

    /// Posts to something of the plugin.
    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        request(self.port, "POST", &self.path(path), &[], &body.to_string())
    }

    /// Starts the source with this configuration.
    #[track_caller]
    pub(crate) fn start_source(&self, config: Value) -> Value {
        let body = json!({"rule": self.probe.id, "config": config});
        self.post("/sources/nums/start", body).expect(201)
    }

    /// Starts the sink with these fields.
    #[track_caller]
    pub(crate) fn start_sink(&self, mut fields: Value) -> Value {
        fields["rule"] = self.probe.id.as_str().into();
        self.post("/sinks/out/start", fields).expect(201)
    }

    /// Calls the function.
    pub(crate) fn call(&self, args: Value) -> Answer {
        let path = format!("/functions/{}/call", self.probe.function());
        self.post(&path, json!({"args": args, "rule": self.probe.id}))
    }

    pub(crate) fn stream(&self, path: &str) -> Stream {
        Stream::open(self.port, &self.path(path), &[])
    }

    /// Describes an instance.
    #[track_caller]
    pub(crate) fn instance(&self, id: &str) -> Value {
        self.get(&format!("/instances/{id}")).expect(200)
    }

    /// Waits until the plugin is in a state, and describes it.
    #[track_caller]
    pub(crate) fn wait_state(&self, state: &str) -> Value {
        let describe = || self.get("").expect(200);
        wait_until(state, || describe()["state"] == state);
        describe()
    }

    /// Ends the server by a signal. Nothing must be left.
    #[track_caller]
    pub(crate) fn end(self) -> Done {
        self.live.signal(Signal::TERM);
        let done = self.live.end();
        assert_eq!(done.status, 0, "{done}");
        assert_clean(&self.probe.id);
        done
    }
}
