//! Orders, requests and rows.

use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::control::{Dispatcher, Launcher, OrderError};
use crate::function::{Calls, Function, FunctionContext};
use crate::instance::{Instance, StopLimits};
use crate::wire::Target;
use crate::{Args, Data, Expr, IntoFunction as _};

/// Starts everything except symbols whose name begins with `no`.
struct Mostly;

struct Started;

impl Launcher for Mostly {
    fn start(&mut self, target: &Target) -> Result<Box<dyn Instance>, OrderError> {
        match target.symbol.strip_prefix("no") {
            Some("") => Err(OrderError::UnknownSymbol {
                kind: target.kind,
                symbol: target.symbol.clone(),
            }),
            Some(cause) => Err(OrderError::Refused {
                kind: target.kind,
                symbol: target.symbol.clone(),
                cause: cause.to_owned(),
            }),
            None => Ok(Box::new(Started)),
        }
    }
}

impl Instance for Started {
    fn is_running(&self) -> bool {
        true
    }

    fn begin_stop(&self) {}

    fn finish_stop(self: Box<Self>, _limits: &StopLimits) {}
}

/// A dispatcher answers orders, which NUL bytes separate: `ok` only to what means an
/// order when it is read as plain JSON, again `ok` if it is repeated, and never a text
/// that a host takes for a greeting.
pub(super) fn orders(data: &[u8]) {
    let mut dispatcher = Dispatcher::new(Mostly);
    for order in data.split(|byte| *byte == 0) {
        let answer = dispatcher.answer(order);
        assert!(!answer.is_empty() && answer[0] != b'h', "{answer:?}");
        let text = String::from_utf8(answer).expect("an answer is text");
        let is_ok = text == "ok";
        assert!(!is_ok || is_order(order), "ok to {order:?}");
        assert_eq!(dispatcher.answer(order) == b"ok", is_ok);
    }
    dispatcher.stop_all();
}

/// Reads JSON without the types of the crate. `None` also for what only a field that is
/// skipped can have: a number without end, or lists in lists in lists.
fn plain(bytes: &[u8]) -> Option<Value> {
    serde_json::from_str(&String::from_utf8_lossy(bytes)).ok()
}

/// Returns whether bytes mean an order; `true` if that is not known.
fn is_order(bytes: &[u8]) -> bool {
    let Some(order) = plain(bytes) else {
        return true;
    };
    let argument = match &order["arg"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let is_nameless = |name: &str| argument["meta"][name].as_str().is_none_or(str::is_empty);
    let has_place = !(is_nameless("ruleId") && is_nameless("opId"));
    match (order["cmd"].as_str(), argument["pluginType"].as_str()) {
        (Some("start"), Some("source" | "sink")) => has_place,
        (Some("start"), Some("func")) => true,
        (Some("stop"), Some("source" | "sink" | "func")) => true,
        _ => false,
    }
}

/// Returns its arguments; fails and panics if the first one is a text that asks for it.
struct Echo;

impl Function for Echo {
    fn validate(&mut self, args: &[Expr]) -> crate::Result {
        match args.first() {
            Some(Expr::Other(other)) => Err(format!("not understood: {other}").into()),
            _ => Ok(()),
        }
    }

    fn exec(&mut self, args: Args, ctx: &FunctionContext) -> crate::Result<Value> {
        let calls = ctx.with_state(|calls: &mut u64| {
            *calls += 1;
            *calls
        });
        assert!(calls > 0);
        match args.get(0).and_then(Value::as_str) {
            Some("fail") => Err("failed".into()),
            _ => Ok(json!(args.as_slice())),
        }
    }
}

/// Functions answer requests, which NUL bytes separate: always an object with `state`
/// and `result`, and a call of one that returns its arguments returns those that plain
/// JSON has.
pub(super) fn requests(data: &[u8]) {
    let mut echo = Calls::new("echo", Box::new(Echo));
    let typed =
        |a: i64, b: String, c: Option<f64>, d: bool, e: Vec<u8>| format!("{a} {b} {c:?} {d} {e:?}");
    let mut typed = Calls::new("typed", (typed.into_function().make)("typed"));
    let mut answer = Vec::new();
    for request in data.split(|byte| *byte == 0) {
        typed.answer(request, &mut answer);
        let _ = read(&answer);
        echo.answer(request, &mut answer);
        let Ok(result) = read(&answer) else {
            continue;
        };
        let Some(plain) = plain(request) else {
            continue;
        };
        let mut values = plain["arg"].as_array().cloned().unwrap_or_default();
        match plain["func"].as_str() {
            Some("Exec") => {
                values.pop().expect("the ids of the call");
                assert_eq!(result, Value::from(values));
            }
            Some("Validate") => assert_eq!(result, ""),
            Some("IsAggregate") => assert_eq!(result, false),
            other => panic!("answered {other:?}"),
        }
    }
}

/// Reads the answer of a function, which has two fields and no more.
fn read(answer: &[u8]) -> Result<Value, String> {
    let mut answer: Value = serde_json::from_slice(answer).expect("an answer is JSON");
    let fields = answer.as_object_mut().expect("an answer is an object");
    let (state, result) = (fields.remove("state"), fields.remove("result"));
    assert!(fields.is_empty());
    let result = result.expect("an answer has a result");
    match (state, result) {
        (Some(Value::Bool(true)), result) => Ok(result),
        (Some(Value::Bool(false)), Value::String(text)) => Err(text),
        other => panic!("{other:?}"),
    }
}

/// The rows of a message are those of plain JSON: a list is a batch.
pub(super) fn rows(data: &[u8]) {
    let rows = Data::new(data).rows::<Value>();
    let expected = match serde_json::from_slice(data) {
        Ok(Value::Array(rows)) => Some(rows),
        Ok(row) => Some(vec![row]),
        Err(_) => None,
    };
    assert_eq!(rows.ok(), expected);
    for row in expected.unwrap_or_default() {
        let expr = Expr::read(row.clone());
        let args = Args::from(vec![row.clone()]);
        assert_eq!(args.parse::<Value>(0).ok().as_ref(), Some(&row));
        let (own, plain) = (args.parse::<Column>(0), Column::deserialize(&row));
        match (&expr, plain) {
            (Expr::Column { stream, name }, Ok(plain)) => {
                assert_eq!((stream, name), (&plain.stream, &plain.name));
                assert_eq!(own.ok(), Some(plain));
            }
            (Expr::Literal(value), _) => assert_eq!(*value, row["Val"]),
            (_, plain) => assert_eq!(own.ok(), plain.ok()),
        }
    }
}

/// A column in a syntax tree.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Column {
    #[serde(rename = "StreamName")]
    stream: String,
    #[serde(rename = "Name")]
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_messages_pass() {
        orders(
            b"{\"cmd\":\"start\",\"arg\":\"{\\\"symbolName\\\":\\\"echo\\\",\\\"pluginType\\\":\\\"func\\\"}\"}\0x",
        );
        requests(br#"{"func":"Exec","arg":[1,"a","{\"ruleId\":\"r\",\"opId\":\"o\",\"instanceId\":0,\"funcId\":1}"]}"#);
        rows(br#"[{"a":1}, {"StreamName":"$$default","Name":"n"}, {"Val":1.5}]"#);
    }
}
