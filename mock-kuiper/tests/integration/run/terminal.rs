//! Runs on a terminal: colour, the status line, Ctrl-C.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::common::{Live, Plugin, wait_until};

/// A terminal: the end of the test, and the end for a command.
struct Pty {
    ours: File,
    theirs: OwnedFd,
}

impl Pty {
    fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = OpenOptions::new()
            .read(true)
            .write(true)
            .open(name)
            .unwrap();
        Pty {
            ours: File::from(ours),
            theirs: theirs.into(),
        }
    }

    /// Runs a command with the terminal as stdin, stdout and stderr, in a session
    /// whose controlling terminal it is.
    fn run(self, command: &Command, id: &str) -> (Live, File, Arc<Mutex<Vec<u8>>>) {
        let mut session = Command::new("setsid");
        session
            .args(["--ctty", "--wait"])
            .arg(command.get_program())
            .args(command.get_args());
        session.envs(
            command
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        session.env("TERM", "xterm").env_remove("NO_COLOR");
        session.stdin(self.theirs.try_clone().unwrap());
        session.stdout(self.theirs.try_clone().unwrap());
        session.stderr(self.theirs);
        let live = Live::spawn_as_is(session, id);
        let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (to, mut from) = (Arc::clone(&shown), self.ours.try_clone().unwrap());
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut chunk) {
                to.lock().unwrap().extend_from_slice(&chunk[..read]);
            }
        });
        (live, self.ours, shown)
    }
}

#[test]
fn a_terminal_shows_colour_and_a_status_line_and_ctrl_c_stops_in_order() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let command = plugin.command(&["--config", r#"random={"interval":20}"#]);
    let (live, mut terminal, shown) = Pty::open().run(&command, &plugin.id);
    let text = || String::from_utf8_lossy(&shown.lock().unwrap()).into_owned();

    wait_until("the status line", || {
        text().contains(" rows, ") && text().contains(" sent")
    });
    terminal.write_all(b"\x03").unwrap();
    let done = live.finish();
    wait_until("the summary", || text().contains("  sink append: "));

    done.assert_status(0);
    let text = text();
    assert!(
        text.contains("\x1b[36m[probe"),
        "the plugin's lines are coloured\n{text}"
    );
    assert!(
        text.contains(r#"{"source":"random","message":{"number":1}"#),
        "{text}"
    );
    assert_eq!(text.matches("stop {").count(), 2, "{text}");
}

#[test]
fn a_pipe_gets_neither_colour_nor_a_status_line() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--duration", "5s", "--config", r#"random={"raw":["bad"]}"#]);

    done.assert_status(1)
        .assert_says("error: source `random` sent an invalid row: ");
    assert!(!done.stderr.contains(['\x1b', '\r']), "{done}");
}

#[test]
fn a_line_is_one_write_so_that_lines_of_stdout_cannot_get_into_it() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    // A datagram is what one call of `write` wrote.
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let mut command = plugin.command(&["--count", "1", "-v"]);
    command.stdout(Stdio::null());
    command.stderr(OwnedFd::from(theirs.try_clone().unwrap()));

    let mut child = command.spawn().unwrap();
    let reader = thread::spawn(move || {
        let mut writes = Vec::new();
        let mut datagram = vec![0; 65536];
        loop {
            let read = ours.recv(&mut datagram).unwrap();
            if read == 0 {
                break writes;
            }
            writes.push(String::from_utf8(datagram[..read].to_vec()).unwrap());
        }
    });
    let status = child.wait().unwrap();
    theirs.send(&[]).unwrap();
    let writes = reader.join().unwrap();

    assert!(status.success(), "{writes:?}");
    let of_plugin = format!("[{}] start ", plugin.id);
    assert!(
        writes.iter().any(|write| write.starts_with(&of_plugin)),
        "{writes:?}"
    );
    for write in &writes {
        assert!(write.ends_with('\n'), "{write:?} of {writes:?}");
    }
}

#[test]
fn a_terminal_shows_what_a_bench_measures_and_then_only_the_table() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let args = ["--rounds", "2", "--time", "20ms"];
    let command = plugin.subcommand("bench", &plugin.directory(), &args);
    let (live, _terminal, shown) = Pty::open().run(&command, &plugin.id);
    let text = || String::from_utf8_lossy(&shown.lock().unwrap()).into_owned();

    let done = live.finish();
    wait_until("the table", || text().contains("peak memory"));

    done.assert_status(0);
    let text = text();
    assert!(text.contains("round 1 of 2: source random"), "{text}");
    let table = text.rsplit("round ").next().unwrap();
    assert!(
        table.contains(" under eKuiper 2.4: medians of 2 rounds"),
        "{text}"
    );
}
