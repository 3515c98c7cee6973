//! What a trace proves that the plugin did wrong.
//!
//! Only what the lines show counts. That something is missing is proven by no trace
//! from which messages were left out, and by the end of none before a limit of eKuiper
//! has passed.

mod gone;
mod hidden;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use ekuiper_sp::ProtocolError;

use self::gone::Gone;
use self::hidden::Hidden;
use super::channel::MOST;
use super::line::{Header, Line};
use super::meaning::{Asked, Greeting, Interpreted, Refusal, Sense};
use super::text::milliseconds;
use crate::finding::{Code, Finding, Observed, Violation};
use crate::foreign::in_sentence;
use crate::release::{AckChannel, Release};
use crate::symbol::{Purpose, Side, Symbol};
use crate::wire::{Ack, Command, FunctionAnswer};

/// The lines of one kind of proof that are kept; more are counted.
const KEPT: usize = 5;

/// The kinds of proof that are kept.
const KINDS: usize = 1000;

/// How long an ack or the answer to an order may be missing at the end of a trace.
const PATIENCE: f64 = 10.0;

/// Something that the plugin did wrong, and which lines prove it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// The kind of finding.
    pub code: Code,
    /// The symbol concerned; `None` for the plugin as a whole.
    pub symbol: Option<Symbol>,
    /// The first lines that prove it, each with its time and with what it shows.
    pub lines: Vec<(u64, f64, String)>,
    /// How often it is proven.
    pub times: u64,
}

/// Collects what a trace proves.
#[derive(Debug)]
pub struct Prover {
    release: Option<&'static Release>,
    /// Whether the trace has all messages.
    is_whole: bool,
    hidden: Hidden,
    proofs: Vec<Proof>,
    running: Vec<Symbol>,
    /// The last launch, until the plugin greets.
    launched: Option<(u64, f64)>,
    /// A greeting that the host will take for the answer to its next order.
    idle_greeting: Option<(u64, f64, String)>,
    /// What has not been answered, by channel.
    asked: BTreeMap<String, (Asked, Option<Symbol>)>,
    /// The row of each sink whose ack the host waits for.
    unacked: BTreeMap<String, (u64, f64)>,
    gone: Gone,
    last: (u64, f64),
}

impl Prover {
    /// Begins with a trace's first line, and the release that it is of.
    #[must_use]
    pub fn new(header: &Header<'_>, release: Option<&'static Release>) -> Self {
        Self {
            release,
            is_whole: header.dropped == 0,
            hidden: Hidden::default(),
            proofs: Vec::new(),
            running: Vec::new(),
            launched: None,
            idle_greeting: None,
            asked: BTreeMap::new(),
            unacked: BTreeMap::new(),
            gone: Gone::default(),
            last: (1, 0.0),
        }
    }

    /// Leaves out what the line with this number proves; called before it is added.
    pub fn hide(&mut self, number: u64) {
        self.hidden.add(number);
    }

