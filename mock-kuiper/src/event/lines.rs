//! Writes values as lines of JSON, from any thread.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// A writer of lines that keeps its first error for the end.
pub(super) struct Lines<W> {
    out: Mutex<Out<W>>,
}

struct Out<W> {
    writer: W,
    failed: Option<io::Error>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(writer: W) -> Self {
        let failed = None;
        Self {
            out: Mutex::new(Out { writer, failed }),
        }
    }

    /// Writes one line. After an error nothing more is written.
    pub(super) fn write(&self, line: &impl Serialize) {
        let mut out = self.lock();
        if out.failed.is_some() {
            return;
        }
        let Out { writer, failed } = &mut *out;
        let written = serde_json::to_writer(&mut *writer, line)
            .map_err(io::Error::from)
            .and_then(|()| writer.write_all(b"\n"));
        *failed = written.err();
    }

    /// Flushes the writer; returns the first error of any line.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut out = self.lock();
        match out.failed.take() {
            Some(error) => Err(error),
            None => out.writer.flush(),
        }
    }

    #[cfg(test)]
    pub(super) fn into_writer(self) -> W {
        let out = self.out.into_inner();
        out.unwrap_or_else(PoisonError::into_inner).writer
    }

    fn lock(&self) -> MutexGuard<'_, Out<W>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
