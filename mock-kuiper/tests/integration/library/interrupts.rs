//! Interrupts, and the orders that are out when they come.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mock_kuiper::engine::host::{Interrupter, Received};
use mock_kuiper::engine::wire::Command;
use mock_kuiper::{Breach, Event, Host, HostError, Meaning, Observer, What};
use serde_json::json;

use super::common::{LIMIT, builder, orders, plugin};

/// Interrupts the host so often behind each start order, before its answer.
struct AtStart {
    times: u32,
    interrupter: OnceLock<Interrupter>,
}

impl AtStart {
    fn new(times: u32) -> Arc<Self> {
        Arc::new(Self {
            times,
            interrupter: OnceLock::new(),
        })
    }

    fn concerns(&self, host: &Host) {
        self.interrupter.set(host.interrupter()).unwrap();
    }
}

impl Observer for AtStart {
    fn event(&self, event: &Event<'_>) {
        if let What::Message(message) = event.what
            && let Meaning::Order {
                command: Command::Start,
                ..
            } = message.meaning
            && let Some(interrupter) = self.interrupter.get()
        {
            (0..self.times).for_each(|_| interrupter.interrupt());
        }
    }
}

#[test]
fn an_interrupt_waits_for_the_answer_to_an_order_and_ends_the_next_wait() -> Result<(), HostError> {
    let place = plugin(&[]);
    let at_start = AtStart::new(1);
    let host = builder(&place)
        .observer(Arc::clone(&at_start) as _)
        .launch()?;
    at_start.concerns(&host);

    let mut source = host.source("random").start()?;
    let next = source.next(LIMIT);
    source.stop()?;

    assert!(matches!(next, Err(HostError::Interrupted)), "{next:?}");
    assert_eq!(orders(&host), ["start random", "stop random"]);
    Ok(())
}

#[test]
fn nothing_is_started_after_an_interrupt_until_a_wait_has_ended() -> Result<(), HostError> {
    let place = plugin(&[]);
    let host = builder(&place).launch()?;

    host.interrupter().interrupt();
    let interrupted = host.source("random").start();
    let again = host.source("random").start()?;
    again.stop()?;

    let interrupted = interrupted.map(drop);
    assert!(
        matches!(interrupted, Err(HostError::Interrupted)),
        "{interrupted:?}"
    );
    assert_eq!(orders(&host), ["start random", "stop random"]);
    Ok(())
}

#[test]
fn a_second_interrupt_ends_the_wait_for_the_answer_to_an_order() -> Result<(), HostError> {
    let place = plugin(&[]);
    let at_start = AtStart::new(2);
    let host = builder(&place)
        .env("PROBE", "mute=start")
        .answer_timeout(Duration::from_secs(3600))
        .observer(Arc::clone(&at_start) as _)
        .launch()?;
    at_start.concerns(&host);

    let started = host.source("random").start().map(drop);

    assert!(
        matches!(started, Err(HostError::Interrupted)),
        "{started:?}"
    );
    Ok(())
}

#[test]
fn an_interrupt_ends_the_next_wait_for_a_row_although_a_look_has_seen_it() -> Result<(), HostError>
{
    let place = plugin(&[]);
    let host = builder(&place).launch()?;
    let mut source = host
        .source("random")
        .config(json!({"interval": 3_600_000}))
        .start()?;

    host.interrupter().interrupt();
    while !matches!(source.read(Some(Duration::ZERO))?, Received::Woken) {}
    let next = source.next(LIMIT);

    assert!(matches!(next, Err(HostError::Interrupted)), "{next:?}");
    Ok(())
}

#[test]
fn an_interrupt_ends_the_next_wait_for_a_sink_although_acks_were_taken() -> Result<(), HostError> {
    let place = plugin(&[]);
    let host = builder(&place).launch()?;
    let idle = json!({"idle": true});
    let mut sink = host.sink("append").config(idle).start()?;
    sink.send(&json!({"a": 1}))?;

    host.interrupter().interrupt();
    sink.take_acks();
    // An error says that the whole limit has passed.
    sink.wait_read(LIMIT)?;
    host.interrupter().interrupt();
    sink.take_acks();
    let ack = sink.ack(LIMIT).map(drop);

    assert!(matches!(ack, Err(HostError::Interrupted)), "{ack:?}");
    Ok(())
}

#[test]
fn an_interrupt_ends_the_next_call_although_the_channel_is_a_new_one() -> Result<(), HostError> {
    let place = plugin(&["echo"]);
    let host = builder(&place).launch()?;
    let mut echo = host.function("echo")?;

    host.interrupter().interrupt();
    // Closes the channel, and opens another one there.
    echo.breach(Breach::CutFrame)?;
    let called = echo.exec(&[json!({"answer": "silent"})]);

    assert!(matches!(called, Err(HostError::Interrupted)), "{called:?}");
    Ok(())
}
