//! Starts and stops sources and sinks, and sends rows to sinks.

use std::sync::Arc;

use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::engine::host::{AckMode, source_order};
use mock_kuiper::engine::release::AckChannel;
use mock_kuiper::engine::save::{SavedKind, SavedStart, SavedStep, saved_sink_row};
use mock_kuiper::engine::wire::{Order, StreamOptions, write_sink_value};
use mock_kuiper::{HostError, Kind, Meta, Observed, Sink};
use serde_json::{Map, Value, json};

use super::instance::{Instance, Part};
use super::link::Link;
use super::plugin::{Plugin, SETTLE};
use super::problem::Problem;

/// The rows to a sink that a saved case has.
const SAVED: usize = 100;

/// A source to start.
#[derive(Debug, Default)]
pub(in crate::cli::serve) struct SourceSpec {
    pub(in crate::cli::serve) rule: String,
    pub(in crate::cli::serve) config: Map<String, Value>,
    pub(in crate::cli::serve) datasource: String,
    pub(in crate::cli::serve) conf_key: Option<String>,
    /// Other options of the stream.
    pub(in crate::cli::serve) options: Map<String, Value>,
    /// The sinks that get its rows.
    pub(in crate::cli::serve) to: Vec<String>,
    /// Whether all rows are shown, also those before the first stream of them.
    pub(in crate::cli::serve) all_rows: bool,
}

/// A sink to start.
#[derive(Debug, Default)]
pub(in crate::cli::serve) struct SinkSpec {
    pub(in crate::cli::serve) rule: String,
    pub(in crate::cli::serve) config: Map<String, Value>,
    pub(in crate::cli::serve) require_ack: bool,
    pub(in crate::cli::serve) send_single: bool,
    /// The sources whose rows it gets.
    pub(in crate::cli::serve) from: Vec<String>,
}

/// Rows for a sink.
#[derive(Debug)]
pub(in crate::cli::serve) enum Rows {
    /// Each is a message, or a batch if it is an array.
    Values(Vec<Value>),
    /// One message.
    Text(String),
}

impl Plugin {
    /// Starts a source, and describes the instance.
    pub(in crate::cli::serve) fn start_source(
        &self,
        symbol: &str,
        spec: SourceSpec,
    ) -> Result<Value, Problem> {
        self.check_symbol(Kind::Source, symbol)?;
        let (inside, host) = self.inside_launched()?;
        let placing = self.placing();
        let sinks = self.all_of(Kind::Sink, &spec.to)?;
        let options = StreamOptions {
            datasource: spec.datasource.clone(),
            others: spec.options.clone(),
        };
        let meta = self.free(|number| Meta {
            instance_id: number,
            ..Meta::new(&spec.rule, symbol)
        })?;
        let made = source_order(
            &self.package,
            host.release(),
            symbol,
            meta,
            &options,
            spec.conf_key.as_deref(),
            &spec.config,
        );
        let (order, ignored) = made.map_err(HostError::from)?;
        let id = order.meta.to_string();
        let tap = self.watcher.tap(&id, spec.all_rows);
        let started = host.start_source(order);
        let source = started.map_err(|error| self.not_started(&id, error))?;
        let start = SavedStart {
            symbol: symbol.to_owned(),
            alias: Some(id.clone()),
            config: spec.config,
            kind: SavedKind::Source {
                datasource: spec.datasource,
                conf_key: spec.conf_key,
                options: spec.options,
            },
        };
        let instance = Arc::new(Instance::source(&source, start, tap));
        let links = sinks.iter().map(|sink| instance.feed(sink));
        let links = links.collect();
        instance.read(source)?;
        if let Some(mistake) = ignored.first() {
            instance.note(Problem::input(format!(
                "{mistake}; like eKuiper, the source starts without it"
            )));
        }
        self.put(&instance, links);
        drop(placing);
        drop(inside);
        self.instance_json(&id)
    }

