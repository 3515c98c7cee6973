//! Reads the JSON body of a request: all mistakes at once.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::engine::spelling::nearest;
use serde_json::{Map, Value};

use super::answer::Refusal;
use crate::cli::serve::desk::Problem;

/// The most bytes of a body.
const LIMIT: usize = 8 << 20;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The fields of a body that were not taken yet, and what is wrong with the others.
#[derive(Debug)]
pub(super) struct Fields {
    fields: Map<String, Value>,
    known: Vec<&'static str>,
    mistakes: Vec<String>,
}

impl Fields {
    /// Reads a body; an empty one has no fields.
    pub(super) async fn read(body: Body) -> Result<Self, Refusal> {
        let bytes = match tokio::time::timeout(PATIENCE, to_bytes(body, LIMIT)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => {
                let text = format!("the body has more than {} MiB", LIMIT >> 20);
                let advice = ["send fewer or smaller rows in one request"];
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Refusal::new(status, "too-large", &text, &advice));
            }
            Err(_) => {
                let text = format!("the body has not arrived within {PATIENCE:?}");
                let advice = ["send as many bytes as the header `Content-Length` says"];
                let status = StatusCode::REQUEST_TIMEOUT;
                return Err(Refusal::new(status, "timeout", &text, &advice));
            }
        };
        let fields = if bytes.trim_ascii().is_empty() {
            Map::new()
        } else {
            match serde_json::from_slice(&bytes) {
                Ok(Value::Object(fields)) => fields,
                Ok(other) => {
                    let got = describe(&other);
                    let text = format!("the body must be a JSON object, got {got}");
                    return Err(Problem::input(text).into());
                }
                Err(error) => {
                    let text = format!("the body is not JSON: {error}");
                    return Err(Problem::input(text).into());
                }
            }
        };
        Ok(Self {
            fields,
            known: Vec::new(),
            mistakes: Vec::new(),
        })
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    fn take_as<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Option<T> {
        match read(self.take(name)?) {
            Ok(value) => Some(value),
            Err(other) => {
                let got = describe(&other);
                self.mistakes
                    .push(format!("`{name}` must be {expected}, got {got}"));
                None
            }
        }
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.take_as(name, "a text", |value| match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        })
    }

    /// Takes an object.
    pub(super) fn object(&mut self, name: &'static str) -> Map<String, Value> {
        let object = self.take_as(name, "an object", |value| match value {
            Value::Object(object) => Ok(object),
            other => Err(other),
        });
        object.unwrap_or_default()
    }

    /// Takes true or false.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        let flag = self.take_as(name, "true or false", |value| match value {
            Value::Bool(flag) => Ok(flag),
            other => Err(other),
        });
        flag.unwrap_or_default()
    }

    /// Takes a list.
    pub(super) fn list(&mut self, name: &'static str) -> Option<Vec<Value>> {
        self.take_as(name, "a list", |value| match value {
            Value::Array(list) => Ok(list),
            other => Err(other),
        })
    }

    /// Takes a list of texts.
    pub(super) fn texts(&mut self, name: &'static str) -> Vec<String> {
        let texts = self.take_as(name, "a list of texts", |value| {
            let texts = value.as_array().and_then(|list| {
                let texts = list.iter().map(|one| one.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<_>>>()
            });
            texts.ok_or(value)
        });
        texts.unwrap_or_default()
    }

    /// Takes a rule's id, which becomes a part of socket paths.
    pub(super) fn rule(&mut self) -> String {
        let rule = self.text("rule");
        if let Some(rule) = &rule
            && let Err(text) = crate::cli::symbol_args::rule_id(rule)
        {
            self.mistakes.push(format!("`rule`: {text}"));
        }
        rule.unwrap_or_else(|| "rule1".to_owned())
    }

    /// Takes any value.
    pub(super) fn value(&mut self, name: &'static str) -> Option<Value> {
        self.take(name)
    }

    /// Notes that a field is missing, unless it has a value of another type.
    pub(super) fn missing(&mut self, name: &'static str, example: &str) {
        let wrong = format!("`{name}` must be ");
        if !self.mistakes.iter().any(|text| text.starts_with(&wrong)) {
            let text = format!("`{name}` is missing: set it, for example to \"{example}\"");
            self.mistakes.push(text);
        }
    }

    /// Notes a mistake.
    pub(super) fn mistake(&mut self, text: impl Into<String>) {
        self.mistakes.push(text.into());
    }

    /// Checks that there are no other fields and no mistakes.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        for name in self.fields.keys() {
            let shown = in_sentence(name);
            self.mistakes
                .push(match nearest(name, self.known.iter().copied()) {
                    Some(known) => format!("unknown field `{shown}`; did you mean `{known}`?"),
                    None if self.known.is_empty() => {
                        format!("unknown field `{shown}`; there is none")
                    }
                    None => format!("unknown field `{shown}`; expected {}", named(&self.known)),
                });
        }
        match self.mistakes.is_empty() {
            true => Ok(()),
            false => Err(Problem::input(self.mistakes.join("; "))),
        }
    }
}

fn named(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Names a value in a sentence.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
