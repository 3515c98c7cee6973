//! A host that goes away and comes back while the plugin's process lives on.
//!
//! Rules: docs/protocol.md, sections 5 and 8.

use std::time::Duration;

use super::error::HostError;
use super::function::Function;
use super::inner::Inner;
use super::sink::Sink;
use super::source::Source;

/// What goes away and comes back with the host: a [`Source`], [`Sink`] or
/// [`Function`].
pub trait Instance: Channels {}

/// The channels of an instance, which the host closes and opens.
pub trait Channels {
    /// Closes them on the host's side.
    fn close(&mut self);

    /// Opens those that the plugin dials.
    fn listen(&mut self) -> Result<(), HostError>;

    /// Dials the one that the plugin listens on.
    fn dial(&mut self) -> Result<(), HostError> {
        Ok(())
    }
}

/// Closes all channels, opens them again after `away`, lets `greet` wait for the
/// plugin, and sends the starts of all that runs.
pub(super) fn go_and_come(
    host: &Inner,
    away: Duration,
    instances: &mut [&mut dyn Instance],
    greet: impl FnOnce() -> Result<(), HostError>,
) -> Result<(), HostError> {
    for instance in instances.iter_mut() {
        instance.close();
    }
    host.close_control();
    std::thread::sleep(away);
    host.reopen_control()?;
    for instance in instances.iter_mut() {
        instance.listen()?;
    }
    greet()?;
    host.restart_rules()?;
    instances
        .iter_mut()
        .try_for_each(|instance| instance.dial())
}

impl Instance for Source {}

impl Channels for Source {
    fn close(&mut self) {
        self.rows.close();
    }

    fn listen(&mut self) -> Result<(), HostError> {
        self.rows.reopen()
    }
}

impl Instance for Sink {}

impl Channels for Sink {
    fn close(&mut self) {
        self.close_data();
        if let Some(acks) = &mut self.acks {
            acks.close();
        }
    }

    fn listen(&mut self) -> Result<(), HostError> {
        match &mut self.acks {
            Some(acks) => acks.reopen(),
            None => Ok(()),
        }
    }

    fn dial(&mut self) -> Result<(), HostError> {
        Self::dial(self)
    }
}

impl Instance for Function {}

impl Channels for Function {
    fn close(&mut self) {
        self.channel.close();
    }

    fn listen(&mut self) -> Result<(), HostError> {
        self.channel.reopen()
    }
}
