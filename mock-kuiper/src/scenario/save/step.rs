//! The steps of a case that is saved, in the words of a test file.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::scenario::pattern::{Variables, escape_key};
use crate::scenario::words::Words;

/// What a run did and saw, as a step of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum SavedStep {
    /// A source or a sink was started.
    Start(SavedStart),
    /// A source or a sink was stopped.
    Stop {
        /// Its alias.
        alias: String,
    },
    /// A function was called.
    Call {
        /// Its name.
        function: String,
        /// The arguments.
        args: Vec<Value>,
        /// The result, or the text of the error.
        outcome: Result<Value, String>,
    },
    /// A function has refused arguments when it validated them.
    Refusal {
        /// Its name.
        function: String,
        /// The arguments.
        args: Vec<Value>,
        /// The text of the refusal.
        text: String,
    },
    /// The plugin was asked for nothing for a time.
    Idle(Duration),
    /// A fault was played.
    Fault {
        /// The fault.
        fault: Fault,
        /// The row that the sinks got meanwhile.
        row: Option<Value>,
    },
    /// A source sent rows.
    Rows {
        /// The alias of the source.
        alias: String,
        /// The rows, each `{"message": …, "meta": …}`.
        rows: Vec<Value>,
        /// How long they may take, if that is not the default.
        within: Option<Duration>,
    },
    /// A source sent rows that are alike: what differs among them may be any value of
    /// its type.
    Alike {
        /// The alias of the source.
        alias: String,
        /// The rows, each `{"message": …, "meta": …}`.
        rows: Vec<Value>,
        /// How long they may take, if that is not the default.
        within: Option<Duration>,
    },
    /// A sink got rows.
    Send {
        /// The alias of the sink.
        alias: String,
        /// The rows; a text is sent as its bytes.
        rows: Vec<Value>,
        /// How many further rows are left out.
        left_out: u64,
        /// What the ack of each row reported, `None` for no error. Empty if acks are
        /// not expected.
        acks: Vec<Option<String>>,
    },
    /// The rows of a source were passed on to sinks.
    Rule {
        /// The source.
        source: SavedStart,
        /// The sinks.
        sinks: Vec<SavedStart>,
        /// How many rows.
        rows: usize,
        /// How long they may take, if that is not the default.
        within: Option<Duration>,
    },
}

/// A source or a sink to start.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedStart {
    /// The symbol's name.
    pub symbol: String,
    /// The name of the instance, if it is not that of the symbol.
    pub alias: Option<String>,
    /// Its properties.
    pub config: Map<String, Value>,
    /// What only a source or only a sink has.
    pub kind: SavedKind,
}

/// What only a source or only a sink has.
#[derive(Debug, Clone, PartialEq)]
pub enum SavedKind {
    /// A source.
    Source {
        /// The stream's DATASOURCE; empty if there is none.
        datasource: String,
        /// The section of its yaml.
        conf_key: Option<String>,
        /// Other options of the stream.
        options: Map<String, Value>,
    },
    /// A sink.
    Sink {
        /// Whether each row waits for the ack of the one before.
        require_ack: bool,
        /// Whether each row is sent as it is, and not in an array.
        send_single: bool,
    },
}

impl SavedStart {
    /// Returns the name by which later steps mean the instance.
    #[must_use]
    pub fn alias(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.symbol)
    }

    /// Returns the words. A rule gives its parts no alias.
    fn words(&self, is_in_rule: bool) -> Words {
        let verb = match self.kind {
            SavedKind::Source { .. } => "source",
            SavedKind::Sink { .. } => "sink",
        };
        let mut entries = vec![(verb, Words::verbatim(&self.symbol))];
        let alias = self.alias.as_ref().filter(|_| !is_in_rule);
        entries.extend(alias.map(|alias| ("as", Words::verbatim(alias))));
        if let SavedKind::Source {
            datasource,
            conf_key,
            options,
        } = &self.kind
        {
            if !datasource.is_empty() {
                entries.push(("datasource", text(datasource)));
            }
            if let Some(key) = conf_key {
                entries.push(("confKey", Words::verbatim(key)));
            }
            entries.extend(object("options", options));
        }
        entries.extend(object("config", &self.config));
        if let SavedKind::Sink {
            require_ack,
            send_single,
        } = self.kind
        {
            let yes = || Words::Scalar("true".to_owned());
            entries.extend(require_ack.then(|| ("requireAck", yes())));
            entries.extend(send_single.then(|| ("sendSingle", yes())));
        }
        map(entries)
    }
}

