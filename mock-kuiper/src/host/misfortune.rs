//! What goes wrong in the life of a plugin, on purpose: orders that eKuiper
//! repeats, bytes that are no order at all, senders that vanish.
//!
//! Killing a process and replacing it is in [`Host::kill`] and
//! [`Host::reload`], a host that goes and comes back in [`Host::restart`].
//!
//! Rules: protocol.md sections 5 to 8.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ekuiper_sp::Error;
use rustix::net;
use serde_json::{Map, Value};

use super::breach::{Breach, BreachError};
use super::channel::{Manner, Outgoing};
use super::{Call, Function, Host, HostError, Inner, Instance, Sink, Source};
use crate::event::Meaning;
use crate::go_json::Numbers;
use crate::symbol::{Channel, Meta};
use crate::wire::{self, Command, Context, Order};

/// How long a sink that was stopped may take to close its socket.
const CLOSING: Duration = Duration::from_secs(1);

/// How long the plugin is watched for an answer too many.
const QUIET: Duration = Duration::from_millis(200);

impl Host {
    /// Sends any order, whatever runs, and gives the answer's text: `ok`, or
    /// the plugin's error.
    ///
    /// The host does not note what comes of it. Survival: the order is answered
    /// once, and the plugin goes on.
    ///
    /// # Errors
    ///
    /// [`HostError::NoAnswer`], [`HostError::Crashed`],
    /// [`HostError::BrokenChannel`].
    pub fn order(&self, command: Command, order: &Order) -> Result<String, HostError> {
        order_in(&self.inner, Manner::Plain, command, order)
    }

    /// Sends an order under the id of a request that the plugin has given up,
    /// then the same under the right one, as eKuiper does to a plugin that
    /// greets when it is idle.
    ///
    /// Survival: the plugin's socket drops the first; the order is answered,
    /// and carried out, once.
    ///
    /// # Errors
    ///
    /// [`HostError::AnsweredTwice`], and those of [`order`](Self::order).
    pub fn order_stale(&self, command: Command, order: &Order) -> Result<String, HostError> {
        let answer = order_in(&self.inner, Manner::Stale, command, order)?;
        let second = self.inner.overhear(QUIET);
        match second.map_err(|error| self.inner.note(error))? {
            None => Ok(answer),
            Some(second) => Err(self.inner.note(HostError::AnsweredTwice {
                command: command.name(),
                kind: order.kind,
                symbol: order.symbol.clone(),
                texts: [answer, String::from_utf8_lossy(&second).into_owned()],
            })),
        }
    }

    /// Sends an order and hangs up the control channel before it is answered,
    /// so that the plugin dials again and its greeting comes in the place of
    /// the answer.
    ///
    /// From 2.1.3 on eKuiper sends the order again then; an older one takes the
    /// greeting for the answer, which is what this gives. Survival: the plugin
    /// dials again within the limit, and the order that is sent again is
    /// answered; it may have been carried out before.
    ///
    /// # Errors
    ///
    /// As [`order`](Self::order).
    pub fn order_cut(&self, command: Command, order: &Order) -> Result<String, HostError> {
        order_in(&self.inner, Manner::Cut, command, order)
    }

