//! What an event on the wire means, in one sentence.

use mock_kuiper::engine::finding::describe_status;
use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::engine::symbol::Purpose;
use mock_kuiper::engine::wire::{Ack, Command, OrderAnswer};
use mock_kuiper::{Event, Kind, Meaning, Message, Outcome, Side, Symbol, What};

/// Explains an event to somebody who does not know the protocol.
pub(super) fn explain(event: &Event<'_>) -> String {
    match event.what {
        What::Message(message) => explain_message(&message),
        What::Launched { pid, .. } => format!("The host starts the plugin as process {pid}."),
        What::Connected { channel, pid } => {
            let who = match (channel.dialer(), pid) {
                (Side::Host, _) => "The host dials".to_owned(),
                (Side::Plugin, Some(pid)) => format!("Process {pid} of the plugin dials"),
                (Side::Plugin, None) => "The plugin dials".to_owned(),
            };
            format!("{who} the channel of {}.", purpose(channel.purpose()))
        }
        What::Attached { pid } => match pid {
            Some(pid) => format!("Process {pid} is the plugin now: it was started by hand."),
            None => "The plugin is there: it was started by hand.".to_owned(),
        },
        What::Detached { .. } => {
            "The plugin has exited. The host waits until it is started again.".to_owned()
        }
        What::StartedAgain {
            kind,
            symbol,
            finding: None,
        } => format!("{} runs again in the new process.", capital(kind, symbol)),
        What::StartedAgain {
            finding: Some(finding),
            ..
        } => format!("It does not run again in the new process: {finding}."),
        What::TurnedAway { pid, .. } => format!(
            "The host rejects process {}, which does not belong to the plugin.",
            pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string())
        ),
        What::Closed { channel, from } => format!(
            "{} closes its end of the channel of {}.",
            side(from),
            purpose(channel.purpose())
        ),
        What::Started { kind, symbol } => {
            format!(
                "{} runs: its start was answered with ok.",
                capital(kind, symbol)
            )
        }
        What::Stopped { kind, symbol } => {
            format!(
                "{} has stopped: its stop was answered with ok.",
                capital(kind, symbol)
            )
        }
        What::Exited { status } => {
            format!(
                "The plugin's process has exited: {}.",
                describe_status(status)
            )
        }
        What::Breached { breach, .. } => {
            format!(
                "The host breaks the transport's protocol on purpose: {}.",
                breach.describe()
            )
        }
        What::Used { cycles, .. } => {
            format!("Memory, threads and files before and after {cycles} stops and starts.")
        }
        What::Fault { fault, outcome } => match outcome {
            None => format!("The fault `{fault}` begins: {}.", fault.describe().happens),
            Some(Outcome::Survived) => format!("The plugin has survived the fault `{fault}`."),
            Some(Outcome::NotApplicable(why)) => {
                format!("The fault `{fault}` cannot happen here: {why}.")
            }
        },
        What::Finding { finding, .. } => format!("The plugin did something wrong: {finding}."),
        What::Note { text } => format!("{text}."),
        _ => String::new(),
    }
}

fn explain_message(message: &Message<'_>) -> String {
    match message.meaning {
        Meaning::Greeting => match message.channel.purpose() {
            Purpose::Function => "The function greets: it is ready for calls.".to_owned(),
            _ => "The plugin greets: it is ready for orders.".to_owned(),
        },
        Meaning::Order {
            command,
            kind,
            symbol,
        } => {
            let verb = match command {
                Command::Start => "start",
                Command::Stop => "stop",
            };
            format!(
                "The host orders the plugin to {verb} {}.",
                Symbol::new(kind, symbol)
            )
        }
        Meaning::Answer(OrderAnswer::Done) => {
            "The plugin answers ok: it has carried out the order.".to_owned()
        }
        Meaning::Answer(OrderAnswer::Refused(text)) => format!(
            "The plugin refuses the order, with this error text: {}.",
            in_sentence(&String::from_utf8_lossy(text))
        ),
        Meaning::Answer(OrderAnswer::Greeting(_)) => {
            "The plugin sends a greeting instead of an answer.".to_owned()
        }
        Meaning::Row { source, .. } => {
            format!("{} sends a row.", capital(Kind::Source, source))
        }
        Meaning::InvalidRow { source, error } => format!(
            "{} sends a message that is not a row: {error}. eKuiper skips it.",
            capital(Kind::Source, source)
        ),
        Meaning::SinkRow { sink } => {
            format!("The host sends a row to {}.", Symbol::new(Kind::Sink, sink))
        }
        Meaning::Ack { sink, ack } => {
            let sink = capital(Kind::Sink, sink);
            match ack {
                Ok(Ack::Done) => format!("{sink} acknowledges a row: it was processed."),
                Ok(Ack::Failed(text)) => format!(
                    "{sink} acknowledges a row that failed, with this error text: {}.",
                    in_sentence(text)
                ),
                Err(error) => format!("{sink} sends an ack that eKuiper cannot use: {error}."),
            }
        }
        Meaning::Request { function, request } => {
            let function = Symbol::new(Kind::Function, function);
            match request {
                "IsAggregate" => format!("The host asks whether {function} is an aggregate."),
                "Validate" => format!("The host asks whether {function} may have these arguments."),
                _ => format!("The host calls {function}."),
            }
        }
        Meaning::Reply { function } => format!("{} answers.", capital(Kind::Function, function)),
        Meaning::Late => {
            "An answer for which nobody waits any more arrives, and is dropped.".to_owned()
        }
        Meaning::Stale => {
            "The host sends an order under an id that the plugin has given up; it must be \
             dropped."
                .to_owned()
        }
        Meaning::Raw => "The host sends bytes that no eKuiper sends, as a fault.".to_owned(),
        _ => String::new(),
    }
}

fn capital(kind: Kind, symbol: &str) -> String {
    let text = Symbol::new(kind, symbol).to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Host => "The host",
        Side::Plugin => "The plugin",
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Control => "orders",
        Purpose::Source => "a source's rows",
        Purpose::Sink => "a sink's rows",
        Purpose::Ack => "a sink's acks",
        Purpose::Function => "a function",
    }
}
