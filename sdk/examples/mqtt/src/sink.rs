//! The sink `mqtt_out`: publishes rows, and acks each one when the broker has.
//!
//! A task owns the connection. `collect` adds a row to a queue that both share, and
//! the task acks the rows at the front of the queue whose fate is known. So the
//! acks are in order, and a row stays in the queue until the broker has it: after a
//! lost connection it is published again, on a client without old state.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ekuiper::asynchronous::AsyncSink;
use ekuiper::log::{error, info, warn};
use ekuiper::{Action, Data, Result, SinkContext};
use rumqttc::{AsyncClient, Event, MqttOptions, Outgoing, Packet, QoS};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::settings::{LARGEST_PACKET, PAUSE, Settings, is_final};

/// How many rows wait for the broker at most. The next row then waits.
const WINDOW: usize = 64;

/// How long a stopped sink waits for the broker.
const LAST_ROWS: Duration = Duration::from_millis(400);

pub(crate) struct MqttOut {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    /// The options of a connection, until `open`.
    options: Option<MqttOptions>,
    task: Option<JoinHandle<()>>,
}

struct Shared {
    topic: String,
    qos: QoS,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    rows: VecDeque<Row>,
    /// The client, while there is a connection.
    client: Option<AsyncClient>,
}

struct Row {
    bytes: Vec<u8>,
    state: State,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug, PartialEq)]
enum State {
    /// Not sent on this connection.
    Waits,
    /// Sent as the packet of this id.
    Sent(u16),
    /// The broker has it.
    Done,
    /// It cannot be published.
    Failed(String),
}

impl MqttOut {
    pub(crate) fn new(settings: Settings, action: &Action) -> Result<Self> {
        if settings.topic.is_empty() {
            return Err("no topic: set the property topic".into());
        }
        let name = format!(
            "{}-{}-{}",
            action.rule_id(),
            action.op_id(),
            action.instance_id()
        );
        let mut options = settings.options(&name)?;
        // The queue is the only memory of what was not acked.
        options.set_clean_session(true);
        Ok(MqttOut {
            shared: Arc::new(Shared {
                qos: settings.qos()?,
                topic: settings.topic,
                queue: Mutex::default(),
            }),
            room: Arc::new(Semaphore::new(WINDOW)),
            options: Some(options),
            task: None,
        })
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes a row if there is a connection; otherwise the next one does so.
    fn publish(&self, client: Option<&AsyncClient>, row: &mut Row) {
        if let Some(client) = client {
            let bytes = row.bytes.clone();
            if let Err(error) = client.try_publish(&self.topic, self.qos, false, bytes) {
                row.state = State::Failed(error.to_string());
            }
        }
    }

    /// Adds a row to the queue.
    fn add(&self, ctx: &SinkContext, bytes: Vec<u8>, permit: OwnedSemaphorePermit) {
        let mut row = Row {
            bytes,
            state: State::Waits,
            _permit: permit,
        };
        let mut queue = self.queue();
        if row.bytes.len() + self.topic.len() + 16 > LARGEST_PACKET {
            row.state = State::Failed(format!("the row has {} bytes", row.bytes.len()));
        } else {
            self.publish(queue.client.as_ref(), &mut row);
        }
        queue.rows.push_back(row);
        queue.ack(ctx);
    }

    /// Publishes all rows of the queue on a new connection.
    fn connected(&self, client: AsyncClient) {
        let mut queue = self.queue();
        for row in &mut queue.rows {
            if matches!(row.state, State::Waits | State::Sent(_)) {
                row.state = State::Waits;
                self.publish(Some(&client), row);
            }
        }
        queue.client = Some(client);
    }

    /// Handles the events of one connection until it is lost.
    async fn connect(&self, ctx: &SinkContext, options: MqttOptions) -> rumqttc::ConnectionError {
        let (client, mut events) = AsyncClient::new(options, 2 * WINDOW);
        let lost = loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    info!(logger: ctx.logger(), "connected");
                    self.connected(client.clone());
                }
                Ok(Event::Outgoing(Outgoing::Publish(id))) => self.queue().sent(id, ctx),
                Ok(Event::Incoming(Packet::PubAck(ack))) => self.queue().acked(ack.pkid, ctx),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        self.queue().client = None;
        lost
    }
}