    /// Starts a sink, and describes the instance.
    pub(in crate::cli::serve) fn start_sink(
        &self,
        symbol: &str,
        spec: SinkSpec,
    ) -> Result<Value, Problem> {
        self.check_symbol(Kind::Sink, symbol)?;
        let (inside, host) = self.inside_launched()?;
        let placing = self.placing();
        let sources = self.all_of(Kind::Source, &spec.from)?;
        let mut config = spec.config.clone();
        for (name, is_set) in [
            ("requireAck", spec.require_ack),
            ("sendSingle", spec.send_single),
        ] {
            if is_set {
                config.insert(name.to_owned(), true.into());
            }
        }
        let meta = self.free(|number| Meta::new(&spec.rule, format!("{symbol}_{number}")))?;
        let order = Order::sink(symbol, meta, config);
        let id = order.meta.to_string();
        let tap = self.watcher.tap(&id, false);
        let started = host.start_sink(order, AckMode::AsOrdered);
        let sink = started.map_err(|error| self.not_started(&id, error))?;
        let reads_acks = host.release().ack == AckChannel::Read;
        let start = SavedStart {
            symbol: symbol.to_owned(),
            alias: Some(id.clone()),
            config: spec.config,
            kind: SavedKind::Sink {
                require_ack: spec.require_ack,
                send_single: spec.send_single,
            },
        };
        let instance = Arc::new(Instance::sink(sink, start, reads_acks, tap));
        let links = sources.iter().map(|source| source.feed(&instance));
        let links = links.collect();
        self.put(&instance, links);
        drop(placing);
        drop(inside);
        self.instance_json(&id)
    }

    /// Stops an instance, and describes it a last time.
    pub(in crate::cli::serve) fn stop_instance(&self, id: &str) -> Result<Value, Problem> {
        let (inside, _host) = match self.inside() {
            Ok(inside) => inside,
            Err(problem) => {
                // Of a plugin that has exited there is nothing to stop.
                self.instance(id)?;
                return Err(problem);
            }
        };
        let instance = self.instance(id)?;
        if !instance.begin_stop() {
            return Err(Problem::conflict(format!(
                "`{id}` is being stopped already"
            )));
        }
        let stopped = self.stop_one(&instance);
        instance.end();
        let mut live = self.live();
        for step in instance.last_steps() {
            live.steps.push(step, instance.tap.first_bytes());
        }
        // Its place is free only once nothing of it is left.
        self.watcher.untap(id);
        live.instances.remove(id);
        drop(live);
        drop(inside);
        stopped.map_err(|error| self.found(error))?;
        Ok(instance.to_json(None))
    }

    /// Sends rows to a sink, and waits for their acks if it requires them.
    pub(in crate::cli::serve) fn send(&self, id: &str, rows: &Rows) -> Result<Value, Problem> {
        let (inside, _host) = self.inside()?;
        let instance = self.instance(id)?;
        let Part::Sink(sending) = &instance.part else {
            return Err(
                Problem::conflict(format!("`{id}` is a source: it takes no rows"))
                    .advise("read its rows: GET the same path"),
            );
        };
        let messages = match rows {
            Rows::Text(text) => vec![text.clone().into_bytes()],
            Rows::Values(rows) => {
                let message = |row: &Value| {
                    let mut bytes = Vec::new();
                    write_sink_value(&mut bytes, row, sending.single);
                    bytes
                };
                rows.iter().map(message).collect()
            }
        };
        let mut acks = Vec::new();
        let mut sent = 0;
        for message in &messages {
            let deliver = |sink: &mut Sink| match inside.must_leave() {
                true => Err(HostError::Interrupted),
                false => sink.deliver(message),
            };
            let Some(delivered) = instance.with_sink(deliver) else {
                return Err(Problem::conflict(format!("`{id}` was stopped meanwhile")));
            };
            match delivered.map_err(failed_ack) {
                Ok(()) => acks.push(json!({"ok": true})),
                Err(Ok(text)) => acks.push(json!({"ok": false, "error": text})),
                Err(Err(HostError::Interrupted)) if instance.is_stopping() => {
                    let text = format!("`{id}` was stopped meanwhile");
                    return Err(Problem::conflict(text).with("sent", sent));
                }
                Err(Err(error)) => {
                    let error = match error {
                        // The process has exited.
                        HostError::Interrupted => self.exit().unwrap_or(HostError::Interrupted),
                        other => other,
                    };
                    let problem = self.found(error).with("sent", sent);
                    let problem = match instance.require_ack {
                        true => problem.with("acks", acks),
                        false => problem,
                    };
                    instance.note(problem.clone());
                    return Err(problem);
                }
            }
            sent += 1;
        }
        let errors = acks.iter().map(|ack| ack["error"].as_str().map(Into::into));
        let saved = messages.iter().take(SAVED);
        let bytes = saved.clone().map(Vec::len).sum();
        let step = SavedStep::Send {
            alias: id.to_owned(),
            rows: saved
                .map(|bytes| saved_sink_row(bytes, sending.single))
                .collect(),
            left_out: messages.len().saturating_sub(SAVED) as u64,
            acks: match instance.require_ack {
                true => errors.take(SAVED).collect(),
                false => Vec::new(),
            },
        };
        self.live().steps.push(step, bytes);
        let mut answer = json!({ "sent": sent });
        if instance.require_ack {
            answer["acks"] = acks.into();
        }
        Ok(answer)
    }

