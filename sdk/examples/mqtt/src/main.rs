//! An example plugin with an async source and an async sink for MQTT.

mod settings;
mod sink;
mod source;

use std::process::ExitCode;

use ekuiper::{PluginConfig, asynchronous, plugin};

use crate::sink::MqttOut;
use crate::source::MqttIn;

fn main() -> ExitCode {
    // The same names as in mqtt.json.
    plugin::start(
        PluginConfig::new("mqtt")
            .source("mqtt_in", asynchronous::source(MqttIn::new))
            .sink("mqtt_out", asynchronous::sink(MqttOut::new)),
    )
}
