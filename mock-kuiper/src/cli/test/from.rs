//! `test --from`: makes cases of a trace.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mock_kuiper::engine::package::Build;
use mock_kuiper::engine::release::DEFAULT_HOST;
use mock_kuiper::engine::save::{
    SaveFile, SavedKind, SavedRun, SavedStart, SavedStep, saved_row, saved_sink_row,
};
use mock_kuiper::engine::trace::{
    Interpreted, Interpreter, Line, Ordered, Reader, Refusal, Requested, Sense, body,
};
use mock_kuiper::engine::wire::{
    Ack, Command, FunctionAnswer, SourceRow, StreamOptions, source_config,
};
use mock_kuiper::{Channel, Kind, Package, Release, Symbol};
use serde_json::{Map, Value};

use super::calls::Calls;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{NOTE, labelled, print_results, say};
use crate::cli::replay::{check_symbols, incomplete};
use crate::cli::text::count;

/// The rows of a source that a case has.
const ROWS: usize = 10;

/// The rows for a sink that a case has.
const SENT: usize = 100;

/// The instances that get cases.
const CASES: usize = 200;

/// How long the rows of a step may take by default.
const WITHIN: Duration = Duration::from_secs(5);

/// Writes the cases of a trace to a file, or to stdout.
pub(super) fn make(
    trace: &Path,
    plugin: &Path,
    build: Build,
    python: Option<PathBuf>,
    output: Option<&Path>,
) -> Result<Exit, CliError> {
    let wrong = |text: String| CliError::input(format!("{}: {text}", trace.display()));
    if !plugin.exists() {
        return Err(CliError::input(format!(
            "{}: there is no such plugin; name its directory, its zip, its Cargo package or its Go module",
            plugin.display()
        )));
    }
    let file = File::open(trace).map_err(|error| wrong(error.to_string()))?;
    let reader = Reader::new(BufReader::new(file));
    let mut reader = reader.map_err(|error| wrong(error.to_string()))?;
    let mut interpreter = Interpreter::new(reader.header());
    let default = || Release::find(DEFAULT_HOST).expect("the default is a known release");
    let release = interpreter.release().unwrap_or_else(default);
    let mut seen = Seen {
        release,
        is_whole: reader.header().dropped == 0,
        ..Seen::new(release)
    };
    loop {
        let line = reader
            .next_line()
            .map_err(|error| wrong(error.to_string()))?;
        let Some((number, line)) = line else { break };
        let read = interpreter.interpret(number, &line);
        seen.add(&line, &read);
    }
    if reader.is_cut() {
        note(&incomplete(trace));
    }
    let cases = seen.cases();
    if cases.is_empty() {
        return Err(wrong(
            "there is nothing in it that a case could test".to_owned(),
        ));
    }
    check_symbols(trace, &seen.symbols, &Package::build(plugin, build)?)?;
    let run = SavedRun {
        plugin: plugin.to_owned(),
        python,
        env: Vec::new(),
        init_timeout: None,
        release,
    };
    let place = output.unwrap_or(Path::new("trace.test.yaml"));
    let failed = |error| CliError::input(format!("{}: {error}", place.display()));
    let file = SaveFile::open(place, run).map_err(failed)?;
    match output {
        None => print_results(&file.with_cases(&cases).map_err(failed)?)?,
        Some(path) => {
            for steps in &cases {
                file.add(steps).map_err(failed)?;
            }
            let text = format!(
                "added {} to {}",
                count(cases.len() as u64, "case"),
                path.display()
            );
            note(&text);
        }
    }
    Ok(Exit::Fine)
}

fn note(text: &str) {
    say(&labelled(NOTE, "note", text));
}

/// What a trace has that cases can test.
struct Seen {
    release: &'static Release,
    is_whole: bool,
    calls: Calls,
    /// The request of each function's channel that was not answered yet.
    requests: HashMap<String, Requested>,
    /// The order that was not answered yet.
    order: Option<(Ordered, f64)>,
    instances: Vec<Running>,
    /// What was started or called.
    symbols: BTreeSet<(Kind, String)>,
}

/// A source or sink of a rule.
struct Running {
    order: Ordered,
    started: f64,
    /// Whether it runs: what comes after its stop belongs to another start.
    runs: bool,
    rows: Vec<Value>,
    last: f64,
    /// Whether it has sent what is not a row, or a row of too many levels.
    is_unfit: bool,
    sent: Vec<Vec<u8>>,
    count: u64,
    /// What the first acks reported, `None` for no error.
    acks: Vec<Option<String>>,
    acked: u64,
}

