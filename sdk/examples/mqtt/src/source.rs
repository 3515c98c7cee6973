//! The source `mqtt_in`: emits the messages of a topic.

use std::time::Duration;

use ekuiper::asynchronous::{AsyncSource, AsyncSourceContext};
use ekuiper::log::{info, warn};
use ekuiper::serde_json::{self, Map, Value, json};
use ekuiper::{Result, Stream};
use rumqttc::{AsyncClient, Event, EventLoop, Outgoing, Packet, Publish, QoS, SubscribeReasonCode};

use crate::settings::{PAUSE, Settings, is_final};

/// More than the broker can send without an ack, so that an ack never waits.
const REQUESTS: usize = u16::MAX as usize + 16;

/// Emits each message as a row, with its topic as metadata. A message is acked to
/// the broker when its rows were emitted.
pub(crate) struct MqttIn {
    topic: String,
    qos: QoS,
    client: AsyncClient,
    events: EventLoop,
}

impl MqttIn {
    pub(crate) fn new(settings: Settings, stream: &Stream) -> Result<Self> {
        let topic = match settings.topic.as_str() {
            "" => stream.datasource(),
            topic => topic,
        };
        if topic.is_empty() {
            return Err("no topic: set the stream's DATASOURCE, or the property topic".into());
        }
        let name = format!(
            "{}-{}-{}",
            stream.rule_id(),
            stream.op_id(),
            stream.instance_id()
        );
        let mut options = settings.options(&name)?;
        options.set_manual_acks(true);
        let (client, events) = AsyncClient::new(options, REQUESTS);
        Ok(MqttIn {
            topic: topic.to_owned(),
            qos: settings.qos()?,
            client,
            events,
        })
    }

    /// Emits a message. While the host is slow, this waits, and nothing more is
    /// read from the broker.
    async fn pass_on(&mut self, ctx: &AsyncSourceContext, message: Publish) -> Result {
        let meta = json!({"topic": message.topic});
        match rows(&message.payload) {
            Err(error) => {
                warn!(logger: ctx.logger(), "skipped a message of {}: {error}", message.topic);
            }
            Ok(rows) => {
                for row in rows {
                    ctx.emit_with(row, &meta).await?;
                }
            }
        }
        Ok(self.client.try_ack(&message)?)
    }
}

/// Returns the rows of a message: of a JSON object, or of an array of objects,
/// which is what a rule publishes by default.
fn rows(message: &[u8]) -> serde_json::Result<Vec<Map<String, Value>>> {
    match message.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(message),
        _ => Ok(vec![serde_json::from_slice(message)?]),
    }
}

impl AsyncSource for MqttIn {
    async fn open(&mut self, ctx: &AsyncSourceContext) -> Result {
        let mut away = false;
        loop {
            match self.events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    away = false;
                    self.client.try_subscribe(&self.topic, self.qos)?;
                }
                Ok(Event::Incoming(Packet::SubAck(ack))) => {
                    if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                        return Err(format!("the broker refuses the topic {}", self.topic).into());
                    }
                    info!(logger: ctx.logger(), "subscribed to {}", self.topic);
                }
                Ok(Event::Incoming(Packet::Publish(message))) => self.pass_on(ctx, message).await?,
                Ok(_) => {}
                Err(error) if is_final(&error) => return Err(error.into()),
                Err(error) => {
                    if !away {
                        warn!(logger: ctx.logger(), "no connection: {error}: connecting again");
                    }
                    away = true;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn close(&mut self, _ctx: &AsyncSourceContext) -> Result {
        self.client.try_disconnect()?;
        let goodbye = async {
            while let Ok(event) = self.events.poll().await {
                if event == Event::Outgoing(Outgoing::Disconnect) {
                    break;
                }
            }
        };
        // A broker that is away needs no goodbye.
        let _ = tokio::time::timeout(Duration::from_millis(300), goodbye).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::{asynchronous, testing};

    #[test]
    fn a_message_is_an_object_or_an_array_of_objects() {
        let texts = |message: &str| {
            let rows = rows(message.as_bytes()).ok()?;
            Some(
                rows.into_iter()
                    .map(|row| Value::from(row).to_string())
                    .collect(),
            )
        };

        assert_eq!(texts(r#"{"n":1}"#), Some(vec![r#"{"n":1}"#.to_owned()]));
        let two = vec![r#"{"n":1}"#.to_owned(), r#"{"n":2}"#.to_owned()];
        assert_eq!(texts(r#" [{"n":1},{"n":2}]"#), Some(two));
        for message in ["", "7", "[7]", "not JSON"] {
            assert_eq!(texts(message), None::<Vec<String>>, "{message}");
        }
    }

    #[test]
    fn a_source_without_a_topic_is_refused() {
        let refused = testing::source(asynchronous::source(MqttIn::new)).configure();

        assert_eq!(
            refused.unwrap_err().to_string(),
            "configure: no topic: set the stream's DATASOURCE, or the property topic"
        );
    }
}