    /// Adds the line with this number.
    pub fn add(&mut self, number: u64, line: &Line<'_>, read: &Interpreted) {
        let at = (number, line.t);
        self.last = at;
        let channel = line.channel.as_deref().unwrap_or_default();
        let symbol = read.known.symbol.clone();
        self.hang_ups(line.t);
        match &read.sense {
            Sense::Launch => {
                self.end_process(at);
                self.launched = Some(at);
            }
            Sense::Exit => self.exit(at, line),
            Sense::Closed => {
                self.unacked.remove(channel);
                self.unacked
                    .remove(channel.strip_suffix("_ack").unwrap_or_default());
                self.closed(at, channel, read);
            }
            Sense::Connected => self.gone.is_back(channel),
            Sense::Socket(found) => {
                self.gone.is_back(channel);
                if let Some(found) = found {
                    self.socket(at, *found, read);
                }
            }
            Sense::Greeting(greeting) => self.greeting(at, line, read, *greeting),
            Sense::Order(order) => {
                self.take_for_answer(order.command, &order.symbol);
                if order.command == Command::Stop {
                    self.running.retain(|running| *running != order.symbol);
                    self.unacked.remove(&order.meta.to_string());
                    self.gone.end(&order.meta.to_string());
                }
                let asked = Asked::of_order(at, order.command, &order.symbol);
                self.ask(channel, asked, Some(order.symbol.clone()));
            }
            Sense::Answer(refusal, asked) => {
                self.asked.remove(channel);
                if let Some(asked) = asked {
                    self.answer(at, refusal, asked);
                }
            }
            Sense::Request(request) => {
                self.ask(channel, Asked::of_request(at, &request.name), symbol);
            }
            Sense::Reply(reply, asked) => {
                self.asked.remove(channel);
                let asked = asked.as_ref();
                self.reply(
                    at,
                    reply.as_ref().map_err(ToString::to_string),
                    asked,
                    symbol,
                );
            }
            // An answer or an ack, of which only the beginning is known.
            Sense::Cut if read.from == Some(Side::Plugin) => {
                self.asked.remove(channel);
                self.unacked
                    .remove(channel.strip_suffix("_ack").unwrap_or_default());
            }
            Sense::InvalidRow(invalid) => {
                self.prove(at, symbol, Observed::InvalidRow(invalid.clone()));
            }
            Sense::SinkRow => {
                self.gone.row(channel);
                if !read.known.require_ack || !self.reads_acks() {
                    return;
                }
                if let Some(row) = self.unacked.insert(channel.to_owned(), at) {
                    self.no_ack(row, line.t, symbol);
                }
                if self.unacked.len() > MOST {
                    self.unacked.clear();
                }
            }
            Sense::Ack(ack) => {
                let sink = channel.strip_suffix("_ack").unwrap_or(channel);
                self.unacked.remove(sink);
                match ack {
                    Ok(Ack::Done) => {}
                    Ok(Ack::Failed(text)) => {
                        self.prove(at, symbol, Observed::AckError { text: text.clone() });
                    }
                    Err(invalid) => {
                        let reason = invalid.to_string();
                        self.prove(at, symbol, Observed::InvalidAck { reason });
                    }
                }
            }
            _ => {}
        }
    }

    /// Ends the trace, and returns what it proves, in the order of the lines.
    #[must_use]
    pub fn finish(mut self) -> Vec<Proof> {
        self.end_process(self.last);
        for proof in &mut self.proofs {
            // What is missing at the end is found by channel.
            proof.lines.sort_by_key(|line| line.0);
        }
        self.proofs.sort_by_key(|proof| proof.lines[0].0);
        self.proofs
    }

    fn prove(&mut self, at: (u64, f64), symbol: Option<Symbol>, observed: Observed) {
        let finding = Finding {
            symbol: symbol.clone(),
            ..Finding::new(observed)
        };
        self.prove_with(at, finding.code(), symbol, finding.to_string());
    }

    fn prove_with(&mut self, at: (u64, f64), code: Code, symbol: Option<Symbol>, text: String) {
        let (number, t) = at;
        if self.hidden.has(number) {
            return;
        }
        let same = |proof: &&mut Proof| proof.code == code && proof.symbol == symbol;
        if let Some(proof) = self.proofs.iter_mut().find(same) {
            proof.times += 1;
            if proof.lines.len() < KEPT {
                proof.lines.push((number, t, text));
            }
        } else if self.proofs.len() < KINDS {
            self.proofs.push(Proof {
                code,
                symbol,
                lines: vec![(number, t, text)],
                times: 1,
            });
        }
    }

    fn reads_acks(&self) -> bool {
        self.is_whole
            && self
                .release
                .is_some_and(|release| release.ack == AckChannel::Read)
    }

    fn ask(&mut self, channel: &str, asked: Asked, symbol: Option<Symbol>) {
        let before = self.asked.insert(channel.to_owned(), (asked, symbol));
        if let Some((before, symbol)) = before {
            self.unanswered(&before, symbol, self.last.1);
        }
        if self.asked.len() > MOST {
            self.asked.clear();
        }
    }

