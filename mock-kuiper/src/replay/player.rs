//! The conversation: what the host says, and what the plugin should say to it.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::time::Duration;

use super::clock::Clock;
use super::compare::{instead, row_shape, same_ack, same_answer, same_reply, same_row, shown};
use super::contents::{Contents, source_of};
use super::data::Incoming;
use super::options::{Difference, Options, Outcome, Timing};
use crate::finding::Finding;
use crate::host::{Function, Host, HostError, RawPush};
use crate::release::AckChannel;
use crate::symbol::{Channel, Kind, Meta, Purpose, Side};
use crate::trace::{Interpreted, Interpreter, Line, Ordered, Reader, Sense, body, failure};
use crate::wire::Command;

/// How long the host tries to connect to a sink that has answered its start.
const CONNECT: Duration = Duration::from_millis(500);

/// The requests without answer after which a function is no longer called.
const UNANSWERED: u32 = 2;

/// The unrecorded shapes of rows that are reported.
const STRANGE: usize = 1000;

/// Plays a trace to the plugin of `host`, which has greeted.
///
/// # Errors
///
/// [`HostError`] if the host or the system fails, or if a plugin that is launched
/// again does not greet. What the plugin does otherwise is a difference.
pub fn replay<'a>(
    mut reader: Reader<impl BufRead>,
    contents: &'a Contents,
    host: &'a Host,
    options: Options<'a>,
) -> Result<Outcome, HostError> {
    let mut interpreter = Interpreter::new(reader.header());
    let mut player = Player {
        host,
        contents,
        options,
        outcome: Outcome::default(),
        launched: false,
        gone: false,
        has_ended: false,
        clock: Clock::begin(0.0),
        answer: None,
        replies: HashMap::new(),
        functions: HashMap::new(),
        incoming: HashMap::new(),
        sinks: HashMap::new(),
        last_row: HashMap::new(),
        strange: HashSet::new(),
    };
    let mut last = 1;
    // It was read before, so that a mistake is not found in the middle.
    while let Ok(Some((number, line))) = reader.next_line() {
        let read = interpreter.interpret(number, &line);
        last = number;
        player.play(number, &line, &read)?;
        if (player.options.interrupted)() {
            return Err(HostError::Interrupted);
        }
    }
    if !player.has_ended {
        player.runs(last);
    }
    let open: Vec<_> = player.incoming.keys().cloned().collect();
    for channel in open {
        player.close_incoming(&channel);
    }
    Ok(player.outcome)
}

struct Player<'a> {
    host: &'a Host,
    contents: &'a Contents,
    options: Options<'a>,
    outcome: Outcome,
    /// Whether the first launch of the trace was read.
    launched: bool,
    /// Whether the plugin has exited: nothing is played before the next launch.
    gone: bool,
    /// Whether the plugin of the trace may have ended by itself.
    has_ended: bool,
    clock: Clock,
    /// The answer to the last order.
    answer: Option<Vec<u8>>,
    /// The answer to the last request on each channel.
    replies: HashMap<String, Vec<u8>>,
    functions: HashMap<String, Called>,
    incoming: HashMap<String, Incoming>,
    sinks: HashMap<String, Option<RawPush>>,
    /// The time of the last recorded row of each channel.
    last_row: HashMap<String, f64>,
    /// The sources and shapes of rows that are not as recorded.
    strange: HashSet<(String, String)>,
}

/// A function that is called.
struct Called {
    function: Function,
    unanswered: u32,
}

