//! How two traces differ in shape: which messages, with which keys and types, are in
//! only one of them.
//!
//! Values, times, counts and the order of what happens at the same time differ between
//! any two runs. What is compared is which kinds of messages each symbol and the
//! control channel have, and the shapes of their bodies.

use std::collections::HashMap;

use serde_json::Value;

use super::line::Line;
use super::meaning::{Greeting, Interpreted, Refusal, Sense};
use super::order::request;
use super::read::body;
use super::shape::{shape, shape_of};
use crate::symbol::{Kind, Purpose};
use crate::wire::{Ack, FunctionAnswer};

/// The shapes of one trace that are compared.
const SHAPES: usize = 10_000;

/// The shapes of a trace's messages.
#[derive(Debug, Default)]
pub struct Shapes {
    shapes: Vec<Shape>,
    numbers: HashMap<(String, String), usize>,
    /// The messages that are not compared, because there are too many shapes.
    pub more: u64,
}

/// A kind of message with one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Whose message it is: `control`, ``source `random` ``.
    pub of: String,
    /// Kind and shape: `row {"message":{"n":number},"meta":null}`.
    pub text: String,
    /// The first line.
    pub line: u64,
    /// How many messages have it.
    pub times: u64,
}

impl Shapes {
    /// Adds the line with this number.
    pub fn add(&mut self, number: u64, line: &Line<'_>, read: &Interpreted) {
        let Some(text) = text(line, read) else {
            return;
        };
        let key = (of(line, read), text);
        match self.numbers.get(&key) {
            Some(place) => self.shapes[*place].times += 1,
            None if self.shapes.len() == SHAPES => self.more += 1,
            None => {
                self.numbers.insert(key.clone(), self.shapes.len());
                self.shapes.push(Shape {
                    of: key.0,
                    text: key.1,
                    line: number,
                    times: 1,
                });
            }
        }
    }

    /// Returns what these shapes have and `other` has not, in the order of the lines.
    pub fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Shape> {
        let is_missing = |shape: &&Shape| {
            let key = (shape.of.clone(), shape.text.clone());
            !other.numbers.contains_key(&key)
        };
        self.shapes.iter().filter(is_missing)
    }

    /// Returns how many shapes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }
}

/// Says whose message a line is: names of rules and plugins differ from run to run.
fn of(line: &Line<'_>, read: &Interpreted) -> String {
    let purpose = match read.known.purpose {
        Some(Purpose::Control) => return "control".to_owned(),
        Some(Purpose::Ack) => "acks of ",
        _ => "",
    };
    match &read.known.symbol {
        Some(symbol) => format!("{purpose}{symbol}"),
        None => line.channel.clone().unwrap_or_default().into_owned(),
    }
}

/// Writes the kind and the shape of a message; `None` for what is none.
fn text(line: &Line<'_>, read: &Interpreted) -> Option<String> {
    let bytes = body(line).unwrap_or_default();
    let any = || shape_of(&bytes).unwrap_or_else(|| "bytes that are not JSON".to_owned());
    let detail = match &read.sense {
        Sense::Order(order) => {
            let beside = match order.datasource {
                Some(_) => " with dataSource",
                None => "",
            };
            let config = match order.symbol.kind {
                Kind::Function => String::new(),
                _ => format!(" {}", shape(&order.config)),
            };
            format!("{} {}{beside}{config}", order.command.name(), order.symbol)
        }
        Sense::Answer(refusal, asked) => {
            let asked = asked.as_ref().map_or("an order", |asked| &asked.what);
            match refusal {
                Refusal::None => format!("ok to {asked}"),
                _ => format!("a refusal of {asked}"),
            }
        }
        Sense::Request(_) => request_shape(&bytes)?,
        Sense::Reply(reply, asked) => {
            let asked = asked.as_ref().map_or("a request", |asked| &asked.what);
            match reply {
                Ok(FunctionAnswer::Done(result)) => format!("to {asked}: {}", shape(result)),
                Ok(FunctionAnswer::DoneDeep(_)) => format!("to {asked}: a deep value"),
                Ok(FunctionAnswer::Failed(_)) => format!("to {asked}: an error"),
                Ok(FunctionAnswer::Greeting) => format!("to {asked}: a greeting"),
                Err(_) => format!("to {asked}: not an answer, {}", any()),
            }
        }
        Sense::Ack(Ok(Ack::Done)) => "done".to_owned(),
        Sense::Ack(Ok(Ack::Failed(_))) => "an error".to_owned(),
        Sense::Row | Sense::InvalidRow(_) | Sense::SinkRow | Sense::Ack(Err(_)) => any(),
        Sense::Greeting(greeting) => match greeting {
            Greeting::First => return None,
            Greeting::Idle => "while idle".to_owned(),
            Greeting::InsteadOfAnswer => "instead of an answer".to_owned(),
        },
        Sense::Resent | Sense::Late | Sense::Raw => any(),
        _ => return None,
    };
    Some(format!("{} {detail}", read.sense.kind()))
}

