use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::symbol::{Channel, Kind, Meta};
use crate::wire::{Command, InvalidRow};

fn refused() -> Finding {
    Finding::new(Observed::OrderRefused {
        command: Command::Start,
        text: "missing field `url`".into(),
    })
    .of(Kind::Source, "random")
    .at(&Meta::new("rule1", "demo"))
    .on(&Channel::control("mirror"))
}

#[test]
fn a_finding_is_one_sentence_that_names_the_symbol() {
    let leak = Finding::new(Observed::NoGreeting {
        limit: Duration::from_secs(5),
        seen: Seen::default(),
    });
    let leak = leak.on(&Channel::control("mirror"));

    assert_eq!(
        refused().to_string(),
        "source `random` refused to start: missing field `url`"
    );
    assert_eq!(
        leak.to_string(),
        "the plugin sent no greeting within 5s on ipc:///tmp/plugin_mirror.ipc: it has not dialed, \
         and it is idle"
    );
}

#[test]
fn a_refusal_that_is_almost_ok_or_empty_is_quoted() {
    let text = |text: &str| {
        Finding::new(Observed::OrderRefused {
            command: Command::Stop,
            text: text.into(),
        })
        .of(Kind::Sink, "file")
        .to_string()
    };

    assert_eq!(
        text("ok\n"),
        r#"sink `file` refused to stop: the answer is "ok\n", expected `ok` alone"#
    );
    assert_eq!(
        text(""),
        "sink `file` refused to stop without a reason: the answer is empty"
    );
}

#[test]
fn no_sentence_has_what_a_terminal_acts_on_or_is_long() {
    let hostile = format!("\x1b]0;X\x07{}", "x".repeat(64 << 20));
    let text = || hostile.clone();
    let command = Command::Start;
    let request = "Exec";
    let observed = [
        Observed::OrderRefused {
            command,
            text: text(),
        },
        Observed::OrderGreeting {
            command,
            text: text(),
        },
        Observed::OrderAnsweredTwice {
            command,
            texts: [text(), text()],
        },
        Observed::NonsenseAccepted {
            bytes: 1,
            text: text(),
        },
        Observed::InvalidRow(InvalidRow::Error(text())),
        Observed::NotListening { cause: text() },
        Observed::Unreachable { cause: text() },
        Observed::InvalidAck { reason: text() },
        Observed::AckError { text: text() },
        Observed::InvalidAnswer {
            request,
            reason: text(),
        },
        Observed::FunctionError { text: text() },
    ];

    for observed in observed {
        let finding = Finding::new(observed).of(Kind::Sink, &hostile);
        let shown = finding.to_string();
        let details = Value::Object(finding.observed.details()).to_string();

        assert!(!shown.contains(char::is_control), "{shown}");
        assert!(shown.contains("]0;X"), "{shown}");
        assert!(shown.len() < 2500, "{}", shown.len());
        assert!(!details.contains(char::is_control), "{details}");
        assert!(details.len() < 2500, "{}", details.len());
    }
}

#[test]
fn a_finding_as_json_has_its_code_its_subject_and_its_advice() {
    assert_eq!(
        Value::Object(refused().to_json()),
        json!({
            "code": "order.refused",
            "what": "source `random` refused to start: missing field `url`",
            "kind": "source",
            "symbol": "random",
            "instance": "rule1_demo_0",
            "channel": "plugin_mirror",
            "details": {"command": "start", "text": "missing field `url`"},
            "advice": [
                {"do": "configure", "kind": "source", "symbol": "random", "property": "url"}
            ],
        })
    );
}

fn advice_for(observed: Observed) -> Vec<String> {
    let advice = Finding::new(observed).of(Kind::Sink, "file").advice();
    advice.iter().map(ToString::to_string).collect()
}

fn seen(dialed: bool, connected: bool, busy: bool) -> Seen {
    Seen {
        dialed,
        connected,
        busy,
        stopped: false,
    }
}

#[test]
fn a_plugin_that_is_stopped_is_not_called_slow() {
    let seen = Seen {
        stopped: true,
        ..seen(true, true, false)
    };
    let limit = Duration::from_secs(5);
    let advice = ["let the plugin go on in the debugger, or with `kill -CONT` and its process id"];

    assert_eq!(
        seen.to_string(),
        "its connection is open, and a debugger or a signal has stopped it"
    );
    assert_eq!(advice_for(Observed::NoGreeting { limit, seen }), advice);
    let request = "Exec";
    assert_eq!(
        advice_for(Observed::FunctionUnanswered {
            request,
            limit,
            seen
        }),
        advice
    );
}

#[test]
fn more_time_is_advised_only_for_a_plugin_that_is_connected_or_busy() {
    let limit = Duration::from_secs(5);
    let greeting = |seen| advice_for(Observed::NoGreeting { limit, seen });
    let order = |seen| {
        advice_for(Observed::OrderUnanswered {
            command: None,
            limit,
            seen,
        })
    };
    let more_greeting = "allow more time with `Builder::init_timeout`";
    let more_answer = "allow more time with `Builder::answer_timeout`";

    assert_eq!(
        greeting(seen(false, false, false)),
        ["dial this address and send a message within the limit"]
    );
    assert_eq!(
        greeting(seen(false, false, true)),
        [
            "dial this address and send a message within the limit",
            more_greeting
        ]
    );
    assert_eq!(
        greeting(seen(true, true, false)),
        [
            "send a message as soon as the connection is there",
            more_greeting
        ]
    );
    assert_eq!(
        greeting(seen(true, false, false)),
        ["keep the connection, and send a message on it"]
    );
    assert_eq!(
        order(seen(true, true, false)),
        [
            "answer each order at once, and do the work in a thread",
            more_answer
        ]
    );
    assert_eq!(
        order(seen(true, false, true)),
        ["keep the control connection, and dial it again if it is lost"]
    );
}

#[test]
fn a_function_is_told_to_be_faster_only_if_it_is_busy() {
    let call = |seen| {
        advice_for(Observed::FunctionUnanswered {
            request: "Exec",
            limit: Duration::from_secs(5),
            seen,
        })
    };

    assert_eq!(
        call(seen(true, true, true)),
        ["answer sooner, and do long work between calls"]
    );
    assert_eq!(
        call(seen(true, true, false)),
        [
            "answer each request in time, also one that cannot be carried out; the function may be \
          waiting, for example for a lock or a server"
        ]
    );
    assert_eq!(
        call(seen(false, false, true)),
        ["dial this address when the function is started, and greet on it"]
    );
}

#[test]
fn acks_are_blamed_only_if_some_were_sent_or_none_can_come() {
    let limit = Duration::from_secs(5);
    let row = |unread_acks| advice_for(Observed::RowNotTaken { limit, unread_acks });
    let ack = |dialed| advice_for(Observed::NoAck { limit, dialed });

    assert_eq!(
        row(false),
        ["read rows all the time, on a thread of its own"]
    );
    assert_eq!(
        row(true),
        ["send acks only with `requireAck`, or drop those that cannot be sent"]
    );
    assert_eq!(
        ack(false),
        ["dial this address when the sink is started, and send acks on it"]
    );
    assert_eq!(
        ack(true),
        ["with `requireAck` send {} or {\"error\":\"text\"} for each row"]
    );
}
