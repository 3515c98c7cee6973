//! The functions: `bench_echo` returns its first argument, `bench_taken` the
//! numbers of rows that the sinks took.

use std::{thread, time::Duration};

use ekuiper_tests::nng_plugin::{Request, function_url, is_context, reply, serve};
use serde_json::{Value, json};

use crate::sink;

/// Serves the channel of a function on a thread of its own, until the process
/// ends.
pub(crate) fn start(symbol: &str) {
    let symbol = symbol.to_owned();
    thread::spawn(move || {
        let answer = |request: &[u8]| {
            let reply = reply(evaluate(&symbol, request));
            reply.to_string().into_bytes()
        };
        let error = serve(&function_url(&symbol), Duration::MAX, answer);
        eprintln!("bench_nng: function `{symbol}`: {error}");
    });
}

fn evaluate(symbol: &str, request: &[u8]) -> Result<Value, String> {
    let Request {
        func,
        mut arguments,
    } = Request::parse(request)?;
    match &*func {
        "Validate" => Ok("".into()),
        "IsAggregate" => Ok(false.into()),
        "Exec" => {
            if !arguments.pop().as_ref().is_some_and(is_context) {
                return Err("the call has no context".to_owned());
            }
            match (symbol, arguments.into_iter().next()) {
                ("bench_taken", _) => Ok(json!(sink::taken())),
                (_, Some(value)) => Ok(value),
                (_, None) => Err("bench_echo takes an argument".to_owned()),
            }
        }
        _ => Err(format!("unknown request `{func}`")),
    }
}