impl Seen {
    fn new(release: &'static Release) -> Self {
        Self {
            release,
            is_whole: true,
            calls: Calls::default(),
            requests: HashMap::new(),
            order: None,
            instances: Vec::new(),
            symbols: BTreeSet::new(),
        }
    }

    fn add(&mut self, line: &Line<'_>, read: &Interpreted) {
        let channel = line.channel.as_deref().unwrap_or_default();
        match &read.sense {
            Sense::Launch => {
                self.calls.launch();
                self.instances.iter_mut().for_each(|one| one.runs = false);
            }
            Sense::Order(order) => {
                if order.command == Command::Stop {
                    let stops = |one: &&mut Running| one.order.meta == order.meta;
                    self.instances
                        .iter_mut()
                        .filter(stops)
                        .for_each(|one| one.runs = false);
                }
                self.order = Some((order.clone(), line.t));
            }
            Sense::Answer(Refusal::None, _) => {
                if let Some((order, started)) = self.order.take() {
                    self.start(order, started);
                }
            }
            Sense::Answer(..) => self.order = None,
            Sense::Request(request) => {
                self.requests.insert(channel.to_owned(), request.clone());
            }
            Sense::Reply(Ok(answer), Some(_)) => {
                let function = channel.strip_prefix("func_").unwrap_or(channel);
                if let Some(request) = self.requests.remove(channel)
                    && let Some(step) = call(function, &request, answer)
                {
                    self.symbols.insert((Kind::Function, function.to_owned()));
                    self.calls.add(function, &request.context, step);
                }
            }
            Sense::Row | Sense::InvalidRow(_) => {
                let Some(one) = self.running(channel, Kind::Source) else {
                    return;
                };
                let text = body(line).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                match SourceRow::parse(&text).ok().and_then(saved_row) {
                    Some(row) if one.rows.len() < ROWS => {
                        one.rows.push(row);
                        one.last = line.t;
                    }
                    Some(_) => {}
                    None => one.is_unfit = true,
                }
            }
            Sense::SinkRow => {
                if let Some(one) = self.running(channel, Kind::Sink) {
                    one.count += 1;
                    if one.sent.len() < SENT {
                        one.sent.push(body(line).unwrap_or_default().into_owned());
                    }
                }
            }
            Sense::Ack(Ok(ack)) => {
                let sink = channel.strip_suffix("_ack").unwrap_or(channel);
                if let Some(one) = self.running(sink, Kind::Sink) {
                    one.acked += 1;
                    if one.acks.len() < SENT {
                        one.acks.push(match ack {
                            Ack::Done => None,
                            Ack::Failed(text) => Some(text.clone()),
                        });
                    }
                }
            }
            _ => {}
        }
    }

    /// Notes that an instance runs, unless it has run before.
    fn start(&mut self, order: Ordered, started: f64) {
        if order.command == Command::Start {
            let Symbol { kind, name } = &order.symbol;
            self.symbols.insert((*kind, name.clone()));
        }
        let is_new =
            |one: &Running| one.order.symbol != order.symbol || one.order.meta != order.meta;
        let is_start = order.command == Command::Start && order.symbol.kind != Kind::Function;
        if is_start && self.instances.len() < CASES && self.instances.iter().all(is_new) {
            self.instances.push(Running {
                order,
                started,
                runs: true,
                rows: Vec::new(),
                last: started,
                is_unfit: false,
                sent: Vec::new(),
                count: 0,
                acks: Vec::new(),
                acked: 0,
            });
        }
    }

    fn running(&mut self, channel: &str, kind: Kind) -> Option<&mut Running> {
        self.instances.iter_mut().find(|one| {
            let name = match kind {
                Kind::Sink => Channel::sink(&one.order.meta),
                _ => Channel::source(&one.order.meta),
            };
            one.runs && one.order.symbol.kind == kind && name.name() == channel
        })
    }

