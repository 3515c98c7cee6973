//! The rules of the control channel, tested without a socket.

use std::sync::{Arc, Mutex};

use super::*;

/// Starts instances that record what is done with them.
#[derive(Clone, Default)]
struct Noting {
    notes: Arc<Mutex<Vec<String>>>,
    refuse: Option<&'static str>,
}

impl Noting {
    fn note(&self, what: &str, name: &str) {
        self.notes.lock().unwrap().push(format!("{what} {name}"));
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }
}

impl Launcher for Noting {
    fn start(&mut self, target: &Target) -> Result<Box<dyn Instance>, OrderError> {
        if let Some(cause) = self.refuse {
            return Err(OrderError::Refused {
                kind: target.kind,
                symbol: target.symbol.clone(),
                cause: cause.to_owned(),
            });
        }
        if target.symbol.starts_with('u') {
            return Err(OrderError::UnknownSymbol {
                kind: target.kind,
                symbol: target.symbol.clone(),
            });
        }
        self.note("start", &target.symbol);
        Ok(Box::new(Noted {
            launcher: self.clone(),
            symbol: target.symbol.clone(),
        }))
    }
}

struct Noted {
    launcher: Noting,
    symbol: String,
}

impl Instance for Noted {
    fn is_running(&self) -> bool {
        !self.symbol.starts_with("short")
    }

    fn begin_stop(&self) {
        self.launcher.note("begin stop", &self.symbol);
    }

    fn release(&self, _limits: &StopLimits) {
        self.launcher.note("release", &self.symbol);
    }

    fn finish_stop(self: Box<Self>, _limits: &StopLimits) {
        self.launcher.note("finish stop", &self.symbol);
    }
}

fn order(command: &str, kind: &str, symbol: &str, config: &str) -> Vec<u8> {
    let argument = format!(
        r#"{{"symbolName":"{symbol}","meta":{{"ruleId":"r","opId":"o","instanceId":0}},"pluginType":"{kind}","config":{config}}}"#
    );
    format!(
        r#"{{"cmd":"{command}","arg":{}}}"#,
        serde_json::to_string(&argument).unwrap()
    )
    .into_bytes()
}

fn dispatcher() -> (Dispatcher<Noting>, Noting) {
    let launcher = Noting::default();
    (Dispatcher::new(launcher.clone()), launcher)
}

#[test]
fn a_start_and_a_stop_are_answered_ok() {
    let (mut plugin, launcher) = dispatcher();

    let started = plugin.answer(&order("start", "source", "random", "{}"));
    let stopped = plugin.answer(&order("stop", "source", "random", "{}"));

    assert_eq!(started, b"ok");
    assert_eq!(stopped, b"ok");
    assert_eq!(
        launcher.notes(),
        [
            "start random",
            "begin stop random",
            "release random",
            "finish stop random"
        ]
    );
}

#[test]
fn an_invalid_order_gets_an_error_text_and_the_next_order_works() {
    let (mut plugin, launcher) = dispatcher();
    let cases: [(&[u8], &[u8]); 4] = [
        (
            b"no json",
            b"malformed order: expected ident at line 1 column 2",
        ),
        (
            &order("pause", "source", "random", "{}"),
            b"unknown command `pause`: expected `start` or `stop`",
        ),
        (
            &order("start", "hub", "random", "{}"),
            b"unknown plugin type `hub`: expected `source`, `sink` or `func`",
        ),
        (
            &order("start", "source", "unheard", "{}"),
            b"unknown source `unheard`: this plugin has no source of that name",
        ),
    ];
    for (bytes, expected) in cases {
        let answer = plugin.answer(bytes);

        assert_eq!(
            String::from_utf8_lossy(&answer),
            String::from_utf8_lossy(expected)
        );
    }
    assert_eq!(plugin.answer(&order("start", "sink", "print", "{}")), b"ok");
    assert_eq!(launcher.notes(), ["start print"]);
}

#[test]
fn a_refusal_never_begins_like_a_greeting() {
    for cause in ["host unreachable", "handshake", "hhh", "", "ok"] {
        let mut plugin = Dispatcher::new(Noting {
            refuse: Some(cause),
            ..Noting::default()
        });

        let answer = plugin.answer(&order("start", "source", "tcp", "{}"));

        assert_eq!(
            String::from_utf8(answer).unwrap(),
            format!("cannot start source `tcp`: {cause}")
        );
    }
}

