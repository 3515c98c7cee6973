//! What a trace proves that the plugin did wrong.
//!
//! Only what the lines show counts. That something is missing is proven by no trace
//! from which messages were left out, and by the end of none before a limit of eKuiper
//! has passed.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use ekuiper_sp::ProtocolError;

use super::channel::MOST;
use super::line::{Header, Line};
use super::meaning::{Asked, Greeting, Interpreted, Refusal, Sense};
use super::text::milliseconds;
use crate::finding::{Code, Finding, Observed, Violation};
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
    proofs: Vec<Proof>,
    running: Vec<Symbol>,
    /// The last launch, until the plugin greets.
    launched: Option<(u64, f64)>,
    /// A greeting that the host will take for the answer to its next order.
    idle_greeting: Option<(u64, f64, String)>,
    /// What has not been answered, by channel.
    asked: HashMap<String, (Asked, Option<Symbol>)>,
    /// The row of each sink whose ack the host waits for.
    unacked: HashMap<String, (u64, f64)>,
    last: (u64, f64),
}

impl Prover {
    /// Begins with a trace's first line, and the release that it is of.
    #[must_use]
    pub fn new(header: &Header<'_>, release: Option<&'static Release>) -> Self {
        Self {
            release,
            is_whole: header.dropped == 0,
            proofs: Vec::new(),
            running: Vec::new(),
            launched: None,
            idle_greeting: None,
            asked: HashMap::new(),
            unacked: HashMap::new(),
            last: (1, 0.0),
        }
    }

