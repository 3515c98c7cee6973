//! All that a tab of the page shows, in one stream.
//!
//! A browser opens six connections to a server at most, for all tabs together. A tab
//! with a stream for each thing that it shows would block the second one.

use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::answer::Refusal;
use super::query;
use super::sse::{ALIVE, Events, Gone, stream as sse};
use super::streams::{LOOK, Messages, RATE, describe, gap};
use crate::cli::serve::desk::{Bucket, Instance, Plugin, SHOWN, Wish};
use crate::cli::serve::hub::{Batch, Hub};
use crate::cli::serve::state::Shared;

/// The rows that a tab gets at once when it begins to show an instance.
const KEPT: u64 = 50;

/// `GET /api/plugins/{plugin}/stream`: events `plugin`; `line` and `message` if the
/// query has `log` and `wire`, each with the id of the last one that the tab has; `row`
/// and `rate` of the source `rows`, after the row `rows_after`.
pub(super) async fn stream(
    State(server): State<Shared>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let plugin = Arc::clone(server.desk.plugin(&name)?);
    let most = query::number(&uri, "max")?.unwrap_or(SHOWN);
    let watcher = &plugin.watcher;
    let after = |hub: &Hub, name| query::value(&uri, name).map(|id| hub.number(&id));
    let log = after(&watcher.log, "log");
    let channel = query::value(&uri, "channel");
    let wire = after(&watcher.wire, "wire").map(|at| Messages::new(at, channel, most));
    let rows = query::value(&uri, "rows").map(|id| Rows {
        id,
        after: query::value(&uri, "rows_after").unwrap_or_default(),
        most,
        tap: None,
    });
    let (response, events) = sse();
    let tab = Tab {
        plugin: Arc::clone(&plugin),
        log,
        wire,
        rows,
        events,
    };
    tokio::spawn(tab.run(server, most));
    Ok(response)
}

/// What a tab shows, and how far it has read each.
struct Tab {
    plugin: Arc<Plugin>,
    log: Option<u64>,
    wire: Option<Messages>,
    rows: Option<Rows>,
    events: Events,
}

impl Tab {
    async fn run(mut self, server: Shared, most: u32) -> Result<(), Gone> {
        let plugin = Arc::clone(&self.plugin);
        let watcher = &plugin.watcher;
        let _wish = self.wire.is_some().then(|| watcher.sampler.wish(most));
        let mut ending = server.ending.subscribe();
        let (mut looks, mut rates) = (interval(LOOK), interval(RATE));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        rates.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = String::new();
        let mut sent = Instant::now();
        loop {
            let log = self.log.map(|at| (&watcher.log, at));
            let wire = self.wire.as_ref().map(|wire| (&watcher.wire, wire.at));
            let tap = self.rows.as_ref().and_then(|rows| rows.tap.as_ref());
            let tap = tap.filter(|tap| !tap.has_ended);
            let rows = tap.map(|tap| (&tap.instance.tap.hub, tap.at));
            tokio::select! {
                () = self.events.gone() => return Err(Gone),
                batch = after(log) => {
                    let at = self.log.take().unwrap_or_default();
                    self.log = add_lines(&mut self.events, &watcher.log, at, &batch);
                }
                batch = after(wire) => match &mut self.wire {
                    Some(wire) if !batch.has_ended => {
                        wire.add(&mut self.events, &watcher.wire, &batch);
                    }
                    _ => self.wire = None,
                },
                batch = after(rows) => {
                    if let Some(rows) = &mut self.rows {
                        rows.add(&mut self.events, &batch);
                    }
                }
                _ = rates.tick() => {
                    if let Some(rows) = &self.rows {
                        rows.add_rate(&mut self.events);
                    }
                }
                _ = looks.tick() => {
                    if let Some(rows) = &mut self.rows {
                        rows.follow(&plugin);
                    }
                    let now = describe(&plugin).await;
                    if now != last {
                        self.events.add("plugin", "0", &now);
                        last = now;
                        sent = Instant::now();
                    } else if sent.elapsed() >= ALIVE {
                        self.events.add_comment();
                        sent = Instant::now();
                    }
                    if *ending.borrow_and_update() && plugin.has_ended() {
                        return self.events.send().await;
                    }
                }
            }
            self.events.send().await?;
        }
    }
}

/// Waits for events after the one with this number; forever without a hub.
async fn after(hub: Option<(&Hub, u64)>) -> Batch {
    match hub {
        Some((hub, at)) => hub.after(at).await,
        None => pending().await,
    }
}

/// Adds lines of the log. Returns the number of the last one, `None` at the end.
fn add_lines(events: &mut Events, hub: &Hub, at: u64, batch: &Batch) -> Option<u64> {
    if batch.has_ended {
        return None;
    }
    let mut at = gap(events, "log", hub, at, batch);
    for entry in &batch.entries {
        events.add("line", &hub.id(entry.number), &entry.data);
        at = entry.number;
    }
    Some(at)
}

/// The rows of the source with an id: those of whichever instance has it.
struct Rows {
    id: String,
    after: String,
    most: u32,
    tap: Option<Shown>,
}

/// An instance whose rows are shown.
struct Shown {
    instance: Arc<Instance>,
    at: u64,
    bucket: Bucket,
    /// The last entry, and how many rows there were, when this began.
    earlier: u64,
    before: u64,
    /// How many rows have been shown since then.
    shown: u64,
    has_ended: bool,
    _wish: Wish,
}

impl Rows {
    /// Changes to the instance that has the id now.
    fn follow(&mut self, plugin: &Plugin) {
        let Ok(instance) = plugin.source(&self.id) else {
            return;
        };
        let known = self.tap.as_ref().map(|tap| &tap.instance);
        if known.is_some_and(|known| Arc::ptr_eq(known, &instance)) {
            return;
        }
        let tap = &instance.tap;
        let read = tap.hub.number(&self.after);
        self.tap = Some(Shown {
            at: read.max(tap.hub.last().saturating_sub(KEPT)),
            bucket: Bucket::new(self.most),
            earlier: tap.hub.last(),
            before: tap.rows(),
            shown: 0,
            has_ended: false,
            _wish: tap.sampler.wish(self.most),
            instance,
        });
    }

    fn add(&mut self, events: &mut Events, batch: &Batch) {
        let Some(shown) = &mut self.tap else { return };
        let hub = &shown.instance.tap.hub;
        shown.has_ended = batch.has_ended;
        shown.at += batch.lost;
        for entry in &batch.entries {
            shown.at = entry.number;
            // The page has what is wrong from the description of the instance.
            if entry.is_row && shown.bucket.takes(Instant::now()) {
                shown.shown += u64::from(entry.number > shown.earlier);
                let row = with_instance(&self.id, &entry.data);
                events.add("row", &hub.id(entry.number), &row);
            }
        }
    }

    fn add_rate(&self, events: &mut Events) {
        let Some(shown) = &self.tap else { return };
        let tap = &shown.instance.tap;
        let rows = tap.rows();
        let skipped = (rows - shown.before).saturating_sub(shown.shown);
        let rate =
            json!({"instance": self.id, "rows": rows, "rate": tap.rate(), "skipped": skipped});
        events.add("rate", "0", &rate.to_string());
    }
}

/// Adds the instance to the JSON object of a row.
fn with_instance(id: &str, row: &str) -> String {
    let rest = row.strip_prefix('{').unwrap_or(row);
    format!("{{\"instance\":{},{rest}", json!(id))
}
