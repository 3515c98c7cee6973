//! Streams: the rows of a source, messages, the plugin's output, and its state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::answer::Refusal;
use super::query;
use super::sse::{ALIVE, Events, Gone, stream};
use crate::cli::serve::desk::{Bucket, Instance, Plugin, SHOWN, Wish};
use crate::cli::serve::hub::{Batch, Hub};
use crate::cli::serve::state::Shared;

/// How often a plugin's state is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// How often the rate of a source is sent.
pub(super) const RATE: Duration = Duration::from_secs(1);

/// `GET /api/plugins/{plugin}/log`
pub(super) async fn log(
    State(server): State<Shared>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let plugin = Arc::clone(server.desk.plugin(&name)?);
    let until = end(&plugin.watcher.log, &uri)?;
    let (response, mut events) = stream();
    let mut at = start(&plugin.watcher.log, &uri, &headers);
    tokio::spawn(async move {
        let hub = &plugin.watcher.log;
        while let Some(batch) = next(&mut events, hub, at, until).await? {
            at = gap(&mut events, "log", hub, at, &batch);
            for entry in &batch.entries {
                events.add("line", &hub.id(entry.number), &entry.data);
                at = entry.number;
            }
            events.send().await?;
        }
        Ok::<_, Gone>(())
    });
    Ok(response)
}

/// `GET /api/plugins/{plugin}/wire`
pub(super) async fn wire(
    State(server): State<Shared>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let plugin = Arc::clone(server.desk.plugin(&name)?);
    let most = query::number(&uri, "max")?.unwrap_or(SHOWN);
    let channel = query::value(&uri, "channel");
    let until = end(&plugin.watcher.wire, &uri)?;
    let (response, mut events) = stream();
    let mut messages = Messages::new(start(&plugin.watcher.wire, &uri, &headers), channel, most);
    // Before the answer: what comes after it is shown.
    let wish = plugin.watcher.sampler.wish(most);
    tokio::spawn(async move {
        let _wish = wish;
        let hub = &plugin.watcher.wire;
        while let Some(batch) = next(&mut events, hub, messages.at, until).await? {
            messages.add(&mut events, hub, &batch);
            events.send().await?;
        }
        Ok::<_, Gone>(())
    });
    Ok(response)
}

/// Writes the messages of one channel or of all, and at most some rows in a second.
pub(super) struct Messages {
    /// The number of the last one that was read.
    pub(super) at: u64,
    channel: Option<String>,
    bucket: Bucket,
    skipped: u64,
}

impl Messages {
    /// Begins after the message with the number `at`.
    pub(super) fn new(at: u64, channel: Option<String>, most: u32) -> Self {
        Self {
            at,
            channel,
            bucket: Bucket::new(most),
            skipped: 0,
        }
    }

    /// Adds the messages of a batch, and what was left out before each.
    pub(super) fn add(&mut self, events: &mut Events, hub: &Hub, batch: &Batch) {
        self.skipped += batch.lost;
        for entry in &batch.entries {
            self.at = entry.number;
            if self.channel.is_some() && self.channel.as_deref() != entry.channel.as_deref() {
                continue;
            }
            self.skipped += entry.skipped;
            if entry.is_row && !self.bucket.takes(Instant::now()) {
                self.skipped += 1;
                continue;
            }
            let id = hub.id(entry.number);
            let skipped = std::mem::take(&mut self.skipped);
            if skipped > 0 {
                let skipped = json!({"of": "wire", "skipped": skipped});
                events.add("gap", &id, &skipped.to_string());
            }
            events.add("message", &id, &entry.data);
        }
    }
}

