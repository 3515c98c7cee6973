//! The functions: `bench_echo` returns its first argument, `bench_taken` what
//! the sinks took.

use std::thread;

use serde_json::{Value, json};

use crate::{channel, sink};

/// Serves the function's channel on a thread of its own, until the process ends.
pub(crate) fn start(symbol: &str) {
    let symbol = symbol.to_owned();
    thread::spawn(move || {
        let url = format!("ipc:///tmp/func_{symbol}.ipc");
        let error = channel::serve(&url, |request| {
            let answer = match call(&symbol, request) {
                Ok(result) => json!({ "state": true, "result": result }),
                Err(text) => json!({ "state": false, "result": text }),
            };
            answer.to_string().into_bytes()
        });
        eprintln!("bench_nng: function `{symbol}`: {error}");
    });
}

fn call(symbol: &str, request: &[u8]) -> Result<Value, String> {
    let mut request: Value =
        serde_json::from_slice(request).map_err(|e| format!("the request is no JSON: {e}"))?;
    match request["func"].as_str() {
        Some("Validate") => Ok("".into()),
        Some("IsAggregate") => Ok(false.into()),
        Some("Exec") => {
            let mut arguments = match request["arg"].take() {
                Value::Array(arguments) => arguments,
                _ => Vec::new(),
            };
            check_context(arguments.pop())?;
            match (symbol, arguments.into_iter().next()) {
                ("bench_taken", _) => Ok(json!(sink::taken())),
                (_, Some(value)) => Ok(value),
                (_, None) => Err("bench_echo takes an argument".to_owned()),
            }
        }
        _ => Err(format!("unknown request {}", request["func"])),
    }
}

/// Reads the last argument of a call: a text that holds a JSON object.
fn check_context(argument: Option<Value>) -> Result<(), String> {
    let text = argument.as_ref().and_then(Value::as_str);
    match serde_json::from_str(text.unwrap_or_default()) {
        Ok(Value::Object(_)) => Ok(()),
        _ => Err("a call without a context".to_owned()),
    }
}
