//! The steps that faults are made of: orders that eKuiper repeats, bytes that
//! are not an order, senders that vanish.
//!
//! Killing and replacing a process is in [`Host::kill`] and [`Host::reload`], a
//! host that goes away and comes back in [`Host::restart`].
//!
//! Rules: docs/protocol.md, sections 5 to 8.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net;
use serde_json::{Map, Value};

use super::Host;
use super::breach::{BreachError, play_to_listener};
use super::channel::{Manner, Outgoing};
use super::error::HostError;
use super::function::{Function, Reply};
use super::inner::Inner;
use super::restart::Instance;
use super::sink::Sink;
use super::source::Source;
use crate::breach::Breach;
use crate::event::Meaning;
use crate::finding::{Finding, Observed};
use crate::go_json::Numbers;
use crate::symbol::{Channel, Kind, Meta};
use crate::wire::{self, Command, Context, Order};

/// How long a sink that was stopped may take to close its socket.
const CLOSING: Duration = Duration::from_secs(1);

/// How long the host waits for a second answer.
const QUIET: Duration = Duration::from_millis(200);

impl Host {
    /// Sends any order, whatever runs, and returns the answer's text: `ok`, or
    /// the plugin's error. The host does not note what is started or stopped.
    ///
    /// The plugin survives if it answers once and goes on.
    ///
    /// # Errors
    ///
    /// A finding if there is no answer in time, or if the plugin exits or breaks
    /// the transport's protocol.
    pub fn order(&self, command: Command, order: &Order) -> Result<String, HostError> {
        order_in(&self.inner, Manner::Plain, command, order)
    }

    /// Sends an order under the id of a request that the plugin has given up,
    /// then under the right id, as eKuiper does to a plugin that greets when it
    /// is idle.
    ///
    /// The plugin survives if its socket drops the first, so that the order is
    /// carried out and answered once.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::OrderAnsweredTwice`](crate::Code::OrderAnsweredTwice),
    /// and those of [`order`](Self::order).
    pub fn order_stale(&self, command: Command, order: &Order) -> Result<String, HostError> {
        let answer = order_in(&self.inner, Manner::Stale, command, order)?;
        let Some(second) = self.inner.overhear(QUIET)? else {
            return Ok(answer);
        };
        let finding = Finding::new(Observed::OrderAnsweredTwice {
            command,
            texts: [answer, String::from_utf8_lossy(&second).into_owned()],
        });
        let finding = finding.of(order.kind, &order.symbol);
        Err(self.inner.note(finding.into()))
    }

    /// Sends an order and closes the control channel before it is answered, so
    /// that the plugin dials again and a greeting arrives instead of the answer.
    ///
    /// From 2.1.3 on eKuiper then sends the order again. An older release takes
    /// the greeting for the answer, which this method returns. The plugin
    /// survives if it dials again within the limit and answers the repeated
    /// order; it may have carried it out before.
    ///
    /// # Errors
    ///
    /// As [`order`](Self::order).
    pub fn order_cut(&self, command: Command, order: &Order) -> Result<String, HostError> {
        order_in(&self.inner, Manner::Cut, command, order)
    }

    /// Sends any bytes as an order, and returns the answer's bytes.
    ///
    /// The plugin survives if it answers with an error text and goes on.
    ///
    /// # Errors
    ///
    /// As [`order`](Self::order).
    pub fn order_bytes(&self, bytes: &[u8]) -> Result<Vec<u8>, HostError> {
        let outgoing = Outgoing {
            bytes,
            meaning: Meaning::Raw,
            manner: Manner::Plain,
        };
        self.inner.answer_to_bytes(outgoing, || {})
    }

    /// Waits at most `limit` for a message on the control channel that nobody
    /// asked for, and returns it. Greetings are skipped.
    ///
    /// # Errors
    ///
    /// A finding if the plugin exits or breaks the transport's protocol.
    pub fn overhear(&self, limit: Duration) -> Result<Option<Vec<u8>>, HostError> {
        self.inner.overhear(limit)
    }

    /// Closes the channels of an instance and opens them again at once, without
    /// an order.
    ///
    /// The plugin survives if it dials again, or goes on listening.
    ///
    /// # Errors
    ///
    /// A finding if a sink does not listen, and [`HostError::System`].
    pub fn hang_up(&self, instance: &mut dyn Instance) -> Result<(), HostError> {
        instance.close();
        instance.listen()?;
        instance.dial()
    }

    /// Closes the control channel while no order is under way, opens it again at
    /// once, and waits until the plugin is back.
    ///
    /// The plugin survives if it dials again and sends its greeting or its last
    /// answer, and then answers the next order.
    ///
    /// # Errors
    ///
    /// A finding if the plugin does not come back or exits, and
    /// [`HostError::System`].
    pub fn hang_up_control(&self) -> Result<(), HostError> {
        self.inner.reopen_control()?;
        self.inner.wait_next_greeting()
    }

