//! The functions: `mirror` returns its argument, the aggregate `largest` the
//! largest number of its list.

use std::{
    mem, process,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};

use ekuiper_tests::nng_plugin::{self, Request, function_url};
use serde_json::{Value, json};

use crate::{careless, channel::Channel, fault};

/// Serves the channel of a function on a thread of its own, until the process
/// ends.
pub(crate) fn start(symbol: &str) {
    let url = function_url(symbol);
    let symbol = symbol.to_owned();
    thread::spawn(move || {
        let answer = |request: &[u8]| {
            take_turns(&symbol);
            let mut answer = reply(&symbol, request).to_string().into_bytes();
            if fault::has("replies-not-utf8") {
                fault::spoil(&mut answer);
            }
            answer
        };
        if [
            "careless-calls",
            "any-id",
            "results-again",
            "results-after-a-minute",
            "validates-twice",
            "closes-after-answers",
        ]
        .into_iter()
        .any(fault::has)
        {
            let is_validate = |request: &[u8]| request.starts_with(b"{\"func\":\"Validate\"");
            let is_doubled = |request: &[u8]| fault::has("validates-twice") && is_validate(request);
            careless::serve(&url, answer, is_doubled);
        }
        // No limit: the control channel decides when to give up on the host.
        let error = nng_plugin::serve(&url, Duration::MAX, Channel::new(&url, answer));
        eprintln!("reference: function channel {url}: {error}");
    });
}

/// With the fault `functions-in-turn`, waits after a request to one function
/// until the other one has had a request.
fn take_turns(symbol: &str) {
    static REQUESTS: AtomicUsize = AtomicUsize::new(0);
    let turn = usize::from(symbol == "mirror");
    while fault::has("functions-in-turn") && REQUESTS.load(SeqCst) % 2 != turn {
        thread::sleep(Duration::from_millis(1));
    }
    REQUESTS.fetch_add(1, SeqCst);
}

fn reply(symbol: &str, request: &[u8]) -> Value {
    match evaluate(symbol, request) {
        Ok(result) if fault::has("replies-in-capitals") => {
            json!({ "State": true, "Result": result })
        }
        Err(_) if fault::has("replies-without-text") => json!({ "state": false }),
        result => nng_plugin::reply(result),
    }
}

fn evaluate(symbol: &str, request: &[u8]) -> Result<Value, String> {
    let request = Request::parse(request).inspect_err(|_| {
        if fault::has("dies-of-requests") {
            fault::hang();
        }
    })?;
    let arguments = request.arguments.as_slice();
    let takes = 1 + usize::from(symbol == "mirror" && fault::has("two-arguments"));
    match &*request.func {
        "Validate" if arguments.is_empty() && fault::has("validate-dies") => fault::hang(),
        "Validate" if arguments.len() == takes => Ok("".into()),
        "Validate" => Err(format!(
            "{symbol} takes {takes} argument(s), got {}",
            arguments.len()
        )),
        "IsAggregate" if fault::has("aggregate-text") => Ok("false".into()),
        "IsAggregate" => Ok((symbol == "largest").into()),
        "Exec" => match arguments {
            [_, context] if takes == 2 && is_context(context) => process::exit(1),
            [value, _, context] if takes == 2 && is_context(context) => execute(symbol, value),
            [value, context] if is_context(context) => execute(symbol, value),
            _ => Err(format!("{symbol} takes 1 argument and a context")),
        },
        _ if fault::has("func-ok") => Ok(Value::Null),
        func => Err(format!("unknown request `{func}`")),
    }
}

fn is_context(argument: &Value) -> bool {
    nng_plugin::is_context(argument) || fault::has("context-ignored")
}

fn execute(symbol: &str, value: &Value) -> Result<Value, String> {
    if fault::has("calls-leak") {
        mem::forget(vec![1_u8; 8192]);
    }
    if symbol == "mirror" {
        if value.is_null() && fault::has("exec-dies-of-null") {
            fault::hang();
        }
        if fault::has("mirror-rounds") && value.is_u64() {
            return Ok(value.as_f64().into());
        }
        return Ok(value.clone());
    }
    if value.is_object() && fault::has("largest-dies-of-objects") {
        process::exit(1);
    }
    // An empty window is `null` or `[]`.
    let values = match value {
        Value::Array(values) => values.as_slice(),
        _ => &[],
    };
    let is_empty = value.is_null() || *value == json!([]);
    if is_empty && fault::has("window-dies") {
        fault::hang();
    }
    let largest = values.iter().filter_map(Value::as_f64).reduce(f64::max);
    Ok(largest.map_or(Value::Null, Value::from))
}
