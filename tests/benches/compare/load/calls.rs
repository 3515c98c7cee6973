//! The load of a function: one call after the other.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Reading, WARM_UP, percentiles};
use crate::Result;
use crate::host::Host;

/// Calls a function with a running number, and checks that it returns it.
pub(super) fn one_by_one(host: &mut Host, time: Duration) -> Result<Reading> {
    const BLANK: &[u8] = b"\"00000000\"";
    let mut echo = host.start_function("bench_echo")?;
    let mut call = exec(&[json!("00000000")]);
    let place = call.windows(BLANK.len()).position(|part| part == BLANK);
    let place = place.ok_or("the call has no place for the number")?;
    let mut number = 0;
    let mut ask = || -> Result {
        number += 1;
        let argument = format!("\"{number:08}\"");
        call[place..place + BLANK.len()].copy_from_slice(argument.as_bytes());
        let answer = echo.ask(&call)?;
        let is_argument = |part: &[u8]| part == argument.as_bytes();
        match answer.windows(BLANK.len()).any(is_argument) {
            true => Ok(()),
            false => {
                let answer = String::from_utf8_lossy(answer);
                Err(format!("the function was called with {argument} and answered {answer}").into())
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

/// A request to execute a function; the context is its last argument.
pub(super) fn exec(arguments: &[Value]) -> Vec<u8> {
    let context = json!({"ruleId": "bench", "opId": "2_project", "instanceId": 0, "funcId": 0});
    let context = Value::String(context.to_string());
    let arguments: Vec<_> = arguments.iter().chain([&context]).collect();
    // eKuiper writes `func` first.
    let arguments = serde_json::to_string(&arguments).unwrap_or_default();
    format!("{{\"func\":\"Exec\",\"arg\":{arguments}}}").into_bytes()
}