    fn answer(&mut self, at: (u64, f64), refusal: &Refusal, asked: &Asked) {
        let (Some(command), Some(symbol)) = (asked.command, &asked.symbol) else {
            return;
        };
        let observed = match refusal {
            Refusal::None => {
                if command == Command::Start && self.running.len() < MOST {
                    self.running.push(symbol.clone());
                }
                return;
            }
            Refusal::Unknown(text) => Observed::UnknownSymbol { text: text.clone() },
            Refusal::Text(text) => Observed::OrderRefused {
                command,
                text: text.clone(),
            },
            Refusal::Greeting(text) => Observed::OrderGreeting {
                command,
                text: text.clone(),
            },
        };
        self.prove(at, Some(symbol.clone()), observed);
    }

    fn reply(
        &mut self,
        at: (u64, f64),
        reply: Result<&FunctionAnswer, String>,
        asked: Option<&Asked>,
        symbol: Option<Symbol>,
    ) {
        let what = asked.map(|asked| asked.what.as_str());
        if let Some(asked) = asked {
            self.late(at, asked, symbol.clone());
        }
        let reason = match reply {
            Ok(FunctionAnswer::Failed(text)) if what == Some("Exec") => {
                let text = text.clone();
                return self.prove(at, symbol, Observed::FunctionError { text });
            }
            Ok(FunctionAnswer::Done(value))
                if what == Some("IsAggregate") && !value.is_boolean() =>
            {
                format!("expected true or false, got `{value}`")
            }
            Ok(FunctionAnswer::DoneDeep(json)) if what == Some("IsAggregate") => {
                format!("expected true or false, got `{}`", in_sentence(json))
            }
            Ok(FunctionAnswer::Greeting) => "it is a greeting".to_owned(),
            Ok(_) => return,
            Err(reason) => reason,
        };
        let request = match what {
            Some("IsAggregate") => "IsAggregate",
            Some("Validate") => "Validate",
            Some("Exec") => "Exec",
            _ => "a request",
        };
        self.prove(at, symbol, Observed::InvalidAnswer { request, reason });
    }

    /// Proves that an answer came after eKuiper's limit.
    fn late(&mut self, at: (u64, f64), asked: &Asked, symbol: Option<Symbol>) {
        let took = at.1 - asked.t;
        if took > self.function_limit() {
            let text = format!(
                "{} answered {} in line {} after {}, which is after eKuiper's limit",
                named(symbol.as_ref()),
                asked.what,
                asked.line,
                milliseconds(took)
            );
            self.prove_with(at, Code::FunctionUnanswered, symbol, text);
        }
    }

    /// Proves that there was no answer until a time, if the trace can prove that.
    fn unanswered(&mut self, asked: &Asked, symbol: Option<Symbol>, until: f64) {
        let (code, limit) = match asked.command {
            Some(_) => (Code::OrderUnanswered, PATIENCE),
            None => (Code::FunctionUnanswered, self.function_limit()),
        };
        let waited = until - asked.t;
        if self.is_whole && waited >= limit {
            let who = match asked.command {
                Some(_) => "the plugin".to_owned(),
                None => named(symbol.as_ref()),
            };
            let text = format!(
                "{who} did not answer {} within {}",
                asked.what,
                milliseconds(waited)
            );
            self.prove_with((asked.line, asked.t), code, symbol, text);
        }
    }

    fn function_limit(&self) -> f64 {
        let limit = self.release.map(|release| release.function_timeout);
        limit.map_or(5.0, |limit| limit.as_secs_f64())
    }

    fn no_ack(&mut self, row: (u64, f64), until: f64, symbol: Option<Symbol>) {
        let waited = milliseconds(until - row.1);
        let text = format!(
            "{} sent no ack for this row within {waited}, although the rule has `requireAck`",
            named(symbol.as_ref())
        );
        self.prove_with(row, Code::AckMissing, symbol, text);
    }

    fn closed(&mut self, at: (u64, f64), channel: &str, read: &Interpreted) {
        let sink = read.known.symbol.as_ref();
        let sink = sink.filter(|sink| self.running.contains(sink));
        match (read.from, read.known.purpose, sink) {
            (Some(Side::Plugin), Some(Purpose::Sink), Some(sink)) if self.is_whole => {
                self.gone.close(channel, at, sink.clone());
            }
            _ => self.gone.end(channel),
        }
    }