impl Queue {
    /// Records that the first row that waits was sent. Without an id there will be
    /// no ack from the broker.
    fn sent(&mut self, id: u16, ctx: &SinkContext) {
        let waits = |row: &&mut Row| row.state == State::Waits;
        if let Some(row) = self.rows.iter_mut().find(waits) {
            row.state = match id {
                0 => State::Done,
                id => State::Sent(id),
            };
        }
        self.ack(ctx);
    }

    /// Records that the broker has a row.
    fn acked(&mut self, id: u16, ctx: &SinkContext) {
        let is_it = |row: &&mut Row| row.state == State::Sent(id);
        if let Some(row) = self.rows.iter_mut().find(is_it) {
            row.state = State::Done;
        }
        self.ack(ctx);
    }

    /// Acks the rows at the front of the queue whose fate is known.
    fn ack(&mut self, ctx: &SinkContext) {
        while let Some(row) = self.rows.front() {
            match &row.state {
                State::Waits | State::Sent(_) => return,
                State::Done => ctx.ack_ok(),
                State::Failed(text) => ctx.ack_error(text),
            }
            self.rows.pop_front();
        }
    }
}

impl AsyncSink for MqttOut {
    async fn open(&mut self, ctx: &SinkContext) -> Result {
        let options = self.options.take().ok_or("opened twice")?;
        let (ctx, shared) = (ctx.clone(), Arc::clone(&self.shared));
        self.task = Some(tokio::spawn(async move {
            let mut known = String::new();
            loop {
                let error = shared.connect(&ctx, options.clone()).await;
                let text = error.to_string();
                if is_final(&error) && text != known {
                    error!(logger: ctx.logger(), "the broker refuses the connection: {text}");
                } else if text != known {
                    warn!(logger: ctx.logger(), "no connection: {text}: connecting again");
                }
                known = text;
                tokio::time::sleep(PAUSE).await;
            }
        }));
        Ok(())
    }

    async fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> Result {
        let room = Arc::clone(&self.room).acquire_owned();
        // While the broker is away and the window is full, a stop must end this.
        let permit = tokio::select! {
            permit = room => permit?,
            () = ctx.until_stopped() => {
                ctx.ack_error("stopped while the broker was away");
                return Ok(());
            }
        };
        self.shared.add(ctx, data.as_bytes().to_vec(), permit);
        Ok(())
    }

    fn acks_by_hand(&self) -> bool {
        true
    }

    async fn close(&mut self, _ctx: &SinkContext) -> Result {
        let all = self.room.acquire_many(WINDOW as u32);
        let drained = tokio::time::timeout(LAST_ROWS, all).await.is_ok();
        if let Some(task) = self.task.take() {
            task.abort();
        }
        match drained {
            true => Ok(()),
            false => Err("the broker did not take the last rows in time".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::serde_json::json;
    use ekuiper::{asynchronous, testing};

    #[test]
    fn a_sink_without_a_topic_is_refused() {
        let refused = testing::sink(asynchronous::sink(MqttOut::new)).open();

        assert_eq!(
            refused.unwrap_err().to_string(),
            "configure: no topic: set the property topic"
        );
    }

    #[test]
    fn a_row_that_no_packet_can_hold_is_acked_with_an_error() {
        // Nothing listens on port 1 of the loopback.
        let mut sink = testing::sink(asynchronous::sink(MqttOut::new))
            .config(json!({"topic": "t", "port": 1}))
            .open()
            .unwrap();

        let acks = sink.feed(vec![b'x'; LARGEST_PACKET]);

        let text = "the row has 1048576 bytes".to_owned();
        assert_eq!(acks, [testing::Ack::Error(text)]);
    }
}
