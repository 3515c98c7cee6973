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
    });
    let leak = leak.on(&Channel::control("mirror"));

    assert_eq!(
        refused().to_string(),
        "source `random` refused to start: missing field `url`"
    );
    assert_eq!(
        leak.to_string(),
        "the plugin sent no greeting within 5s on ipc:///tmp/plugin_mirror.ipc"
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

#[test]
fn advice_is_phrased_in_the_terms_of_the_builder() {
    let finding = Finding::new(Observed::NoGreeting {
        limit: Duration::from_secs(5),
    });

    let advice: Vec<_> = finding.advice().iter().map(ToString::to_string).collect();

    assert_eq!(
        advice,
        [
            "dial this address and send a message within the limit",
            "allow more time with `Builder::init_timeout`",
        ]
    );
}