    /// Sends bytes that are no order, of any length, as one, and gives what the
    /// plugin answers.
    ///
    /// Survival: an error text is the answer, and the plugin goes on.
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
        let order = Order::function("");
        let answer = self.inner.exchange(outgoing, Command::Start, &order, || {});
        answer.map_err(|error| self.inner.note(error))
    }

    /// Looks whether the plugin says something on the control channel that was
    /// not asked for, until `limit` from now; a greeting does not count.
    ///
    /// # Errors
    ///
    /// [`HostError::Crashed`], [`HostError::BrokenChannel`].
    pub fn overhear(&self, limit: Duration) -> Result<Option<Vec<u8>>, HostError> {
        let heard = self.inner.overhear(limit);
        heard.map_err(|error| self.inner.note(error))
    }

    /// Closes the channels of an instance and opens them again at once, with no
    /// order behind it.
    ///
    /// Survival: the plugin dials those again that it dials, and listens on.
    ///
    /// # Errors
    ///
    /// [`HostError::NotListening`], and trouble of ours.
    pub fn hang_up(&self, instance: &mut dyn Instance) -> Result<(), HostError> {
        instance.close();
        instance.listen()?;
        instance.dial()
    }

    /// Closes the control channel while no order is on its way, opens it again
    /// at once, and waits until the plugin is back.
    ///
    /// Survival: the plugin dials again and says something, its greeting or its
    /// last answer, and the next order is answered.
    ///
    /// # Errors
    ///
    /// [`HostError::NoGreeting`] where it does not come back,
    /// [`HostError::Crashed`], and trouble of ours.
    pub fn hang_up_control(&self) -> Result<(), HostError> {
        self.inner.reopen_control()?;
        self.inner.wait_greeting_again()
    }

    /// Has the host wait for so long before each message that it sends, and
    /// before each row and ack that it reads, until it is told otherwise;
    /// [`Duration::ZERO`] is the usual.
    ///
    /// Survival: everything takes longer, and nothing is lost.
    pub fn set_delay(&self, delay: Duration) {
        self.inner.shared.set_delay(delay);
    }

    /// Leaves a socket file that nobody answers on where a sink is going to
    /// listen, as a killed process does.
    ///
    /// Survival: a sink that is started there removes it and listens.
    ///
    /// # Errors
    ///
    /// [`HostError::AddressKept`] where somebody still listens, e.g. a sink that
    /// was stopped; [`HostError::System`].
    pub fn leave_stale_file(&self, meta: &Meta) -> Result<(), HostError> {
        let file = self.inner.shared.file(&Channel::sink(meta));
        self.inner.note_file(file.clone());
        let deadline = Instant::now() + CLOSING;
        loop {
            let Err(source) = leave_file(&file) else {
                return Ok(());
            };
            if source.kind() != io::ErrorKind::AddrInUse {
                return Err(self.inner.note(HostError::System {
                    doing: "leave a stale socket file",
                    source,
                }));
            }
            if UnixStream::connect(&file).is_err() {
                // The sink itself has left one, or is about to remove it.
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.inner.note(HostError::AddressKept { file }));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Breaks the transport's protocol on the control channel: the host stops
    /// to listen there, lets the plugin come to a plain socket, and after that
    /// to itself again.
    ///
    /// Survival: the plugin dials again, greets, and the next order is
    /// answered.
    ///
    /// # Errors
    ///
    /// [`HostError::NotDialed`] where the plugin does not come to the plain
    /// socket, [`HostError::NoGreeting`] where it does not come back, and
    /// [`HostError::Crashed`].
    pub fn breach(&self, breach: Breach) -> Result<(), HostError> {
        self.inner.breach_control(breach)
    }
}

/// Binds a socket and drops it: only its file stays.
///
/// It never listens: a process that is forked meanwhile has it too, and the sink
/// would find somebody there.
fn leave_file(file: &Path) -> io::Result<()> {
    let cloexec = net::SocketFlags::CLOEXEC;
    let (family, stream) = (net::AddressFamily::UNIX, net::SocketType::STREAM);
    let socket = net::socket_with(family, stream, cloexec, None)?;
    net::bind(&socket, &net::SocketAddrUnix::new(file)?)?;
    Ok(())
}

/// The second start of an instance, which a crash's replay and the restarting
/// rule both send.
fn start_again(
    host: &Inner,
    order: &mut Order,
    config: Option<Map<String, Value>>,
) -> Result<(), HostError> {
    let before = order.clone();
    if let Some(config) = config {
        order.config.extend(config);
    }
    host.start_again(&before, order)
}

/// Sends an order, and gives the answer's text.
fn order_in(
    host: &Inner,
    manner: Manner,
    command: Command,
    order: &Order,
) -> Result<String, HostError> {
    let answer = host.send_order(command, order, manner, || {});
    let answer = answer.map_err(|error| host.note(error))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

impl Source {
    /// Sends the stop of this instance, and leaves the channel open, so that
    /// what was on its way is read; gives the answer. eKuiper closes it just
    /// behind the order where it does not before.
    ///
    /// Survival: `ok`, and no row is sent after it.
    ///
    /// # Errors
    ///
    /// As [`Host::order`].
    pub fn order_stop(&mut self) -> Result<String, HostError> {
        self.rows.allow_cut();
        order_in(&self.host, Manner::Plain, Command::Stop, &self.order)
    }

    /// Sends the start of this running instance once more.
    ///
    /// Survival: `ok`, and rows are neither doubled nor lost.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn start_again(&mut self) -> Result<(), HostError> {
        self.rows.allow_cut();
        start_again(&Arc::clone(&self.host), &mut self.order, None)
    }

    /// Sends the start of this running instance with other properties.
    ///
    /// Survival: the old one is stopped, and rows come as the new ones say.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn start_with(&mut self, properties: Map<String, Value>) -> Result<(), HostError> {
        self.rows.allow_cut();
        start_again(&Arc::clone(&self.host), &mut self.order, Some(properties))
    }

    /// Breaks the transport's protocol on the source's channel: the host stops
    /// to listen there, lets the source come to a plain socket, and after that
    /// to itself again. Rows that it sends to the plain socket are lost.
    ///
    /// Survival: the source dials again, and its rows come.
    ///
    /// # Errors
    ///
    /// [`HostError::NotDialed`] where the source does not come to the plain
    /// socket, and [`HostError::Crashed`].
    pub fn breach(&mut self, breach: Breach) -> Result<(), HostError> {
        let played = self.rows.breach(breach, self.host.answer_limit);
        let failed = |error| self.host.breached(self.rows.channel(), error);
        played.map_err(|error| self.host.note(failed(error)))
    }
}