    fn not_started(&self, id: &str, error: HostError) -> Problem {
        self.watcher.untap(id);
        self.found(error)
    }

    /// Returns why the process does not run.
    fn exit(&self) -> Option<HostError> {
        let host = self.live().host.clone()?;
        host.check_alive().err()
    }

    fn stop_one(&self, instance: &Arc<Instance>) -> Result<(), HostError> {
        if instance.kind() == Kind::Sink {
            let all: Vec<_> = self.live().instances.values().map(Arc::clone).collect();
            all.iter().for_each(|source| source.feed_no_more(instance));
        }
        if let Some(source) = instance.take_source() {
            return source.stop();
        }
        // A row that waits for its ack gets a moment, too.
        match instance.take_sink_within(SETTLE) {
            Some(mut sink) => {
                sink.settle(SETTLE);
                sink.stop()
            }
            None => Ok(()),
        }
    }

    /// Returns the first place in a rule that nothing has.
    fn free(&self, place: impl Fn(u32) -> Meta) -> Result<Meta, Problem> {
        const MOST: u32 = 100;
        let live = self.live();
        let mut places = (0..MOST).map(place);
        let free = places.find(|meta| !live.instances.contains_key(&meta.to_string()));
        free.ok_or_else(|| {
            Problem::conflict(format!("there are {MOST} instances of this symbol already"))
                .advise("stop some of them")
        })
    }

    /// Finds instances of one kind; all that are wrong at once.
    fn all_of(&self, kind: Kind, ids: &[String]) -> Result<Vec<Arc<Instance>>, Problem> {
        let live = self.live();
        let mut wrong = Vec::new();
        let mut found = Vec::new();
        for id in ids {
            match live.instances.get(id) {
                Some(instance) if instance.kind() == kind => found.push(Arc::clone(instance)),
                Some(_) => wrong.push(format!("`{id}` is no {kind}")),
                None => wrong.push(format!("`{}` does not run", in_sentence(id))),
            }
        }
        match wrong.is_empty() {
            true => Ok(found),
            false => Err(Problem::input(wrong.join("; "))),
        }
    }

    fn put(&self, instance: &Arc<Instance>, links: Vec<Link>) {
        let mut live = self.live();
        live.instances
            .insert(instance.id.clone(), Arc::clone(instance));
        let bytes = serde_json::to_string(&instance.order.config).map_or(0, |text| text.len());
        let start = SavedStep::Start(instance.start.clone());
        live.steps.push(start, bytes);
        for link in links {
            live.steps.link(link);
        }
    }
}

/// Returns the text of an ack that the row failed, or another error.
fn failed_ack(error: HostError) -> Result<String, HostError> {
    match &error {
        HostError::Finding(finding) => match &finding.observed {
            Observed::AckError { text } => Ok(text.clone()),
            _ => Err(error),
        },
        _ => Err(error),
    }
}
