//! What the plugin does wrong on demand.
//!
//! The variable `PROBE` has words for the plugin as a whole, separated by
//! spaces; properties of a source or sink, and the first argument of a call,
//! are for one symbol.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ekuiper_sp::{Error, Push};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;

use super::Argument;

/// Gives the value of a word of `PROBE`, `word` or `word=value`.
fn asked_for(word: &str) -> Option<String> {
    let words = std::env::var("PROBE").ok()?;
    words.split(' ').find_map(|given| {
        let (name, value) = given.split_once('=').unwrap_or((given, ""));
        (name == word).then(|| value.to_owned())
    })
}

fn milliseconds(text: &str) -> Duration {
    Duration::from_millis(text.parse().expect("a number of milliseconds"))
}

/// `lines=N` and `garbage` on stdout; `child` and `stray`, a process more;
/// `exit=STATUS`; `silent`, no greeting; `listens=FILE`, a socket there meanwhile; `http`, a greeting of another kind.
pub(super) fn at_launch(name: &OsStr) {
    if let Some(count) = asked_for("lines") {
        for number in 1..=count.parse().expect("a number of lines") {
            println!("line {number}");
        }
    }
    if asked_for("garbage").is_some() {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(b"\x1b[2J\x1b]0;owned\x07 \xff\xfe \0\r\n");
        let _ = out.write_all(&[b'x'; 200_000]);
        let _ = out.write_all(b"\nno end of line");
        let _ = out.flush();
    }
    if asked_for("child").is_some() {
        // In our process group, and it holds our stdout.
        println!("child {}", spawn(Command::new("sleep").arg("600")));
    }
    if asked_for("stray").is_some() {
        // In a group of its own: nobody ends it with us, and it holds our stdout.
        let stray = spawn(Command::new("setsid").args(["sleep", "600"]));
        println!("stray {stray}");
    }
    if let Some(status) = asked_for("exit") {
        exit(status.parse().expect("an exit status"));
    }
    // Held until the end.
    let _listener = asked_for("listens").map(|file| UnixListener::bind(file).expect("a place"));
    if asked_for("silent").is_some() {
        loop {
            thread::park();
        }
    }
    if asked_for("http").is_some() {
        let path = format!("/tmp/plugin_{}.ipc", name.display());
        write_and_wait(&path, b"GET / HTTP/1.1\r\n\r\n");
    }
}

/// `misnamed=NAME`: the name of another plugin, whose address is dialed.
pub(super) fn misnamed() -> Option<String> {
    asked_for("misnamed")
}

/// `idle=MS`: how long to wait for an order or a call before greeting again,
/// as the Python SDK does.
pub(super) fn idle_limit() -> Option<Duration> {
    asked_for("idle").map(|limit| milliseconds(&limit))
}

/// `idle_calls=MS`: the same for calls alone.
pub(super) fn idle_call_limit() -> Option<Duration> {
    let limit = asked_for("idle_calls").map(|limit| milliseconds(&limit));
    limit.or_else(idle_limit)
}

/// Starts a process that lives on; gives its id.
fn spawn(command: &mut Command) -> u32 {
    let mut child = command.spawn().expect("a command");
    let id = child.id();
    thread::spawn(move || child.wait());
    id
}