/// Writes the shape of a request: that of each argument.
fn request_shape(bytes: &[u8]) -> Option<String> {
    let request = request(bytes)?;
    let args: Vec<_> = request.args.iter().map(shape).collect();
    let context = match &request.context {
        Value::Null => String::new(),
        context => format!(" in {}", shape(context)),
    };
    Some(format!("{}({}){context}", request.name, args.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::meaning::Interpreter;
    use super::super::read::Reader;
    use super::*;

    fn shapes(lines: &[&str]) -> Shapes {
        let text = format!(
            "{{\"host\":\"h\",\"plugin\":\"p\"}}\n{}\n",
            lines.join("\n")
        );
        let mut reader = Reader::new(text.as_bytes()).unwrap();
        let mut interpreter = Interpreter::new(reader.header());
        let mut shapes = Shapes::default();
        while let Some((number, line)) = reader.next_line().unwrap() {
            let read = interpreter.interpret(number, &line);
            shapes.add(number, &line, &read);
        }
        shapes
    }

    const ROW: &str =
        r#"{"t":1,"channel":"r_s_0","from":"plugin","text":"{\"message\":{\"n\":1}}"}"#;
    const OTHER: &str =
        r#"{"t":9,"channel":"r_s_0","from":"plugin","text":"{\"message\":{\"n\":2}}"}"#;
    const TEXT: &str =
        r#"{"t":1,"channel":"r_s_0","from":"plugin","text":"{\"message\":{\"n\":\"1\"}}"}"#;
    const CALL: &str = r#"{"t":1,"channel":"func_f","from":"host","id":"80000001","text":"{\"func\":\"Exec\",\"arg\":[1,\"a\",\"{\\\"ruleId\\\":\\\"r\\\"}\"]}"}"#;

    #[test]
    fn values_times_and_counts_are_not_compared() {
        let (one, two) = (shapes(&[ROW, ROW, OTHER]), shapes(&[OTHER]));

        assert_eq!(one.without(&two).count() + two.without(&one).count(), 0);
        assert_eq!((one.len(), one.shapes[0].times), (1, 3));
    }

    #[test]
    fn types_and_messages_that_only_one_has_are_found_with_their_first_line() {
        let (one, two) = (shapes(&[ROW]), shapes(&[ROW, TEXT, CALL, CALL]));

        let only: Vec<_> = two.without(&one).cloned().collect();
        let shape = |of: &str, text: &str, line, times| Shape {
            of: of.to_owned(),
            text: text.to_owned(),
            line,
            times,
        };
        assert_eq!(
            only,
            [
                shape("r_s_0", r#"row {"message":{"n":string}}"#, 3, 1),
                shape(
                    "function `f`",
                    r#"request Exec(number, string) in {"ruleId":string}"#,
                    4,
                    2
                ),
            ]
        );
        assert_eq!(one.without(&two).count(), 0);
    }
}
