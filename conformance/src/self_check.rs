//! What the suite sends, held against what recorded hosts send: a verdict that
//! came of a mistake of ours would be worth nothing.

use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// Checks that bytes are an order as eKuiper sends one: `{"cmd":C,"arg":A}`,
/// `A` a string that holds JSON.
///
/// Source: protocol.md section 5.
pub(crate) fn order(bytes: &[u8]) -> Result<(), String> {
    let order = object(serde_json::from_slice(bytes).ok(), "the order")?;
    only(&order, &["cmd", "arg"], "the order")?;
    let command = text(&order, "cmd")?;
    if !["start", "stop"].contains(&command) {
        return Err(format!("the command is `{command}`"));
    }
    let argument = object(serde_json::from_str(text(&order, "arg")?).ok(), "`arg`")?;
    let known = ["symbolName", "meta", "pluginType", "config", "dataSource"];
    only(&argument, &known, "`arg`")?;
    text(&argument, "symbolName")?;
    let kind = text(&argument, "pluginType")?;
    if !["source", "sink", "func"].contains(&kind) {
        return Err(format!("the pluginType is `{kind}`"));
    }
    if let Some(config) = argument.get("config") {
        object(Some(config.clone()), "`config`")?;
    }
    match argument.get("meta") {
        // Old releases send none with a function.
        None | Some(Value::Null) if kind == "func" => Ok(()),
        meta => context(&object(meta.cloned(), "`meta`")?, &[]),
    }
}

/// Checks that bytes are a request as eKuiper sends one to a function:
/// `{"func":F,"arg":A}`, `A` a list or `null`, an `Exec`'s last argument a
/// context in a string.
///
/// Source: protocol.md section 7.
pub(crate) fn request(bytes: &[u8]) -> Result<(), String> {
    let request = object(serde_json::from_slice(bytes).ok(), "the request")?;
    only(&request, &["func", "arg"], "the request")?;
    let arguments = match request.get("arg") {
        Some(Value::Array(arguments)) => arguments.as_slice(),
        None | Some(Value::Null) => &[],
        Some(other) => return Err(format!("`arg` is {other}")),
    };
    match text(&request, "func")? {
        "Validate" | "IsAggregate" => Ok(()),
        "Exec" => {
            let last = arguments.last().and_then(Value::as_str);
            let last = last.and_then(|last| serde_json::from_str(last).ok());
            context(&object(last, "the last argument of `Exec`")?, &["funcId"])
        }
        other => Err(format!("the func is `{other}`")),
    }
}

/// Whose rule and operator something is for.
fn context(meta: &Object, more: &[&str]) -> Result<(), String> {
    let known = [&["ruleId", "opId", "instanceId"], more].concat();
    only(meta, &known, "the context")?;
    text(meta, "ruleId")?;
    text(meta, "opId")?;
    match meta.get("instanceId") {
        Some(Value::Number(_)) => Ok(()),
        _ => Err("`instanceId` is no number".to_owned()),
    }
}

fn object(value: Option<Value>, what: &str) -> Result<Object, String> {
    match value {
        Some(Value::Object(object)) => Ok(object),
        _ => Err(format!("{what} is no JSON object")),
    }
}

fn text<'o>(object: &'o Object, field: &str) -> Result<&'o str, String> {
    let text = object.get(field).and_then(Value::as_str);
    text.ok_or_else(|| format!("`{field}` is no text"))
}

fn only(object: &Object, known: &[&str], what: &str) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(other) => Err(format!("{what} has a field `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of all recordings that a host sent on a kind of channel.
    fn recorded(channels: &str) -> Vec<String> {
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors");
        let mut frames = Vec::new();
        for file in std::fs::read_dir(vectors).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for line in text.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let of = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
                if of("from") == "host"
                    && of("channel").starts_with(channels)
                    && line["text"] != Value::Null
                {
                    frames.push(of("text"));
                }
            }
        }
        frames
    }

    #[test]
    fn every_recorded_order_and_request_is_one() {
        for (channels, check) in [
            ("plugin_", order as fn(&[u8]) -> Result<(), String>),
            ("func_", request),
        ] {
            let frames = recorded(channels);
            assert!(frames.len() > 50, "{channels}: {}", frames.len());
            for frame in frames {
                assert_eq!(check(frame.as_bytes()), Ok(()), "{frame}");
            }
        }
    }

    #[test]
    fn what_no_ekuiper_sends_is_named() {
        for (bytes, expected) in [
            (r#"[]"#, "the order is no JSON object"),
            (r#"{"cmd":"pause","arg":""}"#, "the command is `pause`"),
            (r#"{"cmd":"start","arg":{}}"#, "`arg` is no text"),
            (
                r#"{"cmd":"start","arg":"{}","v":1}"#,
                "the order has a field `v`",
            ),
        ] {
            assert_eq!(order(bytes.as_bytes()), Err(expected.to_owned()), "{bytes}");
        }
        for (bytes, expected) in [
            (
                r#"{"func":"Describe","arg":null}"#,
                "the func is `Describe`",
            ),
            (
                r#"{"func":"Exec","arg":[1]}"#,
                "the last argument of `Exec` is no JSON object",
            ),
            (r#"{"func":"Validate","arg":5}"#, "`arg` is 5"),
        ] {
            assert_eq!(
                request(bytes.as_bytes()),
                Err(expected.to_owned()),
                "{bytes}"
            );
        }
    }
}