/// `GET /api/plugins/{plugin}/instances/{instance}/rows`
pub(super) async fn rows(
    State(server): State<Shared>,
    Path((name, id)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let plugin = server.desk.plugin(&name)?;
    let instance = plugin.source(&id)?;
    let most = query::number(&uri, "max")?.unwrap_or(SHOWN);
    let (response, events) = stream();
    let at = start(&instance.tap.hub, &uri, &headers);
    // Before the answer: what comes after it is shown or counted.
    let begin = Begin {
        at,
        most,
        before: instance.tap.rows(),
        earlier: instance.tap.hub.last(),
        _wish: instance.tap.sampler.wish(most),
    };
    tokio::spawn(rows_of(instance, events, begin));
    Ok(response)
}

/// Where a stream of rows begins.
struct Begin {
    /// The number of the last entry that the client has.
    at: u64,
    /// How many rows are shown in a second.
    most: u32,
    /// How many rows there were, and the last entry. Earlier ones are shown, too, and not
    /// counted.
    before: u64,
    earlier: u64,
    _wish: Wish,
}

async fn rows_of(instance: Arc<Instance>, mut events: Events, begin: Begin) -> Result<(), Gone> {
    let tap = &instance.tap;
    let hub = &tap.hub;
    let mut at = begin.at;
    let mut bucket = Bucket::new(begin.most);
    let mut shown = 0;
    let mut rates = interval(RATE);
    rates.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let batch = tokio::select! {
            () = events.gone() => return Err(Gone),
            _ = rates.tick() => {
                let rows = tap.rows();
                let skipped = (rows - begin.before).saturating_sub(shown);
                let rate = json!({"rows": rows, "rate": tap.rate(), "skipped": skipped});
                events.add("rate", &hub.id(at), &rate.to_string());
                events.send().await?;
                continue;
            }
            batch = hub.after(at) => batch,
        };
        if batch.has_ended {
            return Ok(());
        }
        at = gap(&mut events, "rows", hub, at, &batch);
        for entry in &batch.entries {
            at = entry.number;
            if !entry.is_row {
                events.add("invalid", &hub.id(at), &entry.data);
            } else if bucket.takes(Instant::now()) {
                shown += u64::from(at > begin.earlier);
                events.add("row", &hub.id(at), &entry.data);
            }
        }
        events.send().await?;
    }
}

/// `GET /api/plugins/{plugin}/events`
pub(super) async fn events(
    State(server): State<Shared>,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let plugin = Arc::clone(server.desk.plugin(&name)?);
    let (response, mut events) = stream();
    let mut ending = server.ending.subscribe();
    tokio::spawn(async move {
        let mut last = String::new();
        let mut number = 0_u64;
        let mut sent = Instant::now();
        loop {
            let now = describe(&plugin).await;
            if now != last {
                number += 1;
                events.add("plugin", &number.to_string(), &now);
                last = now;
                sent = Instant::now();
            } else if sent.elapsed() >= ALIVE {
                events.add_comment();
                sent = Instant::now();
            }
            events.send().await?;
            if *ending.borrow_and_update() && plugin.has_ended() {
                return Ok(());
            }
            if events.gone_within(LOOK).await {
                return Err(Gone);
            }
        }
    });
    Ok(response)
}

/// Describes a plugin. That may wait for the end of a process.
pub(super) async fn describe(plugin: &Arc<Plugin>) -> String {
    let plugin = Arc::clone(plugin);
    let described = tokio::task::spawn_blocking(move || plugin.to_json().to_string());
    described.await.unwrap_or_default()
}

/// Returns the number of the last event that the client has.
fn start(hub: &Hub, uri: &Uri, headers: &HeaderMap) -> u64 {
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let id = header
        .map(str::to_owned)
        .or_else(|| query::value(uri, "after"));
    id.map_or(0, |id| hub.number(&id))
}

/// Returns the number of the last event that a client wants: with `follow=0`, of the last
/// that there is.
fn end(hub: &Hub, uri: &Uri) -> Result<Option<u64>, Refusal> {
    Ok((query::number(uri, "follow")? == Some(0)).then(|| hub.last()))
}

/// Waits for the next events, and writes a comment now and then. `None` at the end of
/// the stream, and after the event with the number `until`.
async fn next(
    events: &mut Events,
    hub: &Hub,
    at: u64,
    until: Option<u64>,
) -> Result<Option<Batch>, Gone> {
    loop {
        if until.is_some_and(|until| at >= until) {
            return Ok(None);
        }
        let waited = tokio::select! {
            () = events.gone() => return Err(Gone),
            waited = timeout(ALIVE, hub.after(at)) => waited,
        };
        match waited {
            Ok(batch) => return Ok((!batch.has_ended).then_some(batch)),
            Err(_) => {
                events.add_comment();
                events.send().await?;
            }
        }
    }
}

/// Adds an event about what was lost.
pub(super) fn gap(events: &mut Events, of: &str, hub: &Hub, at: u64, batch: &Batch) -> u64 {
    let at = at + batch.lost;
    if batch.lost > 0 {
        let lost = json!({"of": of, "skipped": batch.lost});
        events.add("gap", &hub.id(at), &lost.to_string());
    }
    at
}
