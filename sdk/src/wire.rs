//! The messages of the protocol as a plugin reads and writes them.
//!
//! A plugin reads leniently: unknown fields are ignored, and a field that some
//! releases leave out has a default. No code here is shared with a host: if both
//! ends used the same types, a wrong field name would go unnoticed. The recorded
//! frames in `tests/vectors` are the reference for both.
//!
//! Rules: docs/protocol.md, "Control channel", "Sources and sinks", "Functions".

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::context::Identity;
use crate::given::Given;
use crate::{Config, json};

/// The first message of each connection of the control and function channels.
pub(crate) const GREETING: &[u8] = b"handshake";

/// The answer to a successful order.
pub(crate) const OK: &[u8] = b"ok";

/// Returns the address of the control channel of the plugin `name`.
pub(crate) fn control_url(name: &str) -> String {
    format!("ipc:///tmp/plugin_{name}.ipc")
}

/// Returns the address of the channel of the function `name`.
pub(crate) fn function_url(name: &str) -> String {
    format!("ipc:///tmp/func_{name}.ipc")
}

/// Returns the data address of an instance of a source or sink.
pub(crate) fn data_url(identity: &Identity) -> String {
    format!("ipc:///tmp/{identity}.ipc")
}

/// Returns the address of the ack channel of an instance of a sink.
pub(crate) fn ack_url(identity: &Identity) -> String {
    format!("ipc:///tmp/{identity}_ack.ipc")
}

/// What an order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Start,
    Stop,
}

/// The three kinds of symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Source,
    Sink,
    Function,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Source => "source",
            Kind::Sink => "sink",
            Kind::Function => "function",
        })
    }
}

/// An order: start or stop an instance of a symbol.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) command: Command,
    pub(crate) target: Target,
    /// The whole argument as JSON. A start repeats an earlier one if their
    /// arguments are equal.
    pub(crate) argument: Value,
}

/// The instance that an order concerns, and its configuration.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) symbol: String,
    pub(crate) identity: Identity,
    /// The stream's datasource: `dataSource` from a 1.x host,
    /// `config.datasource` from a 2.x host, or empty.
    pub(crate) datasource: String,
    pub(crate) config: Config,
}

/// Why bytes are not a valid order.
#[derive(Debug)]
pub(crate) enum BadOrder {
    /// The order or its argument is not JSON, or a field is missing or has the
    /// wrong type.
    Malformed(String),
    /// `cmd` is neither `start` nor `stop`.
    UnknownCommand(String),
    /// `pluginType` is not `source`, `sink` or `func`.
    UnknownType(String),
}

impl fmt::Display for BadOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadOrder::Malformed(why) => write!(f, "malformed order: {why}"),
            BadOrder::UnknownCommand(command) => {
                write!(f, "unknown command `{command}`: expected `start` or `stop`")
            }
            BadOrder::UnknownType(kind) => write!(
                f,
                "unknown plugin type `{kind}`: expected `source`, `sink` or `func`"
            ),
        }
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `cmd` and `arg`")]
struct RawOrder<'a> {
    #[serde(borrow)]
    cmd: Option<Cow<'a, str>>,
    arg: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with `symbolName`")]
