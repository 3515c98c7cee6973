//! What to do about each finding.

use super::advice::{Advice, Limit};
use super::finding::Finding;
use super::missing::missing_property;
use super::observed::Observed;
use super::seen::Seen;
use crate::symbol::Kind;
use crate::wire::{Command, InvalidRow};

impl Finding {
    /// Returns what to do about it, the most likely remedy first.
    #[must_use]
    pub fn advice(&self) -> Vec<Advice> {
        of(self)
    }
}

/// Returns what to do about a finding, the most likely remedy first.
fn of(finding: &Finding) -> Vec<Advice> {
    let kind = finding.symbol.as_ref().map(|symbol| symbol.kind);
    let change = |text| vec![Advice::Change(text)];
    match &finding.observed {
        // An SDK writes the address that it dials, and may exit with any status.
        Observed::ExitedEarly { log, .. }
            if log.iter().any(|line| names_other_address(line, finding)) =>
        {
            change(
                "check the name in its `PluginConfig`: the address that it dials ends with that \
                 name, and has to end with the name of the json",
            )
        }
        Observed::ExitedEarly { status, .. } if status.success() => change(
            "call the SDK's `plugin.start` (Go: `sdk.Start`) in the main thread, and do not go to \
             the background: eKuiper watches this process, whose stdin is empty",
        ),
        Observed::ExitedEarly { status, log } if status.code().is_some() && log.is_empty() => {
            change(
                "write why it exits; if a file was not found: from eKuiper 1.11 on the working \
                 directory is the executable's, and before that eKuiper's own",
            )
        }
        Observed::ExitedEarly { log, .. } => {
            let module = log.iter().find_map(|line| missing_module(line));
            module.map(install_module).into_iter().collect()
        }
        Observed::Exited { .. } => Vec::new(),
        Observed::NoGreeting { seen, .. }
        | Observed::OrderUnanswered { seen, .. }
        | Observed::FunctionUnanswered { seen, .. }
            if seen.stopped =>
        {
            go_on()
        }
        Observed::NoGreeting { seen, .. } => {
            let text = match (seen.dialed, seen.connected) {
                (false, _) => "dial this address and send a message within the limit",
                (true, false) => "keep the connection, and send a message on it",
                (true, true) => "send a message as soon as the connection is there",
            };
            with_time(text, *seen, Limit::InitTimeout)
        }
        Observed::Leak { .. } => {
            change("close what an instance opened, and end its threads, when it is stopped")
        }
        Observed::Grown { .. } => {
            change("free what a row, a call or an order has used when it is done")
        }
        Observed::NotDialed { .. } if kind == Some(Kind::Source) => {
            change("dial this address when the source is started")
        }
        Observed::NotDialed { .. } => change("dial a lost channel again until the host is back"),
        Observed::Protocol(violation) if violation.is_missing_id() => {
            change("send 4 bytes of id before the message, the first with its highest bit set")
        }
        Observed::Protocol(violation) if violation.wrong_socket().is_some() => change(
            "use REQ sockets for control and functions, PUSH for rows and acks, PULL for a sink",
        ),
        // It says what is wrong with which bytes.
        Observed::Protocol(_) => Vec::new(),
        Observed::HalfFrame { .. } => {
            change("send a message with one call, and its length as 8 bytes before it")
        }
        Observed::OrderUnanswered { seen, .. } if !seen.connected => {
            change("keep the control connection, and dial it again if it is lost")
        }
        Observed::OrderUnanswered {
            command: Some(Command::Start),
            seen,
            ..
        } if kind == Some(Kind::Sink) => with_time(
            "answer `ok` as soon as the sink listens: eKuiper connects only after that, so a sink \
             that waits for a connection first waits forever",
            *seen,
            Limit::AnswerTimeout,
        ),
        Observed::OrderUnanswered { seen, .. } => with_time(
            "answer each order at once, and do the work in a thread",
            *seen,
            Limit::AnswerTimeout,
        ),
        Observed::OrderRefused { text, .. } => {
            let property = missing_property(text);
            match (&finding.symbol, property) {
                (Some(symbol), Some(property)) if symbol.kind != Kind::Function => {
                    vec![Advice::Configure {
                        symbol: symbol.clone(),
                        property: property.to_owned(),
                    }]
                }
                _ => Vec::new(),
            }
        }
        Observed::UnknownSymbol { .. } => change(
            "add it to the plugin's `PluginConfig` under this name, or remove it from the json",
        ),
        Observed::OrderGreeting { text, .. } if text == "handshake" => {
            change("greet once for each connection, and never because the plugin is idle")
        }
        Observed::OrderGreeting { .. } => {
            change("begin the answer with another letter than `h`, for example with `error: `")
        }
        Observed::OrderAnsweredTwice { .. } => {
            change("drop a reply whose id is not that of the last request")
        }
        Observed::NonsenseAccepted { .. } => {
            change("answer with an error text that does not begin with `h`")
        }
        Observed::StartedTwice { .. } => {
            change("let a second start change nothing, or let it replace the first instance")
        }
        Observed::Ended { .. } => change(
            "keep this channel open until the source is stopped; the plugin's log may say why it \
             ended",
        ),
        // The reason is in the plugin's log.
        Observed::NoRow { .. } => Vec::new(),
        Observed::InvalidRow(InvalidRow::NotJson { .. } | InvalidRow::NoObject(_)) => {
            change("send each row as {\"message\":{…},\"meta\":{…}}")
        }
        Observed::InvalidRow(_) => Vec::new(),
        Observed::NotListening { .. } => {
            change("listen before the start is answered: eKuiper connects at once")
        }
        Observed::WrongSocket(violation) if violation.is_silence() => change(
            "accept each connection and greet on it; a PULL socket of nng or mangos does so by \
             itself",
        ),
        Observed::WrongSocket(_) => change("listen on a PULL socket"),
        Observed::StillListening { .. } => change("close the socket before the stop is answered"),
        Observed::RowNotTaken {
            unread_acks: true, ..
        } => change("send acks only with `requireAck`, or drop those that cannot be sent"),
        Observed::RowNotTaken { .. } => change("read rows all the time, on a thread of its own"),
        Observed::Unread { .. } => {
            change("read rows all the time, on a thread that no error of the sink ends")
        }
        Observed::Unreachable { .. } => {
            change("keep accepting connections for as long as the sink runs")
        }
        Observed::HungUp { .. } => change(
            "keep the sink's channels open until it is stopped, even if a row cannot be handled: \
             eKuiper does not start the sink again",
        ),
        Observed::NoAck { dialed: false, .. } => {
            change("dial this address when the sink is started, and send acks on it")
        }
        Observed::NoAck { .. } => {
            change("with `requireAck` send {} or {\"error\":\"text\"} for each row")
        }
        Observed::InvalidAck { .. } => change("send {} or {\"error\":\"text\"}"),
        Observed::AckError { .. } | Observed::FunctionError { .. } => Vec::new(),
        Observed::FunctionUnanswered { seen, .. } => change(match seen {
            Seen { dialed: false, .. } => {
                "dial this address when the function is started, and greet on it"
            }
            Seen {
                connected: false, ..
            } => "keep the connection, and dial it again if it is lost",
            Seen { busy: true, .. } => "answer sooner, and do long work between calls",
            Seen { .. } => {
                "answer each request in time, also one that cannot be carried out; the function may \
                 be waiting, for example for a lock or a server"
            }
        }),
        Observed::InvalidAnswer { .. } => change(
            "answer with {\"state\":true,\"result\":…} or {\"state\":false,\"result\":\"text\"}",
        ),
    }
}

