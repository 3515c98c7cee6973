//! A source and a sink that gets its rows, and how many it got: for a case.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mock_kuiper::engine::save::{SavedStart, SavedStep};

/// The rows that the rule of a case has.
const ROWS: usize = 10;

/// Rows that come later are left out: a case that waits for rows has 10 s.
const WITHIN: Duration = Duration::from_secs(5);

/// A source and a sink that gets its rows. It outlives both.
#[derive(Debug, Clone)]
pub(super) struct Link {
    source: SavedStart,
    sink: SavedStart,
    since: Instant,
    rows: Arc<AtomicUsize>,
}

impl Link {
    pub(super) fn new(source: &SavedStart, sink: &SavedStart) -> Self {
        Self {
            source: source.clone(),
            sink: sink.clone(),
            since: Instant::now(),
            rows: Arc::default(),
        }
    }

    /// Counts a row that the sink got.
    pub(super) fn count(&self) {
        if self.rows.load(Ordering::Relaxed) < ROWS && self.since.elapsed() < WITHIN {
            self.rows.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Returns a rule for each source whose rows went to sinks.
pub(super) fn rules(links: &[Link]) -> Vec<SavedStep> {
    let mut rules = Vec::<(&SavedStart, Vec<SavedStart>, usize)>::new();
    for link in links {
        let rows = link.rows.load(Ordering::Relaxed);
        if rows == 0 {
            continue;
        }
        match rules
            .iter_mut()
            .find(|(source, ..)| **source == link.source)
        {
            Some((_, sinks, least)) => {
                sinks.push(link.sink.clone());
                *least = rows.min(*least);
            }
            None => rules.push((&link.source, vec![link.sink.clone()], rows)),
        }
    }
    let rules = rules.into_iter();
    rules
        .map(|(source, sinks, rows)| SavedStep::Rule {
            source: source.clone(),
            sinks,
            rows,
            within: None,
        })
        .collect()
}
