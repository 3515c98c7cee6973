//! The warnings and errors that are logged during one unit test, for the text of
//! its failure.
//!
//! A thread that works for a test has the test's journal. The threads that the
//! SDK starts meanwhile inherit it, and so do the loggers of contexts. Without a
//! test there is no journal. The logger that writes into it is in
//! `testing::logs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many lines a journal keeps: the last ones.
const KEPT: usize = 10;

/// A handle to the lines of one test. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    last: VecDeque<String>,
    /// How many earlier lines are not kept.
    dropped: usize,
}

thread_local! {
    static CURRENT: RefCell<Option<Journal>> = const { RefCell::new(None) };
}

impl Journal {
    /// Returns the journal of this thread.
    pub(crate) fn current() -> Option<Journal> {
        CURRENT.try_with(|current| current.borrow().clone()).ok()?
    }

    /// Adds a line to the journal of this thread, if it has one.
    pub(crate) fn add(line: String) {
        if let Some(Journal(lines)) = Journal::current() {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.last.len() == KEPT {
                lines.last.pop_front();
                lines.dropped += 1;
            }
            lines.last.push_back(line);
        }
    }

    /// Removes all lines.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Lines::default();
    }

    /// Removes all lines, and returns those that do not contain `known`, indented.
    pub(crate) fn take(&self, known: &str) -> String {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Lines { last, dropped } = std::mem::take(&mut *lines);
        let mut text = String::new();
        if dropped > 0 {
            text = format!("\n  ({dropped} earlier lines)");
        }
        for line in last.iter().filter(|line| !line.contains(known)) {
            text.push_str("\n  ");
            text.push_str(line);
        }
        text
    }
}

/// Runs code with a journal as that of this thread.
pub(crate) fn within<T>(journal: Option<Journal>, code: impl FnOnce() -> T) -> T {
    struct Restore(Option<Journal>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(journal));
    code()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_to_the_journal_of_its_thread() {
        let journal = Journal::default();

        Journal::add("before".to_owned());
        within(Some(journal.clone()), || {
            Journal::add("WARN a: no disk".to_owned());
            within(None, || Journal::add("elsewhere".to_owned()));
            Journal::add("ERROR a: known".to_owned());
        });
        Journal::add("after".to_owned());

        assert_eq!(journal.take("known"), "\n  WARN a: no disk");
        assert_eq!(journal.take("known"), "");
    }

    #[test]
    fn a_journal_keeps_the_last_10_lines_and_counts_the_others() {
        let journal = Journal::default();

        within(Some(journal.clone()), || {
            (1..=13).for_each(|n| Journal::add(format!("line {n}.")));
        });

        let text = journal.take("known");
        assert!(text.starts_with("\n  (3 earlier lines)\n  line 4.\n"));
        assert!(text.ends_with("\n  line 13."));
    }
}