    /// Adds the line with this number.
    pub fn add(&mut self, number: u64, line: &Line<'_>, read: &Interpreted) {
        let at = (number, line.t);
        self.last = at;
        let channel = line.channel.as_deref().unwrap_or_default();
        let symbol = read.known.symbol.clone();
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
            }
            Sense::Socket(Some(found)) => self.socket(at, *found, read),
            Sense::Greeting(greeting) => self.greeting(at, line, read, *greeting),
            Sense::Order(order) => {
                self.take_for_answer(order.command, &order.symbol);
                if order.command == Command::Stop {
                    self.running.retain(|running| *running != order.symbol);
                    self.unacked.remove(&order.meta.to_string());
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
            Sense::InvalidRow(invalid) => {
                self.prove(at, symbol, Observed::InvalidRow(invalid.clone()))
            }
            Sense::SinkRow if read.known.require_ack && self.reads_acks() => {
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
        let asked: Vec<_> = self.asked.drain().map(|(_, asked)| asked).collect();
        for (asked, symbol) in asked {
            self.unanswered(&asked, symbol, at.1);
        }
        self.unacked.clear();
    }
}

fn named(symbol: Option<&Symbol>) -> String {
    symbol.map_or_else(|| "the plugin".to_owned(), ToString::to_string)
}

/// Reads the status of a process that failed by itself: a status other than 0, or a
/// signal that nobody sends on purpose. An interrupt is not a failure.
fn failure(status: &str) -> Option<ExitStatus> {
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
mod tests {
    use super::super::meaning::Interpreter;
    use super::*;

    fn order(command: &str, kind: &str, config: &str) -> String {
        let argument = format!(
            r#"{{"symbolName":"s","meta":{{"ruleId":"r","opId":"o","instanceId":0}},"pluginType":"{kind}"{config}}}"#
        );
        serde_json::json!({"cmd": command, "arg": argument}).to_string()
    }

    /// Returns what lines prove: the code, the first line, and the text.
    fn proven(host: &str, dropped: u64, lines: &[Line<'_>]) -> Vec<(String, u64, String)> {
        let header = Header {
            host: host.into(),
            plugin: "p".into(),
            note: "".into(),
            dropped,
        };
        let mut interpreter = Interpreter::new(&header);
        let mut prover = Prover::new(&header, interpreter.release());
        for (number, line) in (2..).zip(lines) {
            let read = interpreter.interpret(number, line);
            prover.add(number, line, &read);
        }
        let proofs = prover.finish().into_iter().map(|proof| {
            let (number, _, text) = proof.lines[0].clone();
            (proof.code.to_string(), number, text)
        });
        proofs.collect()
    }

    fn message<'a>(t: f64, channel: &'a str, from: &'a str, text: &str) -> Line<'a> {
        Line {
            t,
            channel: Some(channel.into()),
            from: Some(from.into()),
            text: Some(text.to_owned().into()),
            ..Line::default()
        }
    }

    fn event(t: f64, event: &str) -> Line<'_> {
        Line {
            t,
            event: Some(event.into()),
            ..Line::default()
        }
    }

    fn one(code: &str, line: u64, text: &str) -> Vec<(String, u64, String)> {
        vec![(code.to_owned(), line, text.to_owned())]
    }

    #[test]
    fn rows_acks_and_answers_prove_what_is_wrong_with_them() {
        let lines = [
            message(0.0, "plugin_p", "plugin", "handshake"),
            message(0.1, "plugin_p", "host", &order("start", "source", "")),
            message(0.2, "plugin_p", "plugin", "no device"),
            message(0.3, "r_o_0", "plugin", r#"{"message":{"a":1}}"#),
            message(0.4, "r_o_0", "plugin", "[]"),
            message(0.5, "r_k_0_ack", "plugin", r#"{"error":"full"}"#),
            message(0.6, "r_k_0_ack", "plugin", "ok"),
        ];

        let codes: Vec<_> = proven("eKuiper 2.4.0", 9, &lines)
            .into_iter()
            .map(|(code, line, _)| (code, line))
            .collect();

        let expected = [
            ("order.refused", 4),
            ("row.not-object", 6),
            ("ack.error", 7),
            ("ack.invalid", 8),
        ];
        assert_eq!(codes, expected.map(|(code, line)| (code.to_owned(), line)));
    }

    #[test]
    fn an_idle_greeting_is_proven_when_an_old_release_sends_its_next_order() {
        let lines = [
            message(0.0, "plugin_p", "plugin", "handshake"),
            message(0.1, "plugin_p", "host", &order("start", "source", "")),
            message(0.2, "plugin_p", "plugin", "ok"),
            message(5.2, "plugin_p", "plugin", "handshake"),
            message(9.0, "plugin_p", "host", &order("stop", "source", "")),
        ];

        assert_eq!(
            proven("eKuiper 2.0.8", 0, &lines),
            one(
                "order.greeting",
                5,
                "source `s` answered its stop with a second greeting, \"handshake\", which eKuiper \
                 before 2.1.3 takes for an error"
            )
        );
        assert_eq!(proven("eKuiper 2.0.8", 0, &lines[..4]), []);
        assert_eq!(proven("eKuiper 2.4.0", 0, &lines), []);
    }

    #[test]
    fn a_row_without_ack_is_proven_by_the_next_row_of_a_whole_trace() {
        let lines = [
            message(0.0, "plugin_p", "plugin", "handshake"),
            message(
                0.1,
                "plugin_p",
                "host",
                &order("start", "sink", r#","config":{"requireAck":true}"#),
            ),
            message(0.2, "plugin_p", "plugin", "ok"),
            message(1.0, "r_o_0", "host", "{}"),
            message(1.1, "r_o_0_ack", "plugin", "{}"),
            message(2.0, "r_o_0", "host", "{}"),
            message(7.0, "r_o_0", "host", "{}"),
        ];

        assert_eq!(
            proven("eKuiper 2.4.0", 0, &lines),
            one(
                "ack.missing",
                7,
                "sink `s` sent no ack for this row within 5000.0 ms, although the rule has `requireAck`"
            )
        );
        assert_eq!(proven("eKuiper 2.4.0", 1, &lines), []);
        assert_eq!(proven("eKuiper 1.14.7", 0, &lines), []);
    }

    #[test]
    fn answers_of_functions_are_held_to_the_limit_of_the_release() {
        let exec = r#"{"func":"Exec","arg":["{\"ruleId\":\"r\"}"]}"#;
        let answer = r#"{"state":true,"result":1}"#;
        let lines = [
            message(1.0, "func_f", "host", exec),
            message(7.0, "func_f", "plugin", answer),
            message(8.0, "func_f", "host", exec),
            event(20.0, "other"),
        ];

        assert_eq!(
            proven("eKuiper 2.4.0", 1, &lines),
            one(
                "function.unanswered",
                3,
                "function `f` answered Exec in line 2 after 6000.0 ms, which is after eKuiper's limit"
            )
        );
        assert_eq!(
            proven("eKuiper 2.4.0", 0, &lines[2..]),
            one(
                "function.unanswered",
                2,
                "function `f` did not answer Exec within 12000.0 ms"
            )
        );
    }

    #[test]
    fn only_an_exit_of_its_own_is_the_plugins_fault() {
        for (status, is_failure) in [
            ("exit status 3", true),
            ("exit status: 1", true),
            ("exit code 2", true),
            ("signal 11 (SIGSEGV)", true),
            ("signal: 6", true),
            ("signal 9 (SIGKILL)", false),
            ("signal 15 (SIGTERM)", false),
            ("exit status 0", false),
            ("exit status 130", false),
            ("killed", false),
        ] {
            let exit = Line {
                status: Some(status.into()),
                ..event(2.0, "exit")
            };
            let lines = [event(0.0, "launch"), exit];
            assert_eq!(
                !proven("eKuiper 2.4.0", 0, &lines).is_empty(),
                is_failure,
                "{status}"
            );
        }
    }

    #[test]
    fn a_socket_of_the_wrong_kind_and_a_missing_greeting_are_proven() {
        let sp = |channel, from, sp: &'static str| Line {
            channel: Some(channel),
            from: Some(from),
            sp: Some(sp.into()),
            ..Line::default()
        };
        let lines = [
            sp("r_k_0".into(), "host".into(), "0053500000500000"),
            sp("r_k_0".into(), "plugin".into(), "0053500000300000"),
        ];

        let proofs = proven("eKuiper 2.4.0", 0, &lines);
        assert_eq!(
            (proofs.len(), proofs[0].0.as_str(), proofs[0].1),
            (1, "sink.wrong-socket", 3)
        );
        assert_eq!(
            proven(
                "eKuiper 1.8.2",
                0,
                &[event(0.0, "launch"), event(5.5, "launch")]
            ),
            one(
                "plugin.no-greeting",
                2,
                "the plugin sent no greeting within 5 s of its launch"
            )
        );
    }
}