impl SavedStep {
    /// Returns the words of the step.
    pub(super) fn words(&self) -> Words {
        map(match self {
            Self::Start(start) => vec![("start", start.words(false))],
            Self::Stop { alias } => vec![("stop", Words::verbatim(alias))],
            Self::Call {
                function,
                args,
                outcome,
            } => {
                let outcome = match outcome {
                    Ok(result) => ("result", value(result)),
                    Err(error) => ("error", error_text(error)),
                };
                vec![
                    ("call", Words::verbatim(function)),
                    ("args", list(args)),
                    outcome,
                ]
            }
            Self::Refusal {
                function,
                args,
                text: refusal,
            } => vec![
                ("validate", Words::verbatim(function)),
                ("args", list(args)),
                ("refused", error_text(refusal)),
            ],
            Self::Idle(time) => vec![("idle", duration(*time))],
            Self::Fault { fault, row } => {
                let mut entries = vec![("fault", Words::verbatim(fault.to_string()))];
                entries.extend(row.as_ref().map(|row| ("row", value(row))));
                entries
            }
            Self::Rows {
                alias,
                rows,
                within,
            } => {
                let mut entries = vec![("rows", Words::verbatim(alias))];
                entries.extend(within.map(|time| ("within", duration(time))));
                entries.push(("expect", list(rows)));
                entries
            }
            Self::Alike {
                alias,
                rows,
                within,
            } => {
                let each: Vec<_> = rows.iter().collect();
                let alike = map(vec![
                    ("$len", Words::Scalar(rows.len().to_string())),
                    ("$each", alike(&each)),
                ]);
                let mut entries = vec![("rows", Words::verbatim(alias))];
                entries.extend(within.map(|time| ("within", duration(time))));
                entries.push(("expect", alike));
                entries
            }
            Self::Send {
                alias, rows, acks, ..
            } => {
                let mut entries = vec![("send", Words::verbatim(alias)), ("rows", list(rows))];
                if !acks.is_empty() {
                    let acks = acks.iter().map(|error| match error {
                        None => Words::verbatim("ok"),
                        Some(error) => map(vec![("error", error_text(error))]),
                    });
                    entries.push(("acks", Words::List(acks.collect())));
                }
                entries
            }
            Self::Rule {
                source,
                sinks,
                rows,
                within,
            } => {
                let sinks = sinks.iter().map(|sink| sink.words(true)).collect();
                let rule = map(vec![
                    ("source", source.words(true)),
                    ("sinks", Words::List(sinks)),
                    ("rows", Words::Scalar(rows.to_string())),
                ]);
                let mut entries = vec![("rule", rule)];
                entries.extend(within.map(|time| ("within", duration(time))));
                entries
            }
        })
    }

    /// Returns what a comment says about the step.
    pub(super) fn comment(&self) -> Option<String> {
        match self {
            Self::Send {
                rows,
                left_out: more @ 1..,
                ..
            } => {
                let all = rows.len() as u64 + more;
                Some(format!("The first {} of {all} rows.", rows.len()))
            }
            _ => None,
        }
    }
}

