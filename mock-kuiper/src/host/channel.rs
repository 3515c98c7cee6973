//! Control and function channels: the plugin is the requester, and the host's
//! orders are the replies.
//!
//! The plugin's first request is a greeting. The host's first order is the
//! reply to it, and the plugin's answer to the order is its next request.
//!
//! Rules: docs/protocol.md, sections 4 and 5.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, ProtocolError};

use super::attachment::Attachment;
use super::breach::{BreachError, play_to_dialer};
use super::error::HostError;
use super::exit::Exit;
use super::failure::{Failure, transport_error};
use super::presence::Peers;
use super::shared::{Registered, Shared};
use crate::breach::Breach;
use crate::event::{Meaning, Message, What};
use crate::symbol::{Channel, Purpose, Side};
use crate::transport::Rep;
use crate::wire::OrderAnswer;

/// How long the host waits for the process to exit after its connection was
/// lost. The kernel closes the sockets of a process before its exit is reported.
pub(super) const DYING: Duration = Duration::from_millis(500);

/// On whose behalf a channel is read. A thread of the host itself leaves interrupts
/// to the caller, and gives the channel to the caller that wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// The caller of the host.
    Caller,
    /// The host, which waits for a plugin to connect and greet.
    Listener,
    /// The host, which sends a new plugin the orders of all that runs.
    Replayer,
}

/// How an order is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As the reply to the plugin's last message.
    Plain,
    /// First under an id that the plugin has given up, then as the reply.
    Stale,
    /// As the reply, after which the connection is closed.
    Cut,
}

/// An order or a request to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) meaning: Meaning<'a>,
    pub(crate) manner: Manner,
}

