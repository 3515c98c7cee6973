//! The loads of a function: one call after the other, with short and long texts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Reading, WARM_UP, percentiles};
use crate::Result;
use crate::host::{Channel, Host};

/// The length of a short text: 8 digits, which are the base64 of 6 bytes.
pub(super) const SHORT: usize = 8;

/// Calls a function, and checks that each result has the number of its argument.
///
/// The first argument is the base64 text of an image: 8 digits that count the calls,
/// and what `argument` bytes need beyond them. If the result is to be long, the second
/// argument is the number of bytes that the function is to return. The result is
/// base64, too: it begins with the same digits, and is at least `result` bytes long.
pub(super) fn one_by_one(
    host: &mut Host,
    time: Duration,
    function: &str,
    argument: usize,
    result: usize,
) -> Result<Reading> {
    let mut channel = host.start_function(function)?;
    let blank = "0".repeat(SHORT);
    let image = blank.clone() + &text(argument - SHORT);
    let mut arguments = vec![json!(image)];
    if result > SHORT {
        arguments.push(json!(result / 4 * 3));
    }
    let mut call = exec(&arguments);
    let place = call
        .windows(1 + SHORT)
        .position(|part| part.strip_prefix(b"\"") == Some(blank.as_bytes()))
        .ok_or("the call has no place for the number")?;
    // From here on `call` is a frame, and `place` that of the number's quotation mark.
    let place = place + Channel::HEAD;
    call = Channel::framed(&call);
    let mut number = 0;
    let mut ask = || -> Result {
        number += 1;
        let start = format!("\"{number:08}");
        call[place..place + start.len()].copy_from_slice(start.as_bytes());
        let answer = channel.ask_framed(&mut call)?;
        let is_start = |part: &[u8]| part == start.as_bytes();
        let at = answer.windows(start.len()).position(is_start);
        match at.is_some_and(|at| answer.len() - at > result) {
            true => Ok(()),
            false => {
                let some = String::from_utf8_lossy(&answer[..answer.len().min(100)]);
                let length = answer.len();
                Err(format!(
                    "the function was called with `{start}…` and answered {length} bytes: {some}"
                )
                .into())
            }
        }
    };

    let begin = Instant::now();
    while begin.elapsed() < WARM_UP {
        ask()?;
    }
    let cpu = host.cpu()?;
    let mut took = Vec::new();
    let begin = Instant::now();
    let mut now = begin;
    while now - begin < time {
        ask()?;
        let before = std::mem::replace(&mut now, Instant::now());
        took.push((now - before).as_secs_f64() * 1e6);
    }
    let count = took.len() as f64;
    let cpu = host.cpu()? - cpu;
    Ok(Reading {
        rate: Some(count / (now - begin).as_secs_f64()),
        latency: Some(percentiles(took)?),
        cpu: Some(cpu.as_secs_f64() * 1e6 / count),
        ..Reading::default()
    })
}

/// Base64 text of `length` bytes, all characters of the alphabet in turn.
fn text(length: usize) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ALPHABET.chars().cycle().take(length).collect()
}

/// A request to execute a function; the context is its last argument.
pub(super) fn exec(arguments: &[Value]) -> Vec<u8> {
    let context = json!({"ruleId": "bench", "opId": "2_project", "instanceId": 0, "funcId": 0});
    let context = Value::String(context.to_string());
    let arguments: Vec<_> = arguments.iter().chain([&context]).collect();
    // eKuiper writes `func` first.
    let arguments = serde_json::to_string(&arguments).unwrap_or_default();
    format!("{{\"func\":\"Exec\",\"arg\":{arguments}}}").into_bytes()
}