#[test]
fn no_answer_to_any_order_begins_with_h() {
    let (mut plugin, _) = dispatcher();
    for bytes in [
        &b"handshake"[..],
        b"h",
        b"\"h\"",
        b"",
        &order("h", "source", "s", "{}"),
        &order("start", "h", "s", "{}"),
        &order("start", "source", "h", "7"),
        &order("start", "source", "uh", "{}"),
        &order("stop", "h", "h", "{}"),
    ] {
        let answer = plugin.answer(bytes);

        assert_ne!(answer.first(), Some(&b'h'));
        assert!(!answer.is_empty());
    }
}

#[test]
fn the_same_start_again_changes_nothing() {
    let (mut plugin, launcher) = dispatcher();
    plugin.answer(&order("start", "sink", "print", r#"{"a":1,"b":2}"#));

    // The same JSON with its keys in another order.
    let answer = plugin.answer(&order("start", "sink", "print", r#"{"b":2,"a":1}"#));

    assert_eq!(answer, b"ok");
    assert_eq!(launcher.notes(), ["start print"]);
}

#[test]
fn a_start_with_another_argument_replaces_the_old_instance() {
    let (mut plugin, launcher) = dispatcher();
    plugin.answer(&order("start", "source", "random", r#"{"interval":1}"#));

    let answer = plugin.answer(&order("start", "source", "random", r#"{"interval":2}"#));

    assert_eq!(answer, b"ok");
    assert_eq!(
        launcher.notes(),
        [
            "start random",
            "begin stop random",
            "release random",
            "finish stop random",
            "start random"
        ]
    );
}

#[test]
fn an_instance_that_ended_by_itself_can_be_started_again() {
    let (mut plugin, launcher) = dispatcher();
    plugin.answer(&order("start", "source", "short", "{}"));

    plugin.answer(&order("start", "source", "short", "{}"));

    assert_eq!(launcher.notes().last().unwrap(), "start short");
}

#[test]
fn a_running_function_is_not_started_again_even_with_another_argument() {
    let (mut plugin, launcher) = dispatcher();
    plugin.answer(&order("start", "func", "echo", "{}"));

    let answer = plugin
        .answer(br#"{"cmd":"start","arg":"{\"symbolName\":\"echo\",\"pluginType\":\"func\"}"}"#);

    assert_eq!(answer, b"ok");
    assert_eq!(launcher.notes(), ["start echo"]);
}

#[test]
fn stopping_an_instance_that_is_not_running_is_answered_ok() {
    let (mut plugin, launcher) = dispatcher();

    let answers = [
        plugin.answer(&order("stop", "source", "random", "{}")),
        plugin.answer(&order("stop", "sink", "unheard", "{}")),
    ];

    assert_eq!(answers, [b"ok", b"ok"]);
    assert!(launcher.notes().is_empty());
}

#[test]
fn symbols_of_different_kinds_may_have_the_same_name() {
    let (mut plugin, launcher) = dispatcher();

    for kind in ["source", "sink", "func"] {
        plugin.answer(&order("start", kind, "mirror", "{}"));
    }

    assert_eq!(launcher.notes().len(), 3);
}

#[test]
fn all_instances_are_stopped_and_released_before_any_is_waited_for() {
    let (mut plugin, launcher) = dispatcher();
    plugin.answer(&order("start", "source", "a", "{}"));
    plugin.answer(&order("start", "sink", "b", "{}"));
    launcher.notes();

    plugin.stop_all();

    let notes = launcher.notes();
    assert!(notes[..2].iter().all(|note| note.starts_with("begin stop")));
    assert!(notes[2..4].iter().all(|note| note.starts_with("release")));
    assert!(
        notes[4..]
            .iter()
            .all(|note| note.starts_with("finish stop"))
    );
}

#[test]
fn long_names_are_shortened_in_log_lines_and_answers() {
    let long = || "x".repeat(10_000_000);
    let key = InstanceKey {
        kind: Kind::Source,
        symbol: long(),
        identity: Identity {
            rule_id: long(),
            op_id: long(),
            instance_id: 0,
        },
    };
    let info = crate::context::InstanceInfo::new(&long(), key.identity.clone());
    let unknown = OrderError::UnknownSymbol {
        kind: Kind::Source,
        symbol: long(),
    };

    for shown in [key.to_string(), info.to_string(), unknown.to_string()] {
        assert!(shown.len() < 3000, "{}", shown.len());
        assert!(shown.contains("… (10000000 bytes)"), "{shown}");
    }
}
