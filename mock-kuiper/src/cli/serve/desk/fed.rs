//! A sink that gets the rows of a source, and how many it got: for a case.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mock_kuiper::engine::save::{SavedStart, SavedStep};

use super::instance::Instance;

/// The rows that the rule of a case has.
const ROWS: usize = 10;

/// Rows that come later are left out: a case that waits for rows has 10 s.
const WITHIN: Duration = Duration::from_secs(5);

/// A sink that gets the rows of a source.
#[derive(Debug)]
pub(super) struct Fed {
    pub(super) sink: Arc<Instance>,
    since: Instant,
    rows: Arc<AtomicUsize>,
}

/// A source and the sink that it fed. It outlives both.
#[derive(Debug, Clone)]
pub(super) struct Link {
    source: SavedStart,
    sink: SavedStart,
    rows: Arc<AtomicUsize>,
}

impl Fed {
    /// Feeds a sink with the rows of a source.
    pub(super) fn connect(source: &Instance, sink: &Arc<Instance>) -> Link {
        let rows = Arc::<AtomicUsize>::default();
        source.feed(Arc::new(Self {
            sink: Arc::clone(sink),
            since: Instant::now(),
            rows: Arc::clone(&rows),
        }));
        Link {
            source: source.start.clone(),
            sink: sink.start.clone(),
            rows,
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