struct RawTarget {
    symbol_name: Option<String>,
    meta: Option<RawMeta>,
    plugin_type: Option<String>,
    data_source: Option<String>,
    config: Option<Map<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with `ruleId`")]
struct RawMeta {
    rule_id: Option<String>,
    op_id: Option<String>,
    instance_id: Option<i64>,
}

impl RawMeta {
    fn identity(self) -> Identity {
        Identity {
            rule_id: self.rule_id.unwrap_or_default(),
            op_id: self.op_id.unwrap_or_default(),
            instance_id: self.instance_id.unwrap_or_default(),
        }
    }
}

/// Reads the bytes of an order.
///
/// Hosts send the argument as a string that contains JSON. A JSON object is
/// accepted too.
pub(crate) fn read_order(bytes: &[u8]) -> Result<Order, BadOrder> {
    let malformed = |error: serde_json::Error| BadOrder::Malformed(error.to_string());
    let order: RawOrder<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
    let command = match order.cmd.as_deref() {
        Some("start") => Command::Start,
        Some("stop") => Command::Stop,
        Some(other) => return Err(BadOrder::UnknownCommand(other.to_owned())),
        None => return Err(BadOrder::Malformed("`cmd` is missing".to_owned())),
    };
    let argument: Value = match order.arg {
        Some(Value::String(text)) => serde_json::from_str(&text)
            .map_err(|error| BadOrder::Malformed(format!("`arg` is not JSON: {error}")))?,
        Some(object @ Value::Object(_)) => object,
        _ => {
            return Err(BadOrder::Malformed(
                "`arg` is missing: expected a string that contains JSON".to_owned(),
            ));
        }
    };
    let raw = RawTarget::deserialize(&argument)
        .map_err(|error| BadOrder::Malformed(format!("`arg`: {error}")))?;
    let target = read_target(raw)?;
    // No host has a channel at an address without ids, so rows would be lost.
    let is_nameless = target.identity.rule_id.is_empty() && target.identity.op_id.is_empty();
    if command == Command::Start && target.kind != Kind::Function && is_nameless {
        return Err(BadOrder::Malformed(format!(
            "`meta` is missing: a {} needs `ruleId` and `opId`",
            target.kind
        )));
    }
    Ok(Order {
        command,
        target,
        argument,
    })
}

fn read_target(raw: RawTarget) -> Result<Target, BadOrder> {
    let kind = match raw.plugin_type.as_deref() {
        Some("source") => Kind::Source,
        Some("sink") => Kind::Sink,
        Some("func") => Kind::Function,
        other => return Err(BadOrder::UnknownType(other.unwrap_or_default().to_owned())),
    };
    let config = raw.config.unwrap_or_default();
    let datasource = raw
        .data_source
        .filter(|beside| !beside.is_empty())
        .or_else(|| Some(config.get("datasource")?.as_str()?.to_owned()))
        .unwrap_or_default();
    Ok(Target {
        kind,
        symbol: raw.symbol_name.unwrap_or_default(),
        identity: raw.meta.unwrap_or_default().identity(),
        datasource,
        config: Config::from(config),
    })
}

/// A request to a function: the name of a method, and its arguments.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `func` and `arg`")]
pub(crate) struct Request<'a> {
    #[serde(borrow)]
    pub(crate) func: Cow<'a, str>,
    /// The arguments. Hosts send `null` for a call without arguments, which is
    /// read as an empty list.
    #[serde(borrow, default, deserialize_with = "list")]
    pub(crate) arg: Vec<Given<'a>>,
}

fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Given<'de>>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads the bytes of a request.
pub(crate) fn read_request(bytes: &[u8]) -> Result<Request<'_>, serde_json::Error> {
    json::read(bytes)
}

/// Reads the ids of a call from the JSON in the last argument of an `Exec`.
pub(crate) fn read_call(text: &str) -> Result<(Identity, i64), serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", expecting = "an object with `ruleId`")]
    struct RawCall {
        #[serde(flatten)]
        meta: RawMeta,
        func_id: Option<i64>,
    }
    let call: RawCall = serde_json::from_str(text)?;
    Ok((call.meta.identity(), call.func_id.unwrap_or_default()))
}

