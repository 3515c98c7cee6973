//! The configuration of both symbols, and how they connect.

use std::time::Duration;

use ekuiper::Secret;
use ekuiper::metadata::{JsonSchema, schemars};
use rumqttc::{ConnectReturnCode, ConnectionError, MqttOptions, QoS};
use serde::Deserialize;

/// The size in bytes of the largest packet that is sent or received.
pub(crate) const LARGEST_PACKET: usize = 1024 * 1024;

/// How long to wait before the next attempt to connect.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Settings {
    /// The broker's host name or IP address.
    host: String,
    /// The broker's TCP port.
    port: u16,
    /// The topic. A source without it subscribes to its stream's DATASOURCE.
    pub(crate) topic: String,
    /// The quality of service: 0 or 1.
    #[schemars(extend("label" = "QoS"))]
    qos: u8,
    /// The client id. With one, the broker keeps a source's messages while it is
    /// away. It must not be used by two instances at once.
    #[schemars(extend("label" = "Client ID"))]
    client_id: String,
    /// The user name, if the broker asks for one.
    #[schemars(extend("label" = "User name"))]
    username: String,
    /// The password, if the broker asks for one.
    password: Secret,
    /// How often the connection is checked while nothing is sent: milliseconds, or a
    /// text such as `30s`.
    #[serde(with = "ekuiper::duration")]
    keep_alive: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            host: "127.0.0.1".to_owned(),
            port: 1883,
            topic: String::new(),
            qos: 1,
            client_id: String::new(),
            username: String::new(),
            password: Secret::default(),
            keep_alive: Duration::from_secs(30),
        }
    }
}

impl Settings {
    pub(crate) fn qos(&self) -> ekuiper::Result<QoS> {
        match self.qos {
            0 => Ok(QoS::AtMostOnce),
            1 => Ok(QoS::AtLeastOnce),
            other => Err(format!("qos is {other}: set it to 0 or 1").into()),
        }
    }

    /// Returns the options of a connection. `fallback` is the client id if none is
    /// configured.
    pub(crate) fn options(&self, fallback: &str) -> ekuiper::Result<MqttOptions> {
        if self.keep_alive < Duration::from_secs(1) {
            return Err("keep_alive is too short: set it to 1s or more".into());
        }
        let id = match self.client_id.as_str() {
            "" => fallback,
            id => id,
        };
        let mut options = MqttOptions::new(id, &self.host, self.port);
        options
            .set_keep_alive(self.keep_alive)
            .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET)
            .set_clean_session(self.client_id.is_empty());
        if !self.username.is_empty() {
            options.set_credentials(&self.username, self.password.expose());
        }
        Ok(options)
    }
}

/// Returns whether the broker would refuse every further attempt, too.
pub(crate) fn is_final(error: &ConnectionError) -> bool {
    use ConnectReturnCode::{BadClientId, BadUserNamePassword, NotAuthorized};
    matches!(
        error,
        ConnectionError::ConnectionRefused(BadClientId | BadUserNamePassword | NotAuthorized)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::Config;
    use ekuiper::serde_json::json;

    #[test]
    fn the_options_are_those_of_the_configuration() {
        let config = json!({
            "host": "broker", "port": 1884, "client_id": "me", "username": "u",
            "password": "p", "keep_alive": "5s"
        });
        let settings: Settings = Config::from_json(config).unwrap().parse().unwrap();

        let options = settings.options("other").unwrap();

        assert_eq!(options.broker_address(), ("broker".to_owned(), 1884));
        assert_eq!(options.client_id(), "me");
        assert!(!options.clean_session());
        assert_eq!(options.keep_alive(), Duration::from_secs(5));
        assert_eq!(options.credentials().unwrap().password, "p");
        assert!(!format!("{settings:?}").contains("\"p\""));
    }

    #[test]
    fn a_qos_of_2_is_refused() {
        let settings = Settings {
            qos: 2,
            ..Settings::default()
        };

        let error = settings.qos().unwrap_err();

        assert_eq!(error.to_string(), "qos is 2: set it to 0 or 1");
    }
}