    /// Proves which sinks have been gone for too long.
    fn hang_ups(&mut self, now: f64) {
        for closed in self.gone.take(now) {
            let rows = closed.rows;
            self.prove(closed.at, Some(closed.sink), Observed::HungUp { rows });
        }
    }

    fn greeting(
        &mut self,
        at: (u64, f64),
        line: &Line<'_>,
        read: &Interpreted,
        greeting: Greeting,
    ) {
        if read.known.purpose != Some(Purpose::Control) {
            return;
        }
        self.launched = None;
        let takes = self
            .release
            .is_some_and(|release| !release.regreet_on_control);
        if greeting == Greeting::Idle && takes {
            let text = line.text.as_deref().unwrap_or_default().to_owned();
            self.idle_greeting = Some((at.0, at.1, text));
        }
    }

    /// Proves that a greeting was taken for the answer to this order.
    fn take_for_answer(&mut self, command: Command, symbol: &Symbol) {
        if let Some((number, t, text)) = self.idle_greeting.take() {
            let observed = Observed::OrderGreeting { command, text };
            self.prove((number, t), Some(symbol.clone()), observed);
        }
    }

    fn socket(&mut self, at: (u64, f64), found: u16, read: &Interpreted) {
        if read.from != Some(Side::Plugin) {
            return;
        }
        let expected = match read.known.purpose {
            Some(Purpose::Control | Purpose::Function) => 0x30,
            Some(Purpose::Source | Purpose::Ack) => 0x50,
            Some(Purpose::Sink) => 0x51,
            None => return,
        };
        if found != expected {
            let violation = Violation::new(ProtocolError::WrongProtocol { expected, found });
            let observed = match read.known.purpose {
                Some(Purpose::Sink) => Observed::WrongSocket(violation),
                _ => Observed::Protocol(violation),
            };
            self.prove(at, read.known.symbol.clone(), observed);
        }
    }

    fn exit(&mut self, at: (u64, f64), line: &Line<'_>) {
        let launched = self.launched.take();
        self.end_process(at);
        let running = std::mem::take(&mut self.running);
        let Some(status) = line.status.as_deref().and_then(failure) else {
            return;
        };
        let log = Vec::new();
        let observed = match launched {
            Some(_) => Observed::ExitedEarly { status, log },
            None => Observed::Exited {
                status,
                running,
                log,
            },
        };
        self.prove(at, None, observed);
    }

    /// Proves what a process has left undone.
    fn end_process(&mut self, at: (u64, f64)) {
        self.idle_greeting = None;
        if let Some(launch) = self.launched.take() {
            let release = self.release.map(|release| release.init_timeout);
            let limit = release.unwrap_or(Duration::from_secs(60)).as_secs_f64();
            if at.1 - launch.1 >= limit {
                let text = format!("the plugin sent no greeting within {limit} s of its launch");
                self.prove_with(launch, Code::PluginNoGreeting, None, text);
            }
        }
        let asked = std::mem::take(&mut self.asked).into_values();
        for (asked, symbol) in asked {
            self.unanswered(&asked, symbol, at.1);
        }
        self.unacked.clear();
        self.gone.end_all();
    }
}

fn named(symbol: Option<&Symbol>) -> String {
    symbol.map_or_else(|| "the plugin".to_owned(), ToString::to_string)
}

/// Reads the status of a process that failed by itself: a status other than 0, or a
/// signal that nobody sends on purpose. An interrupt is not a failure.
pub(crate) fn failure(status: &str) -> Option<ExitStatus> {
    let number = |word: &str| -> Option<i32> {
        let (_, rest) = status.split_once(word)?;
        let rest = rest.trim_start_matches([':', ' ']);
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    };
    if let Some(signal) = number("signal") {
        const CRASHES: [i32; 6] = [4, 6, 7, 8, 11, 13];
        return CRASHES
            .contains(&signal)
            .then(|| ExitStatus::from_raw(signal));
    }
    let code = number("exit status").or_else(|| number("exit code"))?;
    let is_failure = (1..=255).contains(&code) && ![130, 137, 143].contains(&code);
    is_failure.then(|| ExitStatus::from_raw(code << 8))
}

#[cfg(test)]
mod tests;
