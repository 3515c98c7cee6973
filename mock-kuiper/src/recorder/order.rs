//! What an order of eKuiper opens and closes.

use serde_json::{Map, Value};

use crate::symbol::{Channel, Meta};

/// What the recorder reads of an order.
#[derive(Debug, PartialEq)]
pub(super) struct Order {
    pub(super) starts: bool,
    /// The argument, as it was sent.
    pub(super) argument: String,
    /// The properties, and `datasource`, which a host before 2.0 sends beside them.
    pub(super) config: Map<String, Value>,
    /// The channels of the symbol.
    pub(super) channels: Vec<Channel>,
}

/// Reads an order; `None` if it is something else.
pub(super) fn parse(body: &[u8]) -> Option<Order> {
    let order: Value = serde_json::from_slice(body).ok()?;
    let starts = match order.get("cmd")?.as_str()? {
        "start" => true,
        "stop" => false,
        _ => return None,
    };
    let argument = order.get("arg")?.as_str()?.to_owned();
    let parsed: Value = serde_json::from_str(&argument).ok()?;
    let symbol = parsed.get("symbolName")?.as_str()?;
    let text = |name: &str| parsed.pointer(name).and_then(Value::as_str);
    let instance = parsed.pointer("/meta/instanceId").and_then(Value::as_u64);
    let meta = Meta {
        rule_id: text("/meta/ruleId").unwrap_or_default().to_owned(),
        op_id: text("/meta/opId").unwrap_or_default().to_owned(),
        instance_id: instance.and_then(|id| u32::try_from(id).ok()).unwrap_or(0),
    };
    let channels = match parsed.get("pluginType")?.as_str()? {
        "source" => vec![Channel::source(&meta)],
        "sink" => vec![Channel::ack(&meta), Channel::sink(&meta)],
        "func" => vec![Channel::function(symbol)],
        _ => return None,
    };
    // Any other name is no file in /tmp.
    let is_file = |channel: &Channel| !channel.name().contains(['/', '\0']);
    let config = parsed.get("config").and_then(Value::as_object);
    let mut config = config.cloned().unwrap_or_default();
    if let Some(source) = parsed.get("dataSource") {
        config.insert("datasource".to_owned(), source.clone());
    }
    Some(Order {
        starts,
        config,
        channels: channels.into_iter().filter(is_file).collect(),
        argument,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Option<Vec<String>> {
        let order = parse(body.as_bytes())?;
        let channels = order.channels.iter();
        Some(channels.map(|channel| channel.name().to_owned()).collect())
    }

    #[test]
    fn an_order_names_the_channels_of_its_symbol() {
        let order = |kind: &str, rule: &str| {
            format!(
                r#"{{"cmd":"start","arg":"{{\"symbolName\":\"f\",\"meta\":{{\"ruleId\":\"{rule}\",\"opId\":\"o_0\",\"instanceId\":2}},\"pluginType\":\"{kind}\",\"config\":{{\"a\":1}}}}"}}"#
            )
        };

        assert_eq!(names(&order("source", "r")).unwrap(), ["r_o_0_2"]);
        assert_eq!(
            names(&order("sink", "r")).unwrap(),
            ["r_o_0_2_ack", "r_o_0_2"]
        );
        assert_eq!(names(&order("func", "")).unwrap(), ["func_f"]);
        assert!(names(&order("source", "../../etc/r")).unwrap().is_empty());
        assert_eq!(names(&order("other", "r")), None);
        assert_eq!(names("handshake"), None);
        assert_eq!(parse(order("sink", "r").as_bytes()).unwrap().config["a"], 1);
    }

    #[test]
    fn the_datasource_of_a_1x_host_is_a_property() {
        let body = r#"{"cmd":"start","arg":"{\"symbolName\":\"s\",\"pluginType\":\"source\",\"dataSource\":\"tcp://a\",\"config\":{\"b\":1}}"}"#;

        let config = parse(body.as_bytes()).unwrap().config;

        assert_eq!(
            Value::Object(config),
            serde_json::json!({"b": 1, "datasource": "tcp://a"})
        );
    }

    #[test]
    fn an_order_of_the_oldest_releases_has_no_meta() {
        let body = r#"{"cmd":"start","arg":"{\"symbolName\":\"f\",\"pluginType\":\"func\"}"}"#;

        assert_eq!(names(body).unwrap(), ["func_f"]);
    }
}
