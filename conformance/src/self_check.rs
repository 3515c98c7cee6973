//! Compares what the suite sends with what recorded hosts send: a mistake of the
//! suite must not become a verdict on the plugin.

use mock_kuiper::Release;
use mock_kuiper::engine::release::{Datasource, FunctionMeta};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// Checks that bytes are an order as the release sends it: `{"cmd":C,"arg":A}`,
/// where `A` is a string that contains JSON.
///
/// Source: protocol.md sections 5 and 9.
pub(crate) fn order(bytes: &[u8], release: &Release) -> Result<(), String> {
    escaped(bytes)?;
    let order = object(serde_json::from_slice(bytes).ok(), "the order")?;
    only(&order, &["cmd", "arg"], "the order")?;
    let command = text(&order, "cmd")?;
    if !["start", "stop"].contains(&command) {
        return Err(format!("the command is `{command}`"));
    }
    let argument = object(serde_json::from_str(text(&order, "arg")?).ok(), "`arg`")?;
    let mut known = vec!["symbolName", "meta", "pluginType", "config"];
    if release.datasource == Datasource::Beside {
        known.push("dataSource");
    }
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
        None if kind == "func" && release.function_meta != FunctionMeta::Zeros => Ok(()),
        meta => context(&object(meta.cloned(), "`meta`")?, &[]),
    }
}

/// Checks that bytes are a request as eKuiper sends it to a function:
/// `{"func":F,"arg":A}`, where `A` is a list or `null`. The last argument of
/// `Exec` must be a string that contains a context.
///
/// Source: protocol.md section 7.
pub(crate) fn request(bytes: &[u8], _: &Release) -> Result<(), String> {
    escaped(bytes)?;
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

/// Checks that Go's encoder may have written the bytes.
fn escaped(bytes: &[u8]) -> Result<(), String> {
    match b"<>&".iter().find(|byte| bytes.contains(byte)) {
        None => Ok(()),
        Some(byte) => Err(format!("a `{}` is not escaped", char::from(*byte))),
    }
}

/// Checks an object that names a rule and its operator.
fn context(meta: &Object, more: &[&str]) -> Result<(), String> {
    let known = [&["ruleId", "opId", "instanceId"], more].concat();
    only(meta, &known, "the context")?;
    text(meta, "ruleId")?;
    text(meta, "opId")?;
    match meta.get("instanceId") {
        Some(Value::Number(_)) => Ok(()),
        _ => Err("`instanceId` is not a number".to_owned()),
    }
}

fn object(value: Option<Value>, what: &str) -> Result<Object, String> {
    match value {
        Some(Value::Object(object)) => Ok(object),
        _ => Err(format!("{what} is not a JSON object")),
    }
}

fn text<'o>(object: &'o Object, field: &str) -> Result<&'o str, String> {
    let text = object.get(field).and_then(Value::as_str);
    text.ok_or_else(|| format!("`{field}` is not a text"))
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

    type Check = fn(&[u8], &Release) -> Result<(), String>;

    /// Returns all recorded frames that a host sent on channels whose names begin
    /// with `channels`, each with its release.
    fn recorded(channels: &str) -> Vec<(String, &'static Release)> {
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors");
        let mut frames = Vec::new();
        for file in std::fs::read_dir(vectors).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            // `ekuiper-2.4.0-go.jsonl`
            let mut numbers = name.split(['-', '.']).skip(1);
            let mut number = || numbers.next().unwrap();
            let release = Release::find(&format!("{}.{}", number(), number())).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let of = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
                if of("from") == "host"
                    && of("channel").starts_with(channels)
                    && line["text"] != Value::Null
                {
                    frames.push((of("text"), release));
                }
            }
        }
        frames
    }

    #[test]
    fn every_recorded_order_and_request_is_accepted() {
        for (channels, check) in [("plugin_", order as Check), ("func_", request)] {
            let frames = recorded(channels);
            assert!(frames.len() > 50, "{channels}: {}", frames.len());
            for (frame, release) in frames {
                let checked = check(frame.as_bytes(), release);
                assert_eq!(checked, Ok(()), "{}: {frame}", release.name);
            }
        }
    }

    #[test]
    fn what_no_ekuiper_sends_is_rejected_with_the_reason() {
        let release = Release::find("2.4").unwrap();
        for (bytes, expected) in [
            (r#"[]"#, "the order is not a JSON object"),
            (r#"{"cmd":"pause","arg":""}"#, "the command is `pause`"),
            (r#"{"cmd":"start","arg":{}}"#, "`arg` is not a text"),
            (
                r#"{"cmd":"start","arg":"{}","v":1}"#,
                "the order has a field `v`",
            ),
            (r#"{"cmd":"start","arg":"<"}"#, "a `<` is not escaped"),
            (
                r#"{"cmd":"start","arg":"{\"dataSource\":\"topic\"}"}"#,
                "`arg` has a field `dataSource`",
            ),
            (
                r#"{"cmd":"start","arg":"{\"symbolName\":\"f\",\"pluginType\":\"func\"}"}"#,
                "`meta` is not a JSON object",
            ),
        ] {
            let checked = order(bytes.as_bytes(), release);
            assert_eq!(checked, Err(expected.to_owned()), "{bytes}");
        }
        for (bytes, expected) in [
            (
                r#"{"func":"Describe","arg":null}"#,
                "the func is `Describe`",
            ),
            (
                r#"{"func":"Exec","arg":[1]}"#,
                "the last argument of `Exec` is not a JSON object",
            ),
            (r#"{"func":"Validate","arg":5}"#, "`arg` is 5"),
        ] {
            assert_eq!(
                request(bytes.as_bytes(), release),
                Err(expected.to_owned()),
                "{bytes}"
            );
        }
    }
}
