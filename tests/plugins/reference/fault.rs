//! The fault of the plugin, which the variable `REFERENCE_FAULT` names.
//!
//! Each fault breaks one requirement, to prove that the conformance suite finds
//! it. A few are harmless, to prove that the suite does not fail them. The code of
//! a fault is at the place where the plugin otherwise follows the
//! protocol; this file has what several faults need. Which fault breaks which
//! requirement: `tests/conformance_faults/faults.rs`; the harmless ones:
//! `tests/conformance_harmless.rs`.

use std::{
    env, hint,
    sync::{
        Once, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// Whether the plugin has the fault `name`.
pub(crate) fn has(name: &str) -> bool {
    static FAULT: OnceLock<String> = OnceLock::new();
    FAULT.get_or_init(|| env::var("REFERENCE_FAULT").unwrap_or_default()) == name
}

/// How long the plugin is idle before a fault of idle plugins shows.
///
/// `REFERENCE_IDLE` sets it in milliseconds. The default is 5 s, after which an
/// idle plugin on an SDK greets again.
pub(crate) fn idle() -> Duration {
    let set = env::var("REFERENCE_IDLE").ok();
    let set = set.and_then(|text| text.parse().ok());
    Duration::from_millis(set.unwrap_or(5000))
}

/// Counts bytes of log output; with the fault `log-blocks`, hangs after 3 MiB, as
/// if the output went to a full pipe that nobody reads.
pub(crate) fn log(bytes: usize) {
    static LOGGED: AtomicUsize = AtomicUsize::new(0);
    const ROOM: usize = 3 * 1024 * 1024;
    if LOGGED.fetch_add(bytes, SeqCst) > ROOM && has("log-blocks") {
        hang();
    }
}

/// Inserts a byte that is not UTF-8 into the first text of a JSON object.
pub(crate) fn spoil(json: &mut Vec<u8>) {
    let text = b":\"";
    if let Some(place) = json.windows(text.len()).position(|bytes| bytes == text) {
        json.insert(place + text.len(), 0xff);
    }
}

/// Keeps a processor busy from now on, with one thread of the process.
pub(crate) fn work_on() {
    static BUSY: Once = Once::new();
    BUSY.call_once(|| {
        thread::spawn(|| {
            loop {
                hint::spin_loop();
            }
        });
    });
}

/// Blocks this thread for ever.
pub(crate) fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_secs(60));
    }
}