/// Replaces the content of `answer` with a function's answer:
/// `{"state":…,"result":…}`.
pub(crate) fn write_answer(answer: &mut Vec<u8>, result: Result<&Value, &str>) {
    answer.clear();
    let written = match result {
        Ok(value) => {
            answer.extend_from_slice(br#"{"state":true,"result":"#);
            json::write(answer, value)
        }
        Err(text) => {
            answer.extend_from_slice(br#"{"state":false,"result":"#);
            json::write(answer, text)
        }
    };
    debug_assert!(written.is_ok(), "a Value and a str can always be written");
    answer.push(b'}');
}

/// Returns the ack of a failed row: `{"error":"…"}`.
pub(crate) fn failed_ack(text: &str) -> Vec<u8> {
    format!(r#"{{"error":{}}}"#, Value::from(text)).into_bytes()
}

/// The ack of a successful row.
pub(crate) const DONE_ACK: &[u8] = b"{}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_address() {
        let identity = Identity {
            rule_id: "rule1".to_owned(),
            op_id: "op2".to_owned(),
            instance_id: 3,
        };

        assert_eq!(control_url("mirror"), "ipc:///tmp/plugin_mirror.ipc");
        assert_eq!(function_url("echo"), "ipc:///tmp/func_echo.ipc");
        assert_eq!(data_url(&identity), "ipc:///tmp/rule1_op2_3.ipc");
        assert_eq!(ack_url(&identity), "ipc:///tmp/rule1_op2_3_ack.ipc");
    }

    #[test]
    fn the_datasource_of_a_1_x_host_is_beside_the_config() {
        let bytes = br#"{"cmd":"start","arg":"{\"symbolName\":\"pyjson\",\"meta\":{\"ruleId\":\"p1\",\"opId\":\"py\",\"instanceId\":0},\"pluginType\":\"source\",\"dataSource\":\"topic/1\",\"config\":{\"delimiter\":\"\",\"format\":\"json\",\"key\":\"\"}}"}"#;

        let order = read_order(bytes).unwrap();

        assert_eq!(order.command, Command::Start);
        assert_eq!(order.target.kind, Kind::Source);
        assert_eq!(order.target.symbol, "pyjson");
        assert_eq!(order.target.datasource, "topic/1");
        assert_eq!(data_url(&order.target.identity), "ipc:///tmp/p1_py_0.ipc");
    }

    #[test]
    fn the_datasource_of_a_2_x_host_is_in_the_config() {
        let bytes = br#"{"cmd":"start","arg":"{\"symbolName\":\"pyjson\",\"meta\":{\"ruleId\":\"p1\",\"opId\":\"py\",\"instanceId\":0},\"pluginType\":\"source\",\"config\":{\"datasource\":\"topic/1\",\"delimiter\":\"\"}}"}"#;

        let order = read_order(bytes).unwrap();

        assert_eq!(order.target.datasource, "topic/1");
    }

    #[test]
    fn an_argument_that_is_an_object_instead_of_a_string_is_accepted() {
        let bytes =
            br#"{"cmd":"stop","arg":{"symbolName":"s","pluginType":"sink","meta":{"opId":"o"}}}"#;

        let order = read_order(bytes).unwrap();

        assert_eq!(order.target.symbol, "s");
        assert_eq!(order.target.identity.to_string(), "_o_0");
    }

    #[test]
    fn a_missing_datasource_is_read_as_empty() {
        let bytes = br#"{"cmd":"start","arg":"{\"symbolName\":\"s\",\"meta\":{\"ruleId\":\"p1\"},\"pluginType\":\"source\"}"}"#;

        let order = read_order(bytes).unwrap();

        assert_eq!(order.target.datasource, "");
        assert!(order.target.config.is_empty());
    }

    #[test]
    fn a_function_may_be_started_without_meta_as_hosts_before_1_8_do() {
        let bytes = br#"{"cmd":"start","arg":"{\"symbolName\":\"f\",\"pluginType\":\"func\"}"}"#;

        let order = read_order(bytes).unwrap();

        assert_eq!(order.target.kind, Kind::Function);
        assert_eq!(order.target.identity, Identity::default());
    }

    #[test]
    fn unknown_fields_and_nulls_are_ignored() {
        let bytes = br#"{"cmd":"stop","id":9,"arg":"{\"symbolName\":\"f\",\"x\":[],\"meta\":null,\"config\":null,\"dataSource\":null,\"pluginType\":\"sink\"}"}"#;

        let order = read_order(bytes).unwrap();

        assert_eq!(order.command, Command::Stop);
        assert_eq!(order.target.kind, Kind::Sink);
    }

    #[test]
    fn the_error_for_an_invalid_order_names_what_is_wrong() {
        let cases: &[(&[u8], &str)] = &[
            (b"", "malformed order: EOF while parsing"),
            (b"handshake", "malformed order: expected value"),
            (b"\xff\xfe", "malformed order: "),
            (b"{}", "malformed order: `cmd` is missing"),
            (br#"{"cmd":"start"}"#, "malformed order: `arg` is missing"),
            (
                br#"{"cmd":"start","arg":"{\"symbolName\":\"s\",\"pluginType\":\"sink\"}"}"#,
                "malformed order: `meta` is missing: a sink needs `ruleId` and `opId`",
            ),
            (
                br#"{"cmd":"start","arg":"{"}"#,
                "malformed order: `arg` is not JSON: ",
            ),
            (br#"{"cmd":"start","arg":"7"}"#, "malformed order: `arg`: "),
            (br#"{"cmd":"halt","arg":"{}"}"#, "unknown command `halt`"),
            (
                br#"{"cmd":"start","arg":"{\"pluginType\":\"hub\"}"}"#,
                "unknown plugin type `hub`",
            ),
            (br#"{"cmd":"start","arg":"{}"}"#, "unknown plugin type ``"),
        ];
        for (bytes, expected) in cases {
            let text = read_order(bytes).unwrap_err().to_string();

            assert!(text.starts_with(expected), "{text:?} for {bytes:?}");
        }
    }

    #[test]
    fn null_arguments_are_read_as_an_empty_list() {
        let request = read_request(br#"{"func":"Validate","arg":null}"#).unwrap();

        assert_eq!(request.func, "Validate");
        assert!(request.arg.is_empty());
    }

    #[test]
    fn a_call_is_identified_by_four_ids() {
        let text = r#"{"ruleId":"rule1","opId":"op2","instanceId":3,"funcId":4}"#;

        let (identity, function_id) = read_call(text).unwrap();

        assert_eq!(identity.to_string(), "rule1_op2_3");
        assert_eq!(function_id, 4);
    }

    #[test]
    fn an_answer_replaces_the_last_one_in_the_buffer() {
        let mut answer = b"left over".to_vec();

        write_answer(&mut answer, Ok(&Value::from("a\"b")));
        assert_eq!(answer, br#"{"state":true,"result":"a\"b"}"#);

        write_answer(&mut answer, Err("no such column"));
        assert_eq!(answer, br#"{"state":false,"result":"no such column"}"#);
    }

    #[test]
    fn a_failed_ack_is_one_json_object() {
        assert_eq!(
            failed_ack("disk \"a\"\nfull"),
            br#"{"error":"disk \"a\"\nfull"}"#
        );
    }
}
