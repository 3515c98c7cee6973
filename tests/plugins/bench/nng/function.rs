//! The functions.

use std::{thread, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
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
            match (symbol, &arguments[..]) {
                ("bench_taken", _) => Ok(json!(sink::taken())),
                ("bench_echo", [_]) => Ok(arguments.remove(0)),
                ("bench_head", [Value::String(image)]) => {
                    let image = decode(image)?;
                    Ok(STANDARD.encode(&image[..image.len().min(6)]).into())
                }
                ("bench_fill", [Value::String(start), Value::Number(length)]) => {
                    let mut image = decode(start)?;
                    image.resize(length.as_u64().unwrap_or(0) as usize, 0xa5);
                    Ok(STANDARD.encode(&image).into())
                }
                _ => Err(format!("{symbol} does not take these arguments")),
            }
        }
        _ => Err(format!("unknown request `{func}`")),
    }
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| error.to_string())
}
