//! Faults that the plugin can be told to have, by the variable `REFERENCE_FAULT`:
//! each shows that the conformance suite finds what it is there to find.

use std::{
    env, hint,
    sync::{
        Once, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// Whether the plugin has a fault.
pub(crate) fn has(name: &str) -> bool {
    static FAULT: OnceLock<String> = OnceLock::new();
    FAULT.get_or_init(|| env::var("REFERENCE_FAULT").unwrap_or_default()) == name
}

/// How long nothing comes until the faults of an idle plugin begin; it is set by
/// `REFERENCE_IDLE`, in milliseconds, and is 5 s otherwise, as the SDKs have it.
pub(crate) fn idle() -> Duration {
    let set = env::var("REFERENCE_IDLE").ok();
    let set = set.and_then(|text| text.parse().ok());
    Duration::from_millis(set.unwrap_or(5000))
}

/// Takes note of so many bytes of log; with the fault of a log that nobody
/// empties it is full at 3 MiB.
pub(crate) fn log(bytes: usize) {
    static LOGGED: AtomicUsize = AtomicUsize::new(0);
    const ROOM: usize = 3 * 1024 * 1024;
    if LOGGED.fetch_add(bytes, SeqCst) > ROOM && has("log-blocks") {
        hang();
    }
}

/// Puts a byte that is not UTF-8 into the first text of an object.
pub(crate) fn spoil(json: &mut Vec<u8>) {
    let text = b":\"";
    if let Some(place) = json.windows(text.len()).position(|bytes| bytes == text) {
        json.insert(place + text.len(), 0xff);
    }
}

/// Keeps a processor busy from now on, on one thread of the process.
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

/// Does nothing any more on this thread.
pub(crate) fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_secs(60));
    }
}