/// The host's end of a request channel.
#[derive(Debug)]
pub(crate) struct RequestChannel {
    channel: Channel,
    /// The function's name; of a control channel empty.
    function: String,
    /// `None` while the channel is closed.
    socket: Option<Socket>,
    /// The peers of the socket that was opened last.
    peers: Arc<Peers>,
    /// The process that sent the last message.
    heard: Arc<Exit>,
    /// On whose behalf the channel is read.
    pub(super) reader: Reader,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Socket {
    rep: Rep,
    _registered: Registered,
}

impl Socket {
    fn listen(
        channel: &Channel,
        shared: &Arc<Shared>,
        peers: &Arc<Peers>,
    ) -> Result<Self, HostError> {
        let url = shared.url(channel);
        let rep = patiently(|| {
            let mut options = shared.options(channel);
            peers.watch(&mut options);
            Rep::listen(shared.backend, &url, options)
        })
        .map_err(|error| transport_error(channel, error))?;
        Ok(Self {
            _registered: shared.register(rep.waker()),
            rep,
        })
    }
}

impl RequestChannel {
    /// Listens where `channel` is.
    ///
    /// An address in use is tried 5 more times, 100 ms apart, as eKuiper does.
    pub(crate) fn open(
        channel: Channel,
        function: &str,
        shared: &Arc<Shared>,
    ) -> Result<Self, HostError> {
        let peers = Arc::default();
        Ok(Self {
            socket: Some(Socket::listen(&channel, shared, &peers)?),
            peers,
            channel,
            function: function.to_owned(),
            heard: shared.exit(),
            reader: Reader::Caller,
            shared: Arc::clone(shared),
        })
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(crate) fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Stops listening, and removes the socket's file.
    pub(crate) fn close(&mut self) {
        if self.socket.take().is_some() {
            self.shared.tell(What::Closed {
                channel: &self.channel,
                from: Side::Host,
            });
        }
    }

    /// Listens again where the channel was closed.
    pub(crate) fn reopen(&mut self) -> Result<(), HostError> {
        self.close();
        self.peers = Arc::default();
        self.socket = Some(Socket::listen(&self.channel, &self.shared, &self.peers)?);
        Ok(())
    }

    /// Breaks the transport's protocol on a plain socket that replaces the
    /// host's for a moment.
    pub(crate) fn breach(&mut self, breach: Breach, limit: Duration) -> Result<(), BreachError> {
        self.close();
        let played = play_to_dialer(breach, &self.channel, &self.shared, limit);
        self.reopen()?;
        played
    }

    /// Waits for one message, whatever it says: the greeting.
    pub(crate) fn wait_greeting(&mut self, limit: Duration) -> Result<(), Failure> {
        let deadline = Instant::now().checked_add(limit);
        let greeting = self.receive(deadline)?;
        self.tell(Side::Plugin, &greeting, Meaning::Greeting);
        Ok(())
    }

    /// Sends an order or a request, and waits for its answer.
    ///
    /// `limit` counts from the call. With `regreet` a message that begins with
    /// `h` is a greeting, and the order is sent again; otherwise it is the
    /// answer. `sent` is called once the order is sent.
    pub(crate) fn round_trip(
        &mut self,
        order: Outgoing<'_>,
        limit: Duration,
        regreet: bool,
        sent: impl FnOnce(),
    ) -> Result<Vec<u8>, Failure> {
        let deadline = Instant::now().checked_add(limit);
        if order.manner == Manner::Stale {
            self.send_stale(order.bytes, limit)?;
        }
        self.reply(order.bytes, order.meaning, deadline, Rep::send)?;
        let mut asked = self.shared.exit();
        sent();
        if order.manner == Manner::Cut {
            self.hang_up();
        }
        loop {
            let answer = self.receive(deadline)?;
            // A plugin that is started again in a debugger has not seen the order.
            let is_new = self.shared.is_attached() && !Arc::ptr_eq(&asked, &self.heard);
            if (regreet || is_new) && answer.first() == Some(&b'h') {
                self.tell(Side::Plugin, &answer, Meaning::Greeting);
                in_time(deadline)?;
                self.reply(order.bytes, order.meaning, deadline, Rep::send)?;
                asked = self.shared.exit();
                continue;
            }
            let meaning = match self.channel.purpose() {
                Purpose::Function => Meaning::Reply {
                    function: &self.function,
                },
                _ => Meaning::Answer(OrderAnswer::parse(&answer)),
            };
            self.tell(Side::Plugin, &answer, meaning);
            return Ok(answer);
        }
    }

    /// Sends `bytes` under an id that the plugin has given up.
    pub(crate) fn send_stale(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Failure> {
        let deadline = Instant::now().checked_add(limit);
        self.reply(bytes, Meaning::Stale, deadline, Rep::send_stale)
    }

    /// Waits at most `limit` for a message that nobody asked for, and returns
    /// it. Greetings are skipped.
    pub(crate) fn overhear(&mut self, limit: Duration) -> Result<Option<Vec<u8>>, Failure> {
        let deadline = Instant::now().checked_add(limit);
        loop {
            match self.receive(deadline) {
                Ok(message) if message.first() == Some(&b'h') => {
                    self.tell(Side::Plugin, &message, Meaning::Greeting);
                    if in_time(deadline).is_err() {
                        return Ok(None);
                    }
                }
                Ok(message) => {
                    self.tell(Side::Plugin, &message, Meaning::Late);
                    return Ok(Some(message));
                }
                Err(Failure::TimedOut) => return Ok(None),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Closes the plugin's connection; the plugin may dial again.
    fn hang_up(&mut self) {
        if let Some(socket) = &mut self.socket {
            socket.rep.disconnect();
            self.shared.tell(What::Closed {
                channel: &self.channel,
                from: Side::Host,
            });
        }
    }

    /// Sends an order as the reply to the plugin's last message.
    ///
    /// If the plugin has sent nothing since its last answer, one message is
    /// read and dropped first, as eKuiper does.
    fn reply(
        &mut self,
        order: &[u8],
        meaning: Meaning<'_>,
        deadline: Option<Instant>,
        write: impl Fn(&mut Rep, &[u8], Option<Duration>) -> Result<(), Error>,
    ) -> Result<(), Failure> {
        self.shared.dawdle();
        loop {
            let under_way = self.shared.sending();
            let sent = match &mut self.socket {
                Some(socket) => write(&mut socket.rep, order, left(deadline)),
                None => Err(Error::Closed),
            };
            let error = match sent {
                Ok(()) => {
                    self.tell(Side::Host, order, meaning);
                    return Ok(());
                }
                Err(error) => error,
            };
            drop(under_way);
            match error {
                Error::WrongState => {
                    let message = self.receive(deadline)?;
                    let meaning = match message.first() {
                        Some(b'h') => Meaning::Greeting,
                        _ => Meaning::Late,
                    };
                    self.tell(Side::Plugin, &message, meaning);
                }
                error => self.look_into(error)?,
            }
            in_time(deadline)?;
        }
    }

    /// Waits for a message. Once the process has exited, only what it had sent
    /// before is received.
    fn receive(&mut self, deadline: Option<Instant>) -> Result<Vec<u8>, Failure> {
        loop {
            // The wake-up may have ended a wait before, or came before the socket.
            if self.reader == Reader::Caller && self.shared.take_interrupt() {
                return Err(Failure::Interrupted);
            }
            let has_ended = self.shared.has_crashed();
            let limit = match has_ended {
                true => Some(Duration::ZERO),
                false => left(deadline),
            };
            let received = match &mut self.socket {
                Some(socket) => socket.rep.recv(limit),
                None => Err(Error::Closed),
            };
            match received {
                Ok(body) => {
                    let message = body.to_vec();
                    self.heard = self.shared.exit();
                    if let Some(attachment) = self.shared.attachment()
                        && self.channel.purpose() == Purpose::Control
                    {
                        attachment.note_message();
                    }
                    return Ok(message);
                }
                Err(Error::TimedOut) if has_ended => return Err(Failure::Exited),
                Err(error) => self.look_into(error)?,
            }
            in_time(deadline)?;
        }
    }

    fn tell(&self, from: Side, body: &[u8], meaning: Meaning<'_>) {
        let id = match (&self.socket, meaning) {
            // Nobody has asked under it.
            (_, Meaning::Stale) | (None, _) => None,
            (Some(socket), _) => socket.rep.request_id(),
        };
        self.shared.tell(What::Message(Message {
            channel: &self.channel,
            from,
            id,
            body,
            meaning,
        }));
    }

    /// Finds out why a wait ended; `Ok` means that it goes on.
    fn look_into(&self, error: Error) -> Result<(), Failure> {
        if let Some(attachment) = self.shared.attachment() {
            return self.look_into_attached(error, attachment);
        }
        // It may be the connection of a process that has been replaced.
        let is_current = Arc::ptr_eq(&self.heard, &self.shared.exit());
        let dying = match error {
            Error::Disconnected | Error::Protocol(ProtocolError::Truncated { .. })
                if is_current =>
            {
                DYING
            }
            Error::Woken | Error::Disconnected => Duration::ZERO,
            Error::Protocol(ProtocolError::Truncated { .. }) => return Ok(()),
            Error::TimedOut => return Err(Failure::TimedOut),
            other => return Err(Failure::Host(transport_error(&self.channel, other))),
        };
        if self.shared.crashes_within(dying) {
            return Err(Failure::Exited);
        }
        if let Error::Protocol(_) = error {
            return Err(Failure::Host(transport_error(&self.channel, error)));
        }
        if self.shared.take_interrupt() {
            return Err(Failure::Interrupted);
        }
        Ok(())
    }
}

impl RequestChannel {
    /// Finds out why a wait for a plugin ended that is attached, or will be. That the
    /// plugin exits does not end the wait.
    fn look_into_attached(&self, error: Error, attachment: &Attachment) -> Result<(), Failure> {
        let is_current = Arc::ptr_eq(&self.heard, &self.shared.exit());
        match error {
            Error::TimedOut => return Err(Failure::TimedOut),
            Error::Woken | Error::Disconnected => {}
            // A plugin that a debugger has stopped between connection and greeting
            // dials again.
            Error::Protocol(ProtocolError::GreetingTimedOut) => {}
            Error::Protocol(ProtocolError::Truncated { .. })
                if !is_current || self.heard.ends_within(DYING) => {}
            other => return Err(Failure::Host(transport_error(&self.channel, other))),
        }
        let is_interrupted = || self.shared.is_interrupted();
        let ends = match self.reader {
            Reader::Caller if self.shared.take_interrupt() => return Err(Failure::Interrupted),
            Reader::Caller => false,
            Reader::Listener => attachment.is_over() || attachment.is_wanted(),
            Reader::Replayer => attachment.is_over() || attachment.is_wanted() && is_interrupted(),
        };
        if ends { Err(Failure::Woken) } else { Ok(()) }
    }
}

/// Tries an address that is in use 5 more times, 100 ms apart.
///
/// Source: protocol.md section 4.
pub(crate) fn patiently<T>(mut listen: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut tries = 0;
    loop {
        match listen() {
            Err(Error::InUse { .. }) if tries < 5 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
            result => return result,
        }
    }
}

/// Fails once the deadline has passed: a plugin that closes each connection at
/// once, or greets all the time, must not keep a wait going.
fn in_time(deadline: Option<Instant>) -> Result<(), Failure> {
    match deadline {
        Some(at) if Instant::now() >= at => Err(Failure::TimedOut),
        _ => Ok(()),
    }
}

fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|at| at.saturating_duration_since(Instant::now()))
}
