//! A plugin of the benchmark that only moves bytes: the limit for the others.
//!
//! It has plain Unix sockets, prepared rows, one write for each row, and JSON in
//! orders only. It does no more than the benchmark needs, and is not a model for
//! other plugins.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// How many rows the sinks took.
static ROWS: AtomicU64 = AtomicU64::new(0);
/// How many of them were not JSON, or not in order.
static WRONG: AtomicU64 = AtomicU64::new(0);

const REQ: u8 = 0x30;
const PUSH: u8 = 0x50;
const PULL: u8 = 0x51;

fn main() -> Result {
    let mut running: HashMap<String, UnixStream> = HashMap::new();
    serve(
        "/tmp/plugin_bench_plain.ipc",
        |order, frame| match carry_out(order, &mut running) {
            Ok(()) => replace(frame, b"ok"),
            Err(error) => replace(frame, format!("failed: {error}").as_bytes()),
        },
    )
}

/// The number of bytes before the body of a request: a frame's header and an id.
const HEAD: usize = 9 + 4;

/// Greets and answers on the control channel, or on the channel of a function.
///
/// `answer` gets an order, and the frame of the last answer, whose body it replaces.
fn serve(path: &str, mut answer: impl FnMut(&[u8], &mut Vec<u8>)) -> Result {
    let mut stream = connect(path, REQ)?;
    let mut received = vec![0; 64 * 1024];
    let mut id = 0x8000_0000_u32.to_be_bytes();
    let mut frame = [&[0; HEAD], &b"handshake"[..]].concat();
    loop {
        let length = (frame.len() - 9) as u64;
        frame[0] = 1;
        frame[1..9].copy_from_slice(&length.to_be_bytes());
        frame[9..HEAD].copy_from_slice(&id);
        stream.write_all(&frame)?;
        let order = read_frame(&mut stream, &mut received)?;
        id = *order.first_chunk().ok_or("the order has no id")?;
        answer(&order[4..], &mut frame);
    }
}

/// Replaces the body of a frame.
fn replace(frame: &mut Vec<u8>, body: &[u8]) {
    frame.truncate(HEAD);
    frame.extend_from_slice(body);
}

fn carry_out(order: &[u8], running: &mut HashMap<String, UnixStream>) -> Result {
    let order: Value = serde_json::from_slice(order)?;
    let argument: Value =
        serde_json::from_str(order["arg"].as_str().ok_or("the order has no argument")?)?;
    let symbol = argument["symbolName"]
        .as_str()
        .ok_or("the order has no symbol")?;
    let meta = &argument["meta"];
    let text = |name| meta[name].as_str().unwrap_or_default();
    let key = format!("{}_{}_0", text("ruleId"), text("opId"));
    let path = format!("/tmp/{key}.ipc");
    if order["cmd"] == "stop" {
        if let Some(stream) = running.remove(&key) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        return Ok(());
    }
    let config = &argument["config"];
    match symbol {
        "bench_rows" => {
            let stream = connect(&path, PUSH)?;
            running.insert(key, stream.try_clone()?);
            let pad = config["pad"].as_u64().unwrap_or(0) as usize;
            let interval = Duration::from_micros(config["interval"].as_u64().unwrap_or(0));
            thread::spawn(move || send_rows(stream, pad, interval));
        }
        "bench_take" => {
            let _ = std::fs::remove_file(&path);
            let listener = UnixListener::bind(&path)?;
            let acks = match config["requireAck"] == true {
                true => Some(connect(&format!("/tmp/{key}_ack.ipc"), PUSH)?),
                false => None,
            };
            thread::spawn(move || take_rows(listener, acks, path));
        }
        "bench_echo" => call("bench_echo", echo),
        "bench_head" => call("bench_head", head),
        "bench_fill" => call("bench_fill", fill),
        "bench_taken" => call("bench_taken", taken),
        other => return Err(format!("there is no symbol `{other}`").into()),
    }
    Ok(())
}

/// Sends one prepared row again and again, with a new number each time.
fn send_rows(mut stream: UnixStream, pad: usize, interval: Duration) -> io::Result<()> {
    const DIGITS: usize = 20;
    let clock = !interval.is_zero();
    let time = if clock {
        "\"t\":00000000000000000000,"
    } else {
        ""
    };
    // A number in JSON may have spaces before it, but no zeros.
    let row = format!(
        "{{\"message\":{{\"n\":{:DIGITS$},{time}\"pad\":\"{}\"}},\"meta\":null}}",
        0,
        // As long as the rows of the other plugins: most of their numbers have 7
        // digits.
        "x".repeat(pad.saturating_sub(DIGITS - 7)),
    );
    let mut frame = frame(&[row.as_bytes()]);
    let number = 9 + "{\"message\":{\"n\":".len();
    let time = number + DIGITS + ",\"t\":".len();
    for n in 1_u64.. {
        write_number(&mut frame[number..number + DIGITS], n);
        if clock {
            thread::sleep(interval);
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.unwrap_or_default().as_nanos() as u64;
            write_number(&mut frame[time..time + DIGITS], now);
        }
        stream.write_all(&frame)?;
    }
    Ok(())
}