/// Returns the name of a case with these steps.
pub(super) fn name(steps: &[SavedStep]) -> String {
    const LONGEST: usize = 60;
    let mut calls = Vec::new();
    let mut faults = Vec::new();
    let mut parts: Vec<String> = Vec::new();
    for step in steps {
        match step {
            SavedStep::Call { function, args, .. } | SavedStep::Refusal { function, args, .. } => {
                let args: Vec<_> = args.iter().map(Value::to_string).collect();
                calls.push(format!("{function}({})", args.join(", ")));
            }
            SavedStep::Fault { fault, .. } => faults.push(fault.to_string()),
            SavedStep::Rows { alias, .. } | SavedStep::Alike { alias, .. } => {
                parts.push(format!("{alias} emits rows"));
            }
            SavedStep::Send { alias, .. } => parts.push(format!("{alias} takes rows")),
            SavedStep::Rule { source, sinks, .. } => {
                let sinks: Vec<_> = sinks.iter().map(|sink| &sink.symbol[..]).collect();
                let (source, sinks) = (&source.symbol, sinks.join(" and "));
                parts.push(format!("{sinks} takes the rows of {source}"));
            }
            SavedStep::Start(_) | SavedStep::Stop { .. } | SavedStep::Idle(_) => {}
        }
    }
    if parts.is_empty() && calls.is_empty() {
        parts.extend(steps.iter().filter_map(|step| match step {
            SavedStep::Start(start) => Some(format!("{} starts", start.alias())),
            _ => None,
        }));
    }
    if let Some(call) = calls.first() {
        let call = match call.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &call[..end]),
            None => call.clone(),
        };
        let more = match calls.len() {
            1 => String::new(),
            2 => " and 1 more call".to_owned(),
            all => format!(" and {} more calls", all - 1),
        };
        parts.insert(0, call + &more);
    }
    match &faults[..] {
        [] => {}
        [fault] => parts.push(format!("survives {fault}")),
        all => parts.push(format!("survives {} faults", all.len())),
    }
    match parts.is_empty() {
        true => "idle".to_owned(),
        false => parts.join(", "),
    }
}

fn map(entries: Vec<(&str, Words)>) -> Words {
    let entries = entries.into_iter();
    Words::Map(
        entries
            .map(|(key, words)| (key.to_owned(), words))
            .collect(),
    )
}

fn value(value: &Value) -> Words {
    Words::of_seen(value, &Variables::new())
}

fn text(text: &str) -> Words {
    value(&text.into())
}

/// Returns the words for the text of an error. Of a Python traceback, which is full of
/// paths, they are its last line: it says what failed.
fn error_text(error: &str) -> Words {
    let traceback = error.strip_prefix("Traceback (most recent call last):");
    match traceback.and_then(|traceback| traceback.trim_end().lines().next_back()) {
        Some(last) => map(vec![("$contains", text(last))]),
        None => text(error),
    }
}

/// Returns a pattern for values that are alike: where they differ, their type.
fn alike(values: &[&Value]) -> Words {
    let Some((first, others)) = values.split_first() else {
        return map(vec![("$any", Words::Scalar("true".to_owned()))]);
    };
    if others.iter().all(|other| other == first) {
        return value(first);
    }
    let objects: Option<Vec<_>> = values.iter().map(|value| value.as_object()).collect();
    if let Some(objects) = objects
        && objects
            .iter()
            .all(|object| object.keys().eq(objects[0].keys()))
    {
        let entries = objects[0].keys().map(|key| {
            let fields: Vec<_> = objects.iter().map(|object| &object[key]).collect();
            (escape_key(key), alike(&fields))
        });
        return Words::Map(entries.collect());
    }
    let kind = json_type(first);
    match others.iter().all(|other| json_type(other) == kind) {
        true => map(vec![("$type", Words::verbatim(kind))]),
        false => map(vec![("$any", Words::Scalar("true".to_owned()))]),
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn list(values: &[Value]) -> Words {
    Words::List(values.iter().map(value).collect())
}

fn object(key: &'static str, fields: &Map<String, Value>) -> Option<(&'static str, Words)> {
    (!fields.is_empty()).then(|| (key, value(&fields.clone().into())))
}

/// Writes a time, which needs no quotation marks.
pub(super) fn duration(time: Duration) -> Words {
    Words::Scalar(humantime::format_duration(time).to_string())
}