/// Writes to a socket, and waits until the peer has closed it.
fn write_and_wait(path: &str, bytes: &[u8]) {
    let mut stream = UnixStream::connect(path).expect("a host");
    let _ = stream.write_all(bytes);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Uses 400 MiB more each second, up to 2 GiB.
fn grow() {
    let mut used = Vec::new();
    while used.len() < 512 {
        used.push(vec![1_u8; 4 << 20]);
        thread::sleep(Duration::from_millis(10));
    }
}

/// For an order called CMD: `mute=CMD`, with `reached=FILE` a file is made then; `dies=CMD`, `refuses=CMD`, `grows=CMD`;
/// `lacks=SYMBOL:SDK`, the answer of the Go, Python or Rust SDK to a start of an
/// unknown symbol; `late=FILE`,
/// for the first order alone, waits until the file is there; the properties `refuse`, a text, and `wire`, what
/// to write first on a connection of its own.
pub(super) fn at_order(cmd: &str, arg: &Argument) -> Result<(), String> {
    static WAS_LATE: AtomicBool = AtomicBool::new(false);
    if let Some(file) = asked_for("late")
        && !WAS_LATE.swap(true, Ordering::SeqCst)
    {
        while !Path::new(&file).exists() {
            thread::sleep(Duration::from_millis(1));
        }
    }
    if asked_for("grows").as_deref() == Some(cmd) {
        thread::spawn(grow);
    }
    if asked_for("mute").as_deref() == Some(cmd) {
        if let Some(file) = asked_for("reached") {
            touch(&file);
        }
        loop {
            thread::park();
        }
    }
    if asked_for("dies").as_deref() == Some(cmd) {
        die();
    }
    if asked_for("refuses").as_deref() == Some(cmd) {
        return Err(format!("no {cmd} today"));
    }
    if let Some(lacks) = asked_for("lacks")
        && cmd == "start"
        && let Some((symbol, sdk)) = lacks.split_once(':')
        && symbol == arg.symbol_name
    {
        return Err(unknown(symbol, sdk));
    }
    const GREETING: &[u8] = b"\0SP\0\0\x50\0\0";
    let path = arg.data_url("").replace("ipc://", "");
    let wire = arg.config.get("wire").and_then(Value::as_str);
    let wire = match wire.filter(|_| cmd == "start") {
        Some("http") => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        Some("req") => b"\0SP\0\0\x30\0\0".to_vec(),
        Some("frame") => [GREETING, b"\x07\0\0\0\0\0\0\0\0"].concat(),
        // The rest of the row never comes.
        Some("torn") => [GREETING, b"\x01\0\0\0\0\0\0\0\x63{\"message\""].concat(),
        Some("length") => [GREETING, b"\x01\x7f\0\0\0\0\0\0\0"].concat(),
        _ => Vec::new(),
    };
    if !wire.is_empty() {
        // The host reads once it has the answer.
        thread::spawn(move || write_and_wait(&path, &wire));
    }
    match arg.config.get("refuse").and_then(Value::as_str) {
        Some(text) if cmd == "start" => Err(text.to_owned()),
        _ => Ok(()),
    }
}

/// The words of an SDK for a symbol that the plugin does not have.
fn unknown(symbol: &str, sdk: &str) -> String {
    match sdk {
        "python" => format!(
            "Traceback (most recent call last):\n  File \"plugin.py\", line 82, in \
             command_reply\nKeyError: '{symbol}'\n"
        ),
        "rust" => format!("unknown source `{symbol}`: this plugin has no source of that name"),
        _ => "symbol not found".to_owned(),
    }
}

/// `doubles`: whether a second start of a source leaves the first running.
pub(super) fn doubles() -> bool {
    asked_for("doubles").is_some()
}

/// The property `deaf`: whether a sink answers `ok` and does not listen.
pub(super) fn is_deaf(config: &Value) -> bool {
    config["deaf"] == true
}

/// The property `idle`: whether a sink listens and reads nothing.
pub(super) fn is_idle(config: &Value) -> bool {
    config["idle"] == true
}

/// The property `frail`: whether a row of 0 bytes ends a sink.
pub(super) fn is_frail(config: &Value) -> bool {
    config["frail"] == true
}

/// The property `die_after` of a sink, a number of rows.
pub(super) fn after_taken(config: &Value, taken: u64) {
    if config["die_after"] == taken {
        die();
    }
}

/// The properties `die_after` and `exit_after` of a source, a number of rows.
pub(super) fn after_row(config: &Value, sent: u64, rows: &Push) {
    if config["die_after"] == sent {
        flush(rows);
        die();
    }
    if config["exit_after"] == sent {
        flush(rows);
        exit(0);
    }
}

/// The property `undialed`: whether a source answers `ok` and never dials.
pub(super) fn is_undialed(config: &Value) -> bool {
    config["undialed"] == true
}

/// The property `leave_after`, a number of rows: whether the instance closes its
/// channels now, and goes on without them.
pub(super) fn leaves(config: &Value, rows: u64) -> bool {
    config["leave_after"] == rows
}

/// The property `return`: the milliseconds after which an instance that has left
/// opens its channels again.
pub(super) fn returns(config: &Value) -> Option<Duration> {
    config["return"].as_u64().map(Duration::from_millis)
}

/// Sends what is left, and closes the connection.
pub(super) fn leave(rows: &Push) {
    while !rows.is_connected() {
        thread::sleep(Duration::from_millis(1));
    }
    flush(rows);
    rows.close();
}

/// Waits until the kernel has all rows, and for the connection before that.
fn flush(rows: &Push) {
    while let Err(Error::Disconnected) = rows.flush(Duration::from_secs(20)) {
        thread::sleep(Duration::from_millis(1));
    }
}

/// The property `ack`: milliseconds to wait first, `never`, `twice`, or what to say.
pub(super) fn acks(config: &Value) -> Vec<String> {
    let good = || "{}".to_owned();
    match &config["ack"] {
        Value::Number(time) => {
            thread::sleep(milliseconds(&time.to_string()));
            vec![good()]
        }
        Value::String(text) if text == "never" => Vec::new(),
        Value::String(text) if text == "twice" => vec![good(), good()],
        Value::String(text) => vec![text.clone()],
        _ => vec![good()],
    }
}

/// The answer that a call asks for: `{"answer":TEXT}`, none for `"silent"`,
/// the process's end for `"die"`; `{"wait":MS}`, a late one; `{"touch":FILE}`, after a
/// file was made; and `aggregate=TEXT` in `PROBE`.
pub(super) fn reply(func: &str, first: &Value) -> Option<String> {
    if func == "IsAggregate" {
        return asked_for("aggregate");
    }
    if let Some(file) = first.get("touch").and_then(Value::as_str) {
        touch(file);
    }
    if let Some(time) = first.get("wait").filter(|_| func == "Exec") {
        thread::sleep(milliseconds(&time.to_string()));
    }
    match first.get("answer").and_then(Value::as_str) {
        Some(_) if func != "Exec" => None,
        Some("silent") => loop {
            thread::park();
        },
        Some("die") => die(),
        answer => answer.map(str::to_owned),
    }
}

/// Makes a file.
fn touch(file: &str) {
    std::fs::write(file, "").expect("a place for the file");
}

fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        thread::park();
    }
}