impl Player<'_> {
    fn play(&mut self, number: u64, line: &Line<'_>, read: &Interpreted) -> Result<(), HostError> {
        let channel = line.channel.as_deref().unwrap_or_default();
        let is_other = read.known.purpose == Some(Purpose::Control)
            && self
                .options
                .control
                .is_some_and(|control| control != channel);
        if is_other {
            return Ok(());
        }
        if read.sense.kind() == "launch" {
            return self.launch(line);
        }
        if self.gone {
            let is_sent = matches!(
                read.sense,
                Sense::Order(_) | Sense::Request(_) | Sense::SinkRow
            );
            self.outcome.not_sent += u64::from(is_sent);
            return Ok(());
        }
        let bytes = body(line).unwrap_or_default();
        match &read.sense {
            Sense::Order(order) => {
                self.wait_for(line);
                self.order(number, channel, order, &bytes)
            }
            Sense::Raw if read.from == Some(Side::Host) => match read.known.purpose {
                Some(Purpose::Control) => self.send_order(number, channel, "bytes", &bytes),
                Some(Purpose::Function) => self.request(number, channel, "bytes", &bytes),
                _ => Ok(()),
            },
            Sense::Answer(_, asked) => {
                if let Some(came) = self.answer.take() {
                    let what = asked.as_ref().map_or("an order", |asked| &asked.what);
                    let what = format!("answer to {what}");
                    self.compare(number, channel, &what, &bytes, &came, same_answer);
                }
                Ok(())
            }
            Sense::Request(request) => {
                self.wait_for(line);
                self.request(number, channel, &request.name, &bytes)
            }
            Sense::Reply(_, asked) => {
                if let (Some(asked), Some(came)) = (asked, self.replies.remove(channel)) {
                    let what = format!("answer to {}", asked.what);
                    self.compare(number, channel, &what, &bytes, &came, same_reply);
                }
                Ok(())
            }
            Sense::SinkRow => {
                self.wait_for(line);
                self.sink_row(number, channel, &bytes);
                Ok(())
            }
            Sense::Row | Sense::InvalidRow(_) => {
                self.row(number, line, read, &bytes);
                Ok(())
            }
            Sense::Ack(_) if self.contents.dropped == 0 => {
                self.ack(number, channel, &bytes);
                Ok(())
            }
            Sense::Closed if read.from == Some(Side::Host) => {
                self.wait_for(line);
                self.sinks.remove(channel);
                self.close_incoming(channel);
                Ok(())
            }
            Sense::Cut => {
                self.outcome.not_sent += u64::from(read.from == Some(Side::Host));
                Ok(())
            }
            Sense::Exit => {
                self.exit(number, line);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Waits for the time at which a line was recorded.
    fn wait_for(&self, line: &Line<'_>) {
        if self.options.timing == Timing::Recorded {
            self.clock.wait_until(line.t, self.options.interrupted);
        }
    }

    fn launch(&mut self, line: &Line<'_>) -> Result<(), HostError> {
        if self.launched {
            // The plugin of the trace was killed, or has crashed.
            self.answer = None;
            self.replies.clear();
            self.host.reload()?;
            self.gone = false;
            self.has_ended = false;
        }
        self.launched = true;
        self.clock = Clock::begin(line.t);
        Ok(())
    }

    fn order(
        &mut self,
        number: u64,
        channel: &str,
        order: &Ordered,
        bytes: &[u8],
    ) -> Result<(), HostError> {
        let (symbol, meta) = (&order.symbol, &order.meta);
        let is_start = order.command == Command::Start;
        if is_start {
            match symbol.kind {
                Kind::Source => self.listen(Channel::source(meta).name(), Purpose::Source)?,
                Kind::Sink if self.host.release().ack != AckChannel::Absent => {
                    self.listen(Channel::ack(meta).name(), Purpose::Ack)?;
                }
                Kind::Sink => {}
                Kind::Function => self.open_function(&symbol.name)?,
            }
        }
        let what = format!("{} of {symbol}", order.command.name());
        self.send_order(number, channel, &what, bytes)?;
        let is_ok = self.answer.as_deref() == Some(b"ok");
        match (order.command, symbol.kind) {
            (Command::Start, Kind::Sink) if is_ok => self.connect(number, meta),
            (Command::Stop, _) => {
                self.sinks.remove(Channel::sink(meta).name());
                self.close_incoming(Channel::source(meta).name());
                if self.host.release().ack_closes {
                    self.close_incoming(Channel::ack(meta).name());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn listen(&mut self, name: &str, purpose: Purpose) -> Result<(), HostError> {
        if !self.incoming.contains_key(name) {
            let pull = self.host.raw_pull(name, purpose)?;
            let kept = self.contents.counts.get(name).copied().unwrap_or(0);
            let incoming = Incoming::new(pull, kept);
            let incoming = incoming.map_err(|error| HostError::invalid(error.to_string()))?;
            self.incoming.insert(name.to_owned(), incoming);
        }
        Ok(())
    }

    fn open_function(&mut self, symbol: &str) -> Result<(), HostError> {
        let name = Channel::function(symbol).name().to_owned();
        if let Some(called) = self.functions.get_mut(&name) {
            called.unanswered = 0;
        } else {
            let function = self.host.raw_function(symbol)?;
            let unanswered = 0;
            self.functions.insert(
                name,
                Called {
                    function,
                    unanswered,
                },
            );
        }
        Ok(())
    }

    fn connect(&mut self, number: u64, meta: &Meta) {
        let name = Channel::sink(meta).name().to_owned();
        if matches!(self.sinks.get(&name), Some(Some(_))) {
            // Its connection is restored by itself.
            return;
        }
        let push = self.host.raw_push(&name, CONNECT);
        if let Err(error) = &push {
            let came = format!("it answered `ok`, and does not listen: {error}");
            self.differ(number, &name, "a sink that listens", "it listens", &came);
        }
        self.sinks.insert(name, push.ok());
    }

    fn send_order(
        &mut self,
        number: u64,
        channel: &str,
        what: &str,
        bytes: &[u8],
    ) -> Result<(), HostError> {
        self.outcome.sent += 1;
        self.answer = None;
        match self.host.order_bytes(bytes) {
            Ok(answer) => self.answer = Some(answer),
            Err(HostError::Finding(finding)) => {
                self.failed(number, channel, &format!("answer to the {what}"), &finding);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn request(
        &mut self,
        number: u64,
        channel: &str,
        what: &str,
        bytes: &[u8],
    ) -> Result<(), HostError> {
        let called = self.functions.get_mut(channel);
        let Some(called) = called.filter(|called| called.unanswered < UNANSWERED) else {
            self.outcome.not_sent += 1;
            return Ok(());
        };
        self.outcome.sent += 1;
        match called.function.request_bytes(bytes) {
            Ok(reply) => {
                called.unanswered = 0;
                self.replies.insert(channel.to_owned(), reply);
            }
            Err(HostError::Finding(finding)) => {
                called.unanswered += 1;
                self.failed(number, channel, &format!("answer to {what}"), &finding);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Notes that the plugin did something else than to answer.
    fn failed(&mut self, number: u64, channel: &str, what: &str, finding: &Finding) {
        self.gone = self.host.exits_within(Duration::ZERO);
        let recorded = match self.contents.unanswered.get(&number) {
            // It did the same. Whether it exits is seen at the exit of the trace.
            Some(has_crashed) if *has_crashed || !self.gone => {
                self.outcome.compared += 1;
                return;
            }
            Some(_) => "none",
            None => "an answer",
        };
        self.differ(number, channel, what, recorded, &instead(finding));
    }

    fn sink_row(&mut self, number: u64, channel: &str, bytes: &[u8]) {
        let Some(Some(push)) = self.sinks.get(channel) else {
            self.outcome.not_sent += 1;
            return;
        };
        self.outcome.sent += 1;
        if let Err(error) = push.send(bytes) {
            self.gone = self.host.exits_within(Duration::ZERO);
            let came = match self.gone {
                true => "the plugin has exited".to_owned(),
                false => format!("the sink did not take it: {error}"),
            };
            let what = "a row for the sink";
            self.differ(number, channel, what, "the sink took it", &came);
            self.sinks.insert(channel.to_owned(), None);
        }
    }

    fn ack(&mut self, number: u64, channel: &str, recorded: &[u8]) {
        if let Some(came) = self.next(number, channel, "ack", recorded, self.options.limit) {
            self.compare(number, channel, "ack", recorded, &came, same_ack);
        }
    }

    fn row(&mut self, number: u64, line: &Line<'_>, read: &Interpreted, recorded: &[u8]) {
        let channel = line.channel.as_deref().unwrap_or_default();
        let last = self.last_row.insert(channel.to_owned(), line.t);
        // A source of one row a minute is given that minute.
        let pause = last.map_or(0.0, |last| (line.t - last).clamp(0.0, 3600.0));
        let limit = self.options.limit + Duration::from_secs_f64(2.0 * pause);
        let Some(came) = self.next(number, channel, "row", recorded, limit) else {
            return;
        };
        let rows = self.outcome.rows.entry(channel.to_owned()).or_default();
        rows.0 += 1;
        if self.options.exact {
            self.compare(number, channel, "row", recorded, &came, same_row);
            return;
        }
        self.outcome.compared += 1;
        let source = source_of(read.known.symbol.as_ref(), channel);
        let rows = self.contents.rows.get(&source);
        if !rows.is_some_and(|rows| rows.have_shape_of(&came)) {
            let shape = row_shape(&came);
            let recorded = format!("a row of the shape {}", row_shape(recorded));
            let came = format!("one of the shape {shape}: {}", shown(&came));
            match self.strange.len() < STRANGE && self.strange.insert((source, shape)) {
                true => self.differ(number, channel, "row", &recorded, &came),
                // It is as the one before.
                false => self.outcome.differences += 1,
            }
        }
    }

    /// Waits for the next row or ack of a channel.
    fn next(
        &mut self,
        number: u64,
        channel: &str,
        what: &str,
        recorded: &[u8],
        limit: Duration,
    ) -> Option<Vec<u8>> {
        let incoming = self.incoming.get_mut(channel)?;
        let limit = match incoming.is_silent {
            true => Duration::ZERO,
            false => limit,
        };
        let ends = || self.host.exits_within(Duration::ZERO) || (self.options.interrupted)();
        let came = incoming.next(limit, ends);
        if came.is_none() && !(self.options.interrupted)() {
            incoming.is_silent = true;
            self.gone = self.host.exits_within(Duration::ZERO);
            let came = match self.gone {
                true => "the plugin has exited".to_owned(),
                false if limit.is_zero() => "none".to_owned(),
                false => format!("none within {limit:?}"),
            };
            self.differ(number, channel, what, &shown(recorded), &came);
        }
        came
    }

    fn close_incoming(&mut self, channel: &str) {
        if let Some(incoming) = self.incoming.remove(channel)
            && let Some(rows) = self.outcome.rows.get_mut(channel)
        {
            rows.1 += incoming.total();
        }
        self.last_row.remove(channel);
    }

    /// Waits for the exit of a plugin that has crashed in the trace. Of one that was
    /// killed, it checks that it has not exited before.
    fn exit(&mut self, number: u64, line: &Line<'_>) {
        let status = line.status.as_deref().unwrap_or_default();
        if ["SIGKILL", "killed"]
            .iter()
            .any(|word| status.contains(word))
        {
            return self.runs(number);
        }
        // It may have been asked to, by a signal that no trace has.
        if failure(status).is_none() {
            self.has_ended = true;
            return;
        }
        self.gone = self.host.exits_within(self.options.limit);
        if !self.gone {
            self.differ(number, "", "exit of the plugin", status, "it runs on");
        }
    }

    /// Checks that the plugin runs, as it did in the trace.
    fn runs(&mut self, number: u64) {
        if !self.gone && self.host.exits_within(Duration::ZERO) {
            self.gone = true;
            self.differ(number, "", "the plugin", "it runs", "it has exited");
        }
    }

    fn compare(
        &mut self,
        number: u64,
        channel: &str,
        what: &str,
        recorded: &[u8],
        came: &[u8],
        same: impl FnOnce(&[u8], &[u8]) -> bool,
    ) {
        self.outcome.compared += 1;
        if !same(recorded, came) {
            self.differ(number, channel, what, &shown(recorded), &shown(came));
        }
    }

    fn differ(&mut self, line: u64, channel: &str, what: &str, recorded: &str, came: &str) {
        self.outcome.differences += 1;
        (self.options.differs)(&Difference {
            line,
            channel: channel.to_owned(),
            what: what.to_owned(),
            recorded: recorded.to_owned(),
            came: came.to_owned(),
        });
    }
}
