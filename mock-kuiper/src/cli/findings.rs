//! What the plugin did wrong: counted, and said.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mock_kuiper::event::What;

use super::stream::Stream;

/// Counts what went wrong, and says it; of one kind only the first few.
pub(super) struct Findings {
    stream: Arc<Stream>,
    by_key: Mutex<HashMap<String, u64>>,
    total: AtomicU64,
}

impl std::fmt::Debug for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Findings").field(&self.total).finish()
    }
}

impl Findings {
    /// Findings about one symbol that are said one by one.
    const SAID: u64 = 10;

    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            by_key: Mutex::default(),
            total: AtomicU64::new(0),
        }
    }

    /// Takes note of something that the plugin did wrong. `key` is the symbol.
    pub(super) fn report(&self, key: &str, text: &str) {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let number = by_key.entry(key.to_owned()).or_default();
        *number += 1;
        if *number <= Self::SAID {
            self.stream.tell(What::Finding { text });
        }
        if *number == Self::SAID {
            let text = format!("`{key}`: further errors are only counted");
            self.stream.tell(What::Note { text: &text });
        }
    }

    /// The number of findings so far.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}