/// Returns the advice for a plugin that a debugger or a signal has stopped.
fn go_on() -> Vec<Advice> {
    vec![Advice::Do(
        "let the plugin go on in the debugger, or with `kill -CONT` and its process id".to_owned(),
    )]
}

/// Returns the module that Python has not found, if this line of the log names one.
fn missing_module(line: &str) -> Option<&str> {
    let named = line.strip_prefix("ModuleNotFoundError: No module named '")?;
    let (module, _) = named.split_once('\'')?;
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    module.chars().all(is_name).then_some(module)
}

fn install_module(module: &str) -> Advice {
    Advice::Do(format!(
        "install the module `{module}` for the interpreter that runs the plugin, for example with \
         `pip install -r requirements.txt`, or choose the interpreter of the virtual environment \
         that has it"
    ))
}

/// Returns advice to change the plugin; and to allow it more time, if it may only
/// be slow.
fn with_time(text: &'static str, seen: Seen, limit: Limit) -> Vec<Advice> {
    let mut advice = vec![Advice::Change(text)];
    advice.extend(seen.may_be_slow().then_some(Advice::RaiseLimit(limit)));
    advice
}

/// Whether a line of the log names a control address other than the host's.
fn names_other_address(line: &str, finding: &Finding) -> bool {
    finding.channel.as_ref().is_some_and(|channel| {
        let expected = format!("/tmp/{}.ipc", channel.name());
        line.contains("/tmp/plugin_") && !line.contains(&expected)
    })
}
