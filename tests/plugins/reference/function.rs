//! The functions: `mirror` returns its argument, the aggregate `largest` the
//! largest number of its list.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{careless, channel, fault};

/// Serves the function's channel on a thread of its own, until the process ends.
pub(crate) fn start(symbol: &str) {
    let url = format!("ipc:///tmp/func_{symbol}.ipc");
    let symbol = symbol.to_owned();
    thread::spawn(move || {
        let answer = |request: &[u8]| {
            take_turns(&symbol);
            let mut answer = answer(&symbol, request).to_string().into_bytes();
            if fault::has("replies-not-utf8") {
                fault::spoil(&mut answer);
            }
            answer
        };
        if fault::has("careless-calls") || fault::has("validates-twice") {
            let asks = |request: &[u8]| request.starts_with(b"{\"func\":\"Validate\"");
            let twice = |request: &[u8]| fault::has("validates-twice") && asks(request);
            careless::serve(&url["ipc://".len()..], answer, twice);
        }
        // The control channel decides when the host is gone for good.
        let error = channel::serve(&url, Duration::MAX, answer);
        eprintln!("reference: function channel {url}: {error}");
    });
}

/// The fault of functions that wait for each other: after a request to one, the
/// other has to have one.
fn take_turns(symbol: &str) {
    static REQUESTS: AtomicUsize = AtomicUsize::new(0);
    let turn = usize::from(symbol == "mirror");
    while fault::has("functions-in-turn") && REQUESTS.load(SeqCst) % 2 != turn {
        thread::sleep(Duration::from_millis(1));
    }
    REQUESTS.fetch_add(1, SeqCst);
}

fn answer(symbol: &str, request: &[u8]) -> Value {
    match call(symbol, request) {
        Ok(result) if fault::has("replies-in-capitals") => {
            json!({ "State": true, "Result": result })
        }
        Err(_) if fault::has("replies-without-text") => json!({ "state": false }),
        Ok(result) => json!({ "state": true, "result": result }),
        Err(text) => json!({ "state": false, "result": text }),
    }
}

fn call(symbol: &str, request: &[u8]) -> Result<Value, String> {
    let request: Value = serde_json::from_slice(request).map_err(|e| {
        if fault::has("dies-of-requests") {
            fault::hang();
        }
        format!("the request is no JSON: {e}")
    })?;
    // A call without arguments is `"arg":null`.
    let arguments = request["arg"].as_array().map_or(&[][..], Vec::as_slice);
    match request["func"].as_str() {
        Some("Validate") if arguments.is_empty() && fault::has("validate-dies") => fault::hang(),
        Some("Validate") if arguments.len() == 1 => Ok("".into()),
        Some("Validate") => Err(format!(
            "{symbol} takes 1 argument, got {}",
            arguments.len()
        )),
        Some("IsAggregate") if fault::has("aggregate-text") => Ok("false".into()),
        Some("IsAggregate") => Ok((symbol == "largest").into()),
        // The last one is the function's context.
        Some("Exec") => match arguments {
            [value, context] if is_context(context) => execute(symbol, value),
            _ => Err(format!("{symbol} takes 1 argument and a context")),
        },
        _ if fault::has("func-ok") => Ok(Value::Null),
        _ => Err(format!("unknown request {}", request["func"])),
    }
}

/// Whether an argument is a context: a text that holds a JSON object.
fn is_context(argument: &Value) -> bool {
    let context = argument.as_str().map(serde_json::from_str);
    matches!(context, Some(Ok(Value::Object(_)))) || fault::has("context-ignored")
}

fn execute(symbol: &str, value: &Value) -> Result<Value, String> {
    if symbol == "mirror" {
        if value.is_null() && fault::has("exec-dies-of-null") {
            fault::hang();
        }
        return Ok(value.clone());
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