/// Writes a number right-aligned, with spaces before it.
fn write_number(place: &mut [u8], mut number: u64) {
    place.fill(b' ');
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
}

/// Counts rows by the number after `"n":`; reads many of them at once.
fn take_rows(listener: UnixListener, mut acks: Option<UnixStream>, path: String) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    greet(&mut stream, PULL)?;
    let mut buffer = vec![0; 256 * 1024];
    let (mut held, mut last) = (0, 0);
    loop {
        if held == buffer.len() {
            buffer.resize(2 * held, 0);
        }
        let read = stream.read(&mut buffer[held..])?;
        if read == 0 {
            return std::fs::remove_file(path);
        }
        held += read;
        let mut at = 0;
        while let Some(header) = buffer[at..held].first_chunk::<9>() {
            let [_, length @ ..] = *header;
            let end = at + 9 + u64::from_be_bytes(length) as usize;
            if end > held {
                break;
            }
            let number = number_of(&buffer[at + 9..end]);
            if number != Some(last + 1) {
                WRONG.fetch_add(1, Ordering::Relaxed);
            }
            last = number.unwrap_or(last);
            ROWS.fetch_add(1, Ordering::Relaxed);
            if let Some(acks) = &mut acks {
                acks.write_all(b"\x01\0\0\0\0\0\0\0\x02{}")?;
            }
            at = end;
        }
        if at > 0 {
            buffer.copy_within(at..held, 0);
            held -= at;
        }
    }
}

/// The number of a row that begins with `[{"n":`.
fn number_of(row: &[u8]) -> Option<u64> {
    let digits = row.strip_prefix(b"[{\"n\":")?.trim_ascii_start();
    let digits = digits.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Starts a function on a thread of its own.
fn call(name: &'static str, answer: fn(&[u8], &mut Vec<u8>)) {
    thread::spawn(move || {
        serve(&format!("/tmp/func_{name}.ipc"), answer).map_err(|error| error.to_string())
    });
}

/// The first argument of a call and what follows it, from its quotation mark on.
fn arguments(request: &[u8]) -> &[u8] {
    let arguments = request.strip_prefix(b"{\"func\":\"Exec\",\"arg\":[");
    arguments.unwrap_or(b"\"\",")
}

/// Returns the first argument, which has to be a string without commas, as that of
/// the benchmark is.
fn echo(request: &[u8], frame: &mut Vec<u8>) {
    let argument = arguments(request).split(|byte| *byte == b',').next();
    replace(frame, b"{\"state\":true,\"result\":");
    frame.extend_from_slice(argument.unwrap_or_default());
    frame.push(b'}');
}

/// Returns the first 6 bytes of the first argument: the first 8 characters of their
/// base64. It looks at nothing else.
fn head(request: &[u8], frame: &mut Vec<u8>) {
    replace(frame, b"{\"state\":true,\"result\":");
    frame.extend_from_slice(&arguments(request)[..9]);
    frame.extend_from_slice(b"\"}");
}

/// Returns the first argument, the base64 of 6 bytes, and after it the base64 of as
/// many zeros as are missing to the number of bytes that is the second argument. They
/// are prepared in the first call.
fn fill(request: &[u8], frame: &mut Vec<u8>) {
    const FRONT: &[u8] = b"{\"state\":true,\"result\":";
    let (start, rest) = arguments(request).split_at(10);
    if !frame[HEAD..].starts_with(FRONT) {
        let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit());
        let length = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
        let filling = "A".repeat((length / 3 * 4).saturating_sub(8));
        replace(frame, FRONT);
        frame.extend_from_slice(start);
        frame.pop();
        frame.extend_from_slice(filling.as_bytes());
        frame.extend_from_slice(b"\"}");
    }
    frame[HEAD + FRONT.len()..][..9].copy_from_slice(&start[..9]);
}

fn taken(_request: &[u8], frame: &mut Vec<u8>) {
    let (rows, wrong) = (ROWS.load(Ordering::Relaxed), WRONG.load(Ordering::Relaxed));
    let answer = format!("{{\"state\":true,\"result\":[{rows},{wrong}]}}");
    replace(frame, answer.as_bytes());
}

fn connect(path: &str, protocol: u8) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(path)?;
    greet(&mut stream, protocol)?;
    Ok(stream)
}

fn greet(stream: &mut UnixStream, protocol: u8) -> io::Result<()> {
    stream.write_all(&[0, b'S', b'P', 0, 0, protocol, 0, 0])?;
    stream.read_exact(&mut [0; 8])
}

fn frame(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut frame = vec![1];
    frame.extend_from_slice(&(body.len() as u64).to_be_bytes());
    frame.extend_from_slice(&body);
    frame
}

/// Reads the body of one frame, with a single read if the frame has arrived and the
/// buffer has room for it.
fn read_frame<'a>(stream: &mut UnixStream, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
    let mut held = 0;
    loop {
        if let Some(header) = buffer[..held].first_chunk::<9>() {
            let [_, length @ ..] = *header;
            let end = 9 + u64::from_be_bytes(length) as usize;
            if held >= end {
                return Ok(&buffer[9..end]);
            }
            if buffer.len() < end {
                buffer.resize(end, 0);
            }
        }
        held += match stream.read(&mut buffer[held..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        };
    }
}
