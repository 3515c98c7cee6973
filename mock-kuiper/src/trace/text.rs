//! What a line of a trace means, as a sentence for people.
//!
//! Everything in a trace is foreign: a sentence is escaped, and shortened to some
//! hundred characters.

use std::borrow::Cow;

use serde_json::Value;

use super::line::Line;
use super::meaning::{Asked, Greeting, Interpreted, Refusal, Sense};
use super::order::{Ordered, Requested};
use super::read::body;
use crate::foreign::in_sentence;
use crate::symbol::{Kind, Side};
use crate::wire::{Ack, Command, FunctionAnswer};

impl Interpreted {
    /// Says what the line means.
    #[must_use]
    pub fn text(&self, line: &Line<'_>) -> String {
        match &self.sense {
            Sense::Launch => {
                let argument = line.argument.as_deref().map(in_sentence);
                argument.map_or_else(String::new, |argument| format!("with {argument}"))
            }
            Sense::Exit => in_sentence(line.status.as_deref().unwrap_or_default()),
            Sense::Connected => self.by("dialed by"),
            Sense::Closed => self.by("by"),
            Sense::OtherEvent => in_sentence(line.event.as_deref().unwrap_or_default()),
            Sense::Socket(number) => match number {
                Some(0x30) => "a REQ socket".to_owned(),
                Some(0x31) => "a REP socket".to_owned(),
                Some(0x50) => "a PUSH socket".to_owned(),
                Some(0x51) => "a PULL socket".to_owned(),
                Some(other) => format!("a socket of another protocol, {other:#x}"),
                None => format!(
                    "not a greeting of the transport: {}",
                    in_sentence(line.sp.as_deref().unwrap_or_default())
                ),
            },
            Sense::Greeting(Greeting::First) => shown(line),
            Sense::Greeting(Greeting::InsteadOfAnswer) => {
                format!("{}, instead of an answer", shown(line))
            }
            Sense::Greeting(Greeting::Idle) => format!("{}, while idle", shown(line)),
            Sense::Order(order) => order_text(order),
            Sense::Answer(refusal, asked) => match refusal {
                Refusal::None => format!("ok{}", after(line, asked.as_ref())),
                Refusal::Unknown(text) | Refusal::Text(text) => {
                    format!(
                        "refused{}: {}",
                        after(line, asked.as_ref()),
                        in_sentence(text)
                    )
                }
                Refusal::Greeting(text) => format!(
                    "{}, which this release takes for a refusal",
                    in_sentence(text)
                ),
            },
            Sense::Request(request) => request_text(request),
            Sense::Reply(reply, asked) => reply_text(reply, line, asked.as_ref()),
            Sense::Row | Sense::SinkRow => shown(line),
            Sense::InvalidRow(invalid) => invalid.to_string(),
            Sense::Ack(Ok(Ack::Done)) => "done".to_owned(),
            Sense::Ack(Ok(Ack::Failed(text))) => format!("failed: {}", in_sentence(text)),
            Sense::Ack(Err(invalid)) => invalid.to_string(),
            Sense::Stale => format!(
                "under an id that the plugin has given up, so it is dropped: {}",
                shown(line)
            ),
            Sense::Resent => format!("the message of before, again: {}", shown(line)),
            Sense::Late => format!("nobody waits for it: {}", shown(line)),
            Sense::Cut => match line.length {
                Some(length) => format!("the beginning of {length} bytes: {}", shown(line)),
                None => format!("with a hidden value: {}", shown(line)),
            },
            Sense::Raw => shown(line),
        }
    }

    fn by(&self, verb: &str) -> String {
        match self.from {
            Some(Side::Host) => format!("{verb} the host"),
            Some(Side::Plugin) => format!("{verb} the plugin"),
            None => String::new(),
        }
    }
}

/// Shows the body of a message.
fn shown(line: &Line<'_>) -> String {
    match (&line.text, body(line)) {
        (None, Some(Cow::Owned(bytes))) => {
            let number = bytes.len();
            format!(
                "{number} bytes that are not UTF-8: {}",
                in_sentence(&String::from_utf8_lossy(&bytes))
            )
        }
        (Some(text), _) if text.is_empty() => "no bytes".to_owned(),
        (text, _) => in_sentence(text.as_deref().unwrap_or_default()),
    }
}

/// Says how long an answer took.
fn after(line: &Line<'_>, asked: Option<&Asked>) -> String {
    asked.map_or_else(String::new, |asked| {
        format!(" after {}", milliseconds(line.t - asked.t))
    })
}

/// Writes seconds as milliseconds, of which a trace has one decimal.
#[must_use]
pub fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds.max(0.0) * 1e3)
}

fn order_text(order: &Ordered) -> String {
    let mut text = format!("{} {}", order.command.name(), order.symbol);
    if order.symbol.kind != Kind::Function {
        let meta = &order.meta;
        text.push_str(&format!(
            " of rule {}, operator {}",
            in_sentence(&meta.rule_id),
            in_sentence(&meta.op_id)
        ));
        if meta.instance_id > 0 {
            text.push_str(&format!(", instance {}", meta.instance_id));
        }
    }
    if order.command == Command::Start {
        if let Some(datasource) = &order.datasource {
            text.push_str(&format!(", datasource {}", in_sentence(datasource)));
        }
        if !order.config.is_null() {
            text.push_str(&format!(", {}", in_sentence(&order.config.to_string())));
        }
    }
    text
}

fn request_text(request: &Requested) -> String {
    let args = request.args.iter().map(|arg| match request.name.as_str() {
        "Validate" => expression(arg),
        _ => arg.to_string(),
    });
    let args: Vec<_> = args.collect();
    let mut text = format!("{}({})", request.name, args.join(", "));
    if let Value::String(rule) = &request.context["ruleId"] {
        text.push_str(&format!(" in rule {rule}"));
    }
    in_sentence(&text)
}

/// Writes a syntax tree of `Validate` as SQL has it: a column by its name, a literal
/// by its value, a call with its arguments.
fn expression(tree: &Value) -> String {
    match (&tree["Name"], &tree["Args"], tree.get("Val")) {
        (_, _, Some(value)) => value.to_string(),
        (Value::String(name), Value::Array(args), _) => {
            let args: Vec<_> = args.iter().map(expression).collect();
            format!("{name}({})", args.join(", "))
        }
        (Value::String(name), ..) => name.clone(),
        _ => tree.to_string(),
    }
}

fn reply_text(
    reply: &Result<FunctionAnswer, crate::wire::InvalidAnswer>,
    line: &Line<'_>,
    asked: Option<&Asked>,
) -> String {
    let after = after(line, asked);
    match reply {
        Ok(FunctionAnswer::Done(value)) => format!("{}{after}", in_sentence(&value.to_string())),
        Ok(FunctionAnswer::DoneDeep(json)) => format!("{}{after}", in_sentence(json)),
        Ok(FunctionAnswer::Failed(text)) => format!("failed{after}: {}", in_sentence(text)),
        Ok(FunctionAnswer::Greeting) => {
            format!("{}, which this release takes for an answer", shown(line))
        }
        Err(invalid) => format!("{invalid}{after}"),
    }
}
