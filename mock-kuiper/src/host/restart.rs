//! A host that goes away and comes back while the plugin's process lives on.
//!
//! Rules: protocol.md sections 5 and 8.

use std::time::Duration;

use super::{Function, Host, HostError, Sink, Source};

/// What goes and comes back with the host: a [`Source`], [`Sink`] or
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

impl Host {
    /// Closes the control channel and those of `instances` at once, as a host
    /// that is killed does; opens them again after `away`, waits for the
    /// plugin's greeting, and sends the start orders of all that runs.
    ///
    /// The process lives through it. Survival: it dials and greets again,
    /// answers the starts of what it runs already with `ok`, rows go on
    /// without being doubled, and calls are answered.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), mock_kuiper::HostError> {
    /// # let host = mock_kuiper::Host::builder().plugin("mirror").launch()?;
    /// use std::time::Duration;
    ///
    /// let mut random = host.source("random").start()?;
    /// let mut echo = host.function("echo")?;
    /// host.restart(Duration::from_secs(1), &mut [&mut random, &mut echo])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`HostError::NoGreeting`] where the plugin does not come back, those of
    /// an order, and [`HostError::AddressInUse`].
    pub fn restart(
        &self,
        away: Duration,
        instances: &mut [&mut dyn Instance],
    ) -> Result<(), HostError> {
        self.go_and_come(away, instances, || self.inner.wait_greeting_again())
    }

    /// Begins anew with a new process and new channels, whatever became of the
    /// old ones: all that runs is started in it, on any release.
    ///
    /// # Errors
    ///
    /// Those of a launch, of a greeting, and of an order.
    pub fn renew(&self, instances: &mut [&mut dyn Instance]) -> Result<(), HostError> {
        self.inner.kill();
        self.go_and_come(Duration::ZERO, instances, || self.inner.relaunch())
    }

    fn go_and_come(
        &self,
        away: Duration,
        instances: &mut [&mut dyn Instance],
        greet: impl FnOnce() -> Result<(), HostError>,
    ) -> Result<(), HostError> {
        for instance in instances.iter_mut() {
            instance.close();
        }
        self.inner.close_control();
        std::thread::sleep(away);
        self.inner.reopen_control()?;
        for instance in instances.iter_mut() {
            instance.listen()?;
        }
        greet()?;
        self.inner.start_all_again()?;
        instances
            .iter_mut()
            .try_for_each(|instance| instance.dial())
    }
}

impl Instance for Source {}

impl Channels for Source {
    fn close(&mut self) {
        self.rows.close();
    }

    fn listen(&mut self) -> Result<(), HostError> {
        let opened = self.rows.reopen();
        opened.map_err(|error| HostError::transport(self.rows.channel(), error))
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
        let Some(acks) = &mut self.acks else {
            return Ok(());
        };
        let opened = acks.reopen();
        opened.map_err(|error| HostError::transport(acks.channel(), error))
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
        let opened = self.channel.reopen();
        opened.map_err(|error| HostError::transport(self.channel.channel(), error))
    }
}
