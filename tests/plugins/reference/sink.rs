//! The sink `lines`: writes each message as a line to a file, or to stdout.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::fd::{BorrowedFd, RawFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use ekuiper_tests::nng_plugin::{Argument, Worker, listen};
use nng::{
    Error, PipeEvent,
    options::{Options, RecvFd},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::{acks::Acks, fault};

/// How long a sink waits for a message until it looks at the rest.
///
/// It waits for the file that NNG makes readable while there is a message, and not in
/// the socket: NNG may abort the process if a wait ends at the moment at which a message
/// comes.
const STEP: Duration = Duration::from_millis(1);

/// Reads the configuration, listens, and collects until stopped.
///
/// It listens before it returns: the host dials as soon as it has read `ok`.
pub(crate) fn start(argument: &Argument) -> Result<Worker, String> {
    let mut output = match &argument.config["path"] {
        Value::Null => None,
        Value::String(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            Some(file.map_err(|e| format!("config.path: cannot open `{path}`: {e}"))?)
        }
        value => return Err(format!("config.path: expected a text, got {value}")),
    };
    let url = argument.data_url();
    if fault::has("stale-file-refused") && std::path::Path::new(&url["ipc://".len()..]).exists() {
        return Err(format!("{url} already exists"));
    }
    let late = fault::has("late-listener").then(|| url.clone());
    let mut socket = match late {
        Some(_) => None,
        None => Some(listen(&url).map_err(|e| format!("cannot listen at {url}: {e}"))?),
    };
    let left = Arc::new(AtomicBool::new(false));
    if let (Some(socket), true) = (&socket, fault::has("ends-with-sender")) {
        let left = Arc::clone(&left);
        let notified = socket.pipe_notify(move |_, event| {
            if event == PipeEvent::RemovePost {
                left.store(true, SeqCst);
            }
        });
        notified.map_err(|e| e.to_string())?;
    }
    let url = argument.ack_url();
    let mut acks = Acks::dial(&url).map_err(|e| format!("cannot dial {url}: {e}"))?;
    let mut held = None;
    Ok(Worker::spawn(move |stop| {
        if let Some(url) = late {
            thread::sleep(Duration::from_millis(300));
            socket = listen(&url).ok();
        }
        let Some(socket) = socket else { return };
        let Ok(readable) = socket.get_opt::<RecvFd>() else {
            return;
        };
        while !stop.is_set() && !left.load(SeqCst) {
            let received = socket.try_recv();
            let is_idle = received.is_err();
            match received {
                Ok(message) if is_deadly(&message) => break,
                Ok(message) if fault::has("rows-swapped") => {
                    acks.push(write_swapped(&mut output, &message, &mut held));
                }
                Ok(message) => acks.push(write_line(&mut output, &message)),
                Err(Error::TryAgain) => wait_for(readable),
                Err(error) => {
                    eprintln!("reference: lines has ended: {error}");
                    return;
                }
            }
            acks.send_waiting(is_idle);
            while fault::has("acks-block") && !acks.is_empty() && !stop.is_set() {
                thread::sleep(Duration::from_millis(1));
                acks.send_waiting(is_idle);
            }
        }
        while fault::has("acks-flushed") && !acks.is_empty() {
            thread::sleep(Duration::from_millis(1));
            acks.send_waiting(true);
        }
        if fault::has("address-kept") {
            std::mem::forget(socket);
        }
        if fault::has("works-on") {
            fault::work_on();
        }
    }))
}

/// Waits until a file of NNG is readable, at most for [`STEP`].
fn wait_for(file: RawFd) {
    // SAFETY: the socket that has the file is open while its sink runs.
    let file = unsafe { BorrowedFd::borrow_raw(file) };
    let step = Timespec::try_from(STEP).ok();
    // An interrupted wait is a short one.
    _ = poll(&mut [PollFd::new(&file, PollFlags::IN)], step.as_ref());
}

/// Whether the sink has a fault that ends it at this row.
fn is_deadly(row: &[u8]) -> bool {
    let is_not_json = || serde_json::from_slice::<Value>(row).is_err();
    match row.is_empty() {
        true => fault::has("ends-at-no-bytes"),
        false => fault::has("ends-at-bad-rows") && is_not_json(),
    }
}

/// The fault `rows-swapped`: holds every other message back until the next one
/// is written.
fn write_swapped(
    output: &mut Option<File>,
    message: &[u8],
    held: &mut Option<Vec<u8>>,
) -> io::Result<()> {
    match held.take() {
        None => *held = Some(message.to_vec()),
        Some(before) => {
            write_line(output, message)?;
            write_line(output, &before)?;
        }
    }
    Ok(())
}

/// Whether one of 100 rows leaves a file open.
fn leaks() -> bool {
    static ROWS: AtomicUsize = AtomicUsize::new(0);
    ROWS.fetch_add(1, SeqCst).is_multiple_of(100)
}

/// Writes a message and a line end with one write; refuses a message that is not
/// a text.
fn write_line(output: &mut Option<File>, message: &[u8]) -> io::Result<()> {
    if str::from_utf8(message).is_err() {
        let text = "the message is not UTF-8";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    fault::log(message.len());
    if fault::has("rows-leak-files") && message.len() > 1000 && leaks() {
        std::mem::forget(File::open("/dev/null"));
    }
    match output {
        Some(file) => file.write_all(&[message, b"\n"].concat()),
        None => io::stdout().write_all(&[b"lines: ", message, b"\n"].concat()),
    }
}
