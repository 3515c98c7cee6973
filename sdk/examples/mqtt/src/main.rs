//! An example plugin with an async source and an async sink for MQTT.

mod settings;
mod sink;
mod source;

use std::process::ExitCode;

use ekuiper::{PluginConfig, asynchronous, metadata, plugin};

use crate::sink::MqttOut;
use crate::source::MqttIn;

fn main() -> ExitCode {
    // `mock-kuiper check` writes mqtt.json and the files in sources/ and sinks/ from
    // this.
    plugin::start(
        PluginConfig::new("mqtt")
            .source(
                "mqtt_in",
                metadata::source(asynchronous::source(MqttIn::new))
                    .label("MQTT in")
                    .description("Emits the messages of an MQTT topic."),
            )
            .sink(
                "mqtt_out",
                metadata::sink(asynchronous::sink(MqttOut::new))
                    .label("MQTT out")
                    .description("Publishes rows to an MQTT topic."),
            ),
    )
}