impl Sink {
    /// Sends the start of this running instance once more.
    ///
    /// Survival: `ok`, and rows are taken as before.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn start_again(&mut self) -> Result<(), HostError> {
        start_again(&Arc::clone(&self.host), &mut self.order, None)
    }

    /// Sends the start of this running instance with other properties.
    ///
    /// Survival: the old one is stopped, and the new one takes the rows.
    ///
    /// # Errors
    ///
    /// Those of an order, and of [`redial`](Self::redial).
    pub fn start_with(&mut self, properties: Map<String, Value>) -> Result<(), HostError> {
        // The old one's connection would dial the new one beside ours.
        self.close_data();
        start_again(&Arc::clone(&self.host), &mut self.order, Some(properties))?;
        self.dial()
    }

    /// Hangs up, and dials the sink again.
    ///
    /// Survival: the sink listens on, and takes rows from the new sender.
    ///
    /// # Errors
    ///
    /// [`HostError::NotListening`].
    pub fn redial(&mut self) -> Result<(), HostError> {
        self.close_data();
        self.dial()
    }

    /// Breaks the transport's protocol on the sink's channels: as a second
    /// sender beside the host, and on its ack channel, where it has one, as
    /// [`Source::breach`] does.
    ///
    /// Survival: the sink listens on, rows are taken, and acknowledged.
    ///
    /// # Errors
    ///
    /// [`HostError::NotListening`], [`HostError::NotDialed`] where the sink does
    /// not come to its ack channel, and [`HostError::Crashed`].
    pub fn breach(&mut self, breach: Breach) -> Result<(), HostError> {
        self.host.check_alive()?;
        let host = Arc::clone(&self.host);
        if let Err(error) = breach.to_listener(&self.channel, &host.shared) {
            return Err(host.note(match error {
                BreachError::System(source) => self.not_listening(Error::Io {
                    doing: "connect to",
                    path: host.shared.file(&self.channel),
                    source,
                }),
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

impl Function {
    /// Sends bytes that are no request, of any length, as one, and gives what
    /// the function answers.
    ///
    /// Survival: `state` is false, and the next call is answered.
    ///
    /// # Errors
    ///
    /// [`HostError::NoReply`], [`HostError::Crashed`],
    /// [`HostError::BrokenChannel`].
    pub fn request_bytes(&mut self, bytes: &[u8]) -> Result<Vec<u8>, HostError> {
        self.exchange("a request of any bytes", bytes, true)
    }

    /// Sends a call under the id of a request that the plugin has given up, then
    /// another one under the right id, and gives what the latter comes to.
    ///
    /// Survival: the plugin's socket drops the first; the second is answered,
    /// with its own result.
    ///
    /// # Errors
    ///
    /// Those of [`exec_in`](Self::exec_in).
    pub fn exec_after_stale(
        &mut self,
        context: &Context,
        stale: &[Value],
        args: &[Value],
    ) -> Result<Call, HostError> {
        let mut request = Vec::new();
        wire::exec(&mut request, stale, context, Numbers::Exact);
        self.send_stale(&request)?;
        self.exec_in(context, args)
    }

    /// Looks whether the function says something that was not asked for, until
    /// `limit` from now; a greeting does not count.
    ///
    /// # Errors
    ///
    /// [`HostError::Crashed`], [`HostError::BrokenChannel`].
    pub fn overhear(&mut self, limit: Duration) -> Result<Option<Vec<u8>>, HostError> {
        let heard = self.channel.overhear(limit);
        heard.map_err(|failure| self.failed("what was asked before", failure))
    }

    /// Breaks the transport's protocol on the function's channel, as
    /// [`Host::breach`] does on the control channel.
    ///
    /// Survival: the function dials again, and the next call is answered.
    ///
    /// # Errors
    ///
    /// [`HostError::NotDialed`] where the function does not come to the plain
    /// socket, and [`HostError::Crashed`].
    pub fn breach(&mut self, breach: Breach) -> Result<(), HostError> {
        let played = self.channel.breach(breach, self.host.answer_limit);
        let failed = |error| self.host.breached(self.channel.channel(), error);
        played.map_err(|error| self.host.note(failed(error)))
    }
}