    /// Makes the host wait before each message that it sends, and before each row
    /// and ack that it reads. [`Duration::ZERO`] ends this.
    ///
    /// The plugin survives if everything takes longer and nothing is lost.
    pub fn set_delay(&self, delay: Duration) {
        self.inner.shared.set_delay(delay);
    }

    /// Leaves a socket file that nobody answers on at a sink's address, as a
    /// killed process does.
    ///
    /// The plugin survives if a sink that is started there removes the file and
    /// listens.
    ///
    /// # Errors
    ///
    /// A finding if a sink that was stopped still listens there, and
    /// [`HostError::System`].
    pub fn leave_stale_file(&self, meta: &Meta) -> Result<(), HostError> {
        let file = self.inner.shared.file(&Channel::sink(meta));
        self.inner.note_file(file.clone());
        let deadline = Instant::now() + CLOSING;
        loop {
            let Err(source) = leave_file(&file) else {
                return Ok(());
            };
            if source.kind() != io::ErrorKind::AddrInUse {
                let error = HostError::io("leave a stale socket file", source);
                return Err(self.inner.note(error));
            }
            if UnixStream::connect(&file).is_err() {
                // The sink has left one itself, or is about to remove it.
                return Ok(());
            }
            if Instant::now() >= deadline {
                let finding = Finding::new(Observed::StillListening { file });
                let action = meta.op_id.rsplit_once('_');
                let symbol = action.map_or(&*meta.op_id, |(symbol, _)| symbol);
                let finding = finding.of(Kind::Sink, symbol).at(meta);
                return Err(self.inner.note(finding.into()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Breaks the transport's protocol on the control channel: a plain socket
    /// replaces the host's until the plugin has dialed it.
    ///
    /// The plugin survives if it dials again, greets, and answers the next order.
    ///
    /// # Errors
    ///
    /// A finding if the plugin does not dial the plain socket, does not come
    /// back, or exits.
    pub fn breach(&self, breach: Breach) -> Result<(), HostError> {
        self.inner.breach_control(breach)
    }
}

/// Binds a socket and drops it, so that only its file is left.
///
/// The socket never listens: a process that is forked at this moment inherits
/// it, and the sink would find somebody there.
fn leave_file(file: &Path) -> io::Result<()> {
    let cloexec = net::SocketFlags::CLOEXEC;
    let (family, stream) = (net::AddressFamily::UNIX, net::SocketType::STREAM);
    let socket = net::socket_with(family, stream, cloexec, None)?;
    net::bind(&socket, &net::SocketAddrUnix::new(file)?)?;
    Ok(())
}

/// Sends an order, and returns the answer's text.
fn order_in(
    host: &Inner,
    manner: Manner,
    command: Command,
    order: &Order,
) -> Result<String, HostError> {
    let answer = host.answer_to(command, order, manner, || {})?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

impl Source {
    /// Sends the stop of this instance, leaves the channel open so that its last
    /// rows can be read, and returns the answer. eKuiper closes the channel
    /// shortly before or after the order.
    ///
    /// The plugin survives if it answers `ok` and sends no row after that.
    ///
    /// # Errors
    ///
    /// As [`Host::order`].
    pub fn order_stop(&mut self) -> Result<String, HostError> {
        self.rows.allow_cut();
        order_in(&self.host, Manner::Plain, Command::Stop, &self.order)
    }

    /// Sends the start of this running instance once more, as a crash's replay
    /// and the restarting rule both do.
    ///
    /// The plugin survives if it answers `ok` and neither doubles nor loses rows.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn start_again(&mut self) -> Result<(), HostError> {
        self.rows.allow_cut();
        self.host.send_start_again(&mut self.order, Map::new())
    }

    /// Sends the start of this running instance with other properties.
    ///
    /// The plugin survives if it stops the old instance and sends rows as the new
    /// properties say.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn start_with(&mut self, properties: Map<String, Value>) -> Result<(), HostError> {
        self.rows.allow_cut();
        self.host.send_start_again(&mut self.order, properties)
    }

    /// Breaks the transport's protocol on the source's channel: a plain socket
    /// replaces the host's until the source has dialed it. Rows that it sends to
    /// the plain socket are lost.
    ///
    /// The plugin survives if the source dials again and sends rows.
    ///
    /// # Errors
    ///
    /// A finding if the source does not dial the plain socket, or if the plugin
    /// exits.
    pub fn breach(&mut self, breach: Breach) -> Result<(), HostError> {
        let played = self.rows.breach(breach, self.host.answer_limit);
        let failed = |error| self.host.breached(self.rows.channel(), error);
        played.map_err(|error| self.host.note(failed(error)))
    }
}

impl Sink {
    /// Sends the start of this running instance once more.
    ///
    /// The plugin survives if it answers `ok` and takes rows as before.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn start_again(&mut self) -> Result<(), HostError> {
        self.host.send_start_again(&mut self.order, Map::new())
    }

    /// Sends the start of this running instance with other properties.
    ///
    /// The plugin survives if it stops the old instance and the new one takes
    /// rows.
    ///
    /// # Errors
    ///
    /// Those of an order, and of [`redial`](Self::redial).
    pub fn start_with(&mut self, properties: Map<String, Value>) -> Result<(), HostError> {
        // The old connection would dial the new instance as well.
        self.close_data();
        self.host.send_start_again(&mut self.order, properties)?;
        self.dial()
    }

    /// Hangs up, and dials the sink again.
    ///
    /// The plugin survives if the sink goes on listening and takes rows from the
    /// new sender.
    ///
    /// # Errors
    ///
    /// A finding if the sink does not listen.
    pub fn redial(&mut self) -> Result<(), HostError> {
        self.close_data();
        self.dial()
    }

    /// Breaks the transport's protocol on the sink's channels: as a second sender
    /// on its data channel, and on its ack channel, if it has one, as
    /// [`Source::breach`] does.
    ///
    /// The plugin survives if the sink goes on listening, takes rows and
    /// acknowledges them.
    ///
    /// # Errors
    ///
    /// A finding if the sink does not listen or does not dial its ack channel,
    /// or if the plugin exits.
    pub fn breach(&mut self, breach: Breach) -> Result<(), HostError> {
        self.host.check_alive()?;
        let host = Arc::clone(&self.host);
        if let Err(error) = play_to_listener(breach, &self.channel, &host.shared) {
            return Err(host.note(match error {
                BreachError::System(source) => self
                    .about(Observed::NotListening {
                        cause: source.to_string(),
                    })
                    .into(),
                other => host.breached(&self.channel, other),
            }));
        }
        let Some(acks) = &mut self.acks else {
            return Ok(());
        };
        let played = acks.breach(breach, host.answer_limit);
        played.map_err(|error| host.note(host.breached(acks.channel(), error)))
    }
}

impl Inner {
    /// Makes the error for a breach that could not be played.
    pub(super) fn breached(&self, channel: &Channel, error: BreachError) -> HostError {
        match error {
            BreachError::NotDialed => Finding::new(Observed::NotDialed {
                limit: self.answer_limit,
            })
            .on(channel)
            .into(),
            BreachError::Exited => self.exited(),
            BreachError::Host(error) => error,
            BreachError::System(source) => HostError::io("listen on a plain socket", source),
        }
    }
}

impl Function {
    /// Sends any bytes as a request, and returns the answer's bytes.
    ///
    /// The plugin survives if `state` is false and the next call is answered.
    ///
    /// # Errors
    ///
    /// A finding if there is no answer in time, or if the plugin exits or breaks
    /// the transport's protocol.
    pub fn request_bytes(&mut self, bytes: &[u8]) -> Result<Vec<u8>, HostError> {
        self.answer_to("a request of any bytes", bytes, Meaning::Raw)
    }

    /// Sends a call under the id of a request that the plugin has given up, then
    /// another call under the right id, and returns the answer to the latter.
    ///
    /// The plugin survives if its socket drops the first and the second is
    /// answered with its own result.
    ///
    /// # Errors
    ///
    /// Those of [`call`](Self::call).
    pub fn call_after_stale(
        &mut self,
        context: &Context,
        stale: &[Value],
        args: &[Value],
    ) -> Result<Reply, HostError> {
        let mut request = Vec::new();
        wire::exec(&mut request, stale, context, Numbers::Exact);
        self.send_stale(&request)?;
        self.call(context, args)
    }

    /// Waits at most `limit` for a message of the function that nobody asked for,
    /// and returns it. Greetings are skipped.
    ///
    /// # Errors
    ///
    /// A finding if the plugin exits or breaks the transport's protocol.
    pub fn overhear(&mut self, limit: Duration) -> Result<Option<Vec<u8>>, HostError> {
        let heard = self.channel.overhear(limit);
        heard.map_err(|failure| self.error("what was asked before", failure))
    }

    /// Breaks the transport's protocol on the function's channel, as
    /// [`Host::breach`] does on the control channel.
    ///
    /// The plugin survives if the function dials again and answers the next call.
    ///
    /// # Errors
    ///
    /// A finding if the function does not dial the plain socket, or if the plugin
    /// exits.
    pub fn breach(&mut self, breach: Breach) -> Result<(), HostError> {
        let played = self.channel.breach(breach, self.host.answer_limit);
        let failed = |error| self.host.breached(self.channel.channel(), error);
        played.map_err(|error| self.host.note(failed(error)))
    }
}