    /// Returns the steps of each case: the functions first, then the rules.
    fn cases(&self) -> Vec<Vec<SavedStep>> {
        let mut cases = self.calls.cases();
        let mut rules: Vec<&str> = Vec::new();
        for one in &self.instances {
            let rule = one.order.meta.rule_id.as_str();
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        cases.extend(rules.iter().map(|rule| self.rule(rule)));
        cases.retain(|steps| !steps.is_empty());
        cases
    }

    /// Returns the steps of the case of a rule.
    fn rule(&self, rule: &str) -> Vec<SavedStep> {
        let all: Vec<_> = (self.instances.iter())
            .filter(|one| one.order.meta.rule_id == rule)
            .collect();
        let of = |kind: Kind| all.iter().filter(move |one| one.order.symbol.kind == kind);
        let mut instances = Vec::new();
        for one in of(Kind::Sink).chain(of(Kind::Source)) {
            if one.is_unfit {
                note(&format!(
                    "{} sends what is not a row, or a row of more than 127 levels, and is in no case",
                    one.order.symbol
                ));
                continue;
            }
            let name = &one.order.symbol.name;
            let is_taken = all.iter().filter(|o| o.order.symbol.name == *name).count() > 1;
            let alias = is_taken.then(|| one.order.meta.op_id.clone());
            instances.push((one, self.saved(&one.order, alias)));
        }
        let mut steps: Vec<_> = (instances.iter())
            .map(|(_, start)| SavedStep::Start(start.clone()))
            .collect();
        steps.extend(
            instances
                .iter()
                .filter_map(|(one, start)| one.rows(start.alias())),
        );
        for (one, start) in &instances {
            steps.extend(self.send(one, start));
        }
        steps.extend(instances.iter().map(|(_, start)| SavedStep::Stop {
            alias: start.alias().to_owned(),
        }));
        steps
    }

    fn send(&self, one: &Running, start: &SavedStart) -> Option<SavedStep> {
        let SavedKind::Sink {
            require_ack,
            send_single,
        } = start.kind
        else {
            return None;
        };
        let rows = one
            .sent
            .iter()
            .map(|bytes| saved_sink_row(bytes, send_single));
        (!one.sent.is_empty()).then(|| SavedStep::Send {
            alias: start.alias().to_owned(),
            rows: rows.collect(),
            left_out: one.count - one.sent.len() as u64,
            acks: match require_ack && self.is_whole && one.acked == one.count {
                true => one.acks.clone(),
                false => Vec::new(),
            },
        })
    }

    /// Describes a source or a sink by its order.
    fn saved(&self, order: &Ordered, alias: Option<String>) -> SavedStart {
        let mut config = order.config.as_object().cloned().unwrap_or_default();
        let symbol = order.symbol.name.clone();
        let kind = match order.symbol.kind {
            Kind::Sink => {
                let mut take = |key: &str| {
                    let is_set = config.get(key) == Some(&Value::Bool(true));
                    is_set.then(|| config.remove(key)).is_some()
                };
                SavedKind::Sink {
                    send_single: take("sendSingle"),
                    require_ack: take("requireAck"),
                }
            }
            _ => {
                let beside = order.datasource.clone();
                let within = config.get("datasource").and_then(Value::as_str);
                let datasource = beside.or(within.map(str::to_owned)).unwrap_or_default();
                let options = self.take_options(&mut config, &datasource);
                SavedKind::Source {
                    datasource,
                    conf_key: None,
                    options,
                }
            }
        };
        SavedStart {
            symbol,
            alias,
            config,
            kind,
        }
    }

    /// Takes the options of the stream out of a source's configuration; returns those
    /// that are not the default.
    fn take_options(
        &self,
        config: &mut Map<String, Value>,
        datasource: &str,
    ) -> Map<String, Value> {
        let stream = StreamOptions {
            datasource: datasource.to_owned(),
            ..StreamOptions::default()
        };
        let defaults = source_config(self.release, &stream, Map::new());
        let options = defaults.into_iter().filter_map(|(key, default)| {
            let given = config.remove(&key)?;
            (given != default).then_some((key, given))
        });
        options.collect()
    }
}

impl Running {
    fn rows(&self, alias: &str) -> Option<SavedStep> {
        let took = Duration::from_secs_f64((self.last - self.started).clamp(0.0, 3600.0));
        let twice = Duration::from_secs((took * 2).as_secs() + 1);
        (!self.rows.is_empty()).then(|| SavedStep::Alike {
            alias: alias.to_owned(),
            rows: self.rows.clone(),
            within: (twice > WITHIN).then_some(twice),
        })
    }
}

/// Returns the step for a request and its answer, if a case can have it.
fn call(function: &str, request: &Requested, answer: &FunctionAnswer) -> Option<SavedStep> {
    let function = function.to_owned();
    match (request.name.as_str(), answer) {
        ("Exec", FunctionAnswer::Done(result)) => Some(SavedStep::Call {
            function,
            args: request.args.clone(),
            outcome: Ok(result.clone()),
        }),
        ("Exec", FunctionAnswer::Failed(text)) => Some(SavedStep::Call {
            function,
            args: request.args.clone(),
            outcome: Err(text.clone()),
        }),
        ("Validate", FunctionAnswer::Failed(text)) => {
            // Only literals are values.
            let args = request.args.iter().map(|arg| arg.get("Val").cloned());
            Some(SavedStep::Refusal {
                function,
                args: args.collect::<Option<_>>()?,
                text: text.clone(),
            })
        }
        _ => None,
    }
}
