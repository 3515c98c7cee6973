//! The function `mirror`: it returns its argument.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::channel;

/// Serves the function's channel on a thread of its own, until the process ends.
pub(crate) fn start(symbol: &str) {
    let url = format!("ipc:///tmp/func_{symbol}.ipc");
    thread::spawn(move || {
        // The control channel decides when the host is gone for good.
        let error = channel::serve(&url, Duration::MAX, |request| {
            answer(request).to_string().into_bytes()
        });
        eprintln!("reference: function channel {url}: {error}");
    });
}

fn answer(request: &[u8]) -> Value {
    match call(request) {
        Ok(result) => json!({ "state": true, "result": result }),
        Err(text) => json!({ "state": false, "result": text }),
    }
}

fn call(request: &[u8]) -> Result<Value, String> {
    let request: Value =
        serde_json::from_slice(request).map_err(|e| format!("the request is no JSON: {e}"))?;
    // A call without arguments is `"arg":null`.
    let arguments = request["arg"].as_array().map_or(&[][..], Vec::as_slice);
    match request["func"].as_str() {
        Some("Validate") if arguments.len() == 1 => Ok("".into()),
        Some("Validate") => Err(format!("mirror takes 1 argument, got {}", arguments.len())),
        Some("IsAggregate") => Ok(false.into()),
        // The last one is the function's context.
        Some("Exec") => match arguments {
            [value, _context] => Ok(value.clone()),
            _ => Err("mirror takes 1 argument and a context".to_owned()),
        },
        _ => Err(format!("unknown request {}", request["func"])),
    }
}
