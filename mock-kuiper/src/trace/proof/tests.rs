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
fn what_is_missing_at_the_end_is_told_in_the_order_of_the_lines() {
    let ids = r#"{\"ruleId\":\"r\",\"opId\":\"o\",\"instanceId\":0,\"funcId\":0}"#;
    let exec = format!(r#"{{"func":"Exec","arg":["{ids}"]}}"#);
    let channels: Vec<_> = (0..20)
        .map(|number| format!("func_{}", 99 - number))
        .collect();
    let mut lines: Vec<_> = (channels.iter())
        .map(|channel| message(0.0, channel, "host", &exec))
        .collect();
    lines.push(event(12.0, "log"));

    let proven = proven("eKuiper 2.4.0", 0, &lines);

    let numbers: Vec<_> = proven.iter().map(|(_, number, _)| *number).collect();
    assert_eq!(numbers, (2..22).collect::<Vec<_>>());
}

#[test]
fn the_lines_of_a_proof_are_in_their_order() {
    let start = order("start", "sink", "");
    let lines: Vec<_> = ["plugin_z", "plugin_y", "plugin_x", "plugin_a"]
        .map(|channel| message(0.0, channel, "host", &start))
        .into_iter()
        .chain([event(12.0, "log")])
        .collect();

    assert_eq!(proven("eKuiper 2.4.0", 0, &lines)[0].1, 2);
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

#[test]
fn an_answer_or_an_ack_that_was_recorded_in_part_is_not_missing() {
    let cut = |t: f64, channel: &'static str| Line {
        length: Some(2_000_000),
        ..message(t, channel, "plugin", "{\"…")
    };
    let exec = r#"{"func":"Exec","arg":["{}"]}"#;
    let lines = [
        message(0.0, "plugin_p", "plugin", "handshake"),
        message(
            0.1,
            "plugin_p",
            "host",
            &order("start", "sink", r#","config":{"requireAck":true}"#),
        ),
        message(0.2, "plugin_p", "plugin", "ok"),
        message(0.3, "r_o_0", "host", "[{}]"),
        cut(0.4, "r_o_0_ack"),
        message(0.5, "r_o_0", "host", "[{}]"),
        message(0.6, "r_o_0_ack", "plugin", "{}"),
        message(1.0, "func_f", "plugin", "handshake"),
        message(1.1, "func_f", "host", exec),
        cut(1.2, "func_f"),
        message(20.0, "func_f", "host", exec),
        cut(20.1, "func_f"),
        event(60.0, "exit"),
    ];

    assert_eq!(proven("eKuiper 2.4.0", 0, &lines), []);
}

fn closed<'a>(t: f64, channel: &'a str, from: &'a str) -> Line<'a> {
    Line {
        channel: Some(channel.into()),
        from: Some(from.into()),
        ..event(t, "closed")
    }
}

#[test]
fn a_sink_that_closes_its_channel_and_does_not_come_back_has_hung_up() {
    let begin = [
        message(0.0, "plugin_p", "plugin", "handshake"),
        message(0.1, "plugin_p", "host", &order("start", "sink", "")),
        message(0.2, "plugin_p", "plugin", "ok"),
        message(0.3, "r_o_0", "host", "[{}]"),
        message(0.4, "r_o_0", "host", "[{}]"),
        closed(0.5, "r_o_0", "plugin"),
    ];
    let again = Line {
        channel: Some("r_o_0".into()),
        dialer: Some("host".into()),
        ..event(1.4, "connected")
    };
    let stop = message(1.4, "plugin_p", "host", &order("stop", "sink", ""));
    let then = |line: Line<'static>| {
        let mut lines = begin.to_vec();
        lines.extend([line, message(2.6, "other", "host", "{}")]);
        lines
    };

    let hung_up = one(
        "sink.hung-up",
        7,
        "sink `s` closed its channel after 2 rows, and did not restore it",
    );
    let some = message(1.4, "other", "host", "{}");
    assert_eq!(proven("eKuiper 2.4.0", 0, &then(some.clone())), hung_up);
    assert_eq!(proven("eKuiper 2.4.0", 1, &then(some)), []);
    let mut host_first = then(stop.clone());
    host_first[5] = closed(0.5, "r_o_0", "host");
    assert_eq!(proven("eKuiper 2.4.0", 0, &host_first), []);
    for line in [again, stop, event(1.4, "exit"), event(1.4, "launch")] {
        assert_eq!(
            proven("eKuiper 2.4.0", 0, &then(line.clone())),
            [],
            "{line:?}"
        );
    }
}

#[test]
fn a_message_that_a_hidden_value_has_torn_proves_nothing() {
    let lines = [
        message(0.0, "plugin_p", "plugin", "handshake"),
        message(0.1, "plugin_p", "host", &order("start", "source", "")),
        message(0.2, "plugin_p", "plugin", "the pin [redacted] is wrong"),
        message(0.3, "r_o_0", "plugin", r#"{"message":{"n":1[redacted]}}"#),
        message(0.4, "r_o_0", "plugin", r#"{"message":"[redacted]"}"#),
    ];

    let codes: Vec<_> = proven("eKuiper 2.4.0", 9, &lines)
        .into_iter()
        .map(|(code, line, _)| (code, line))
        .collect();

    let expected = [("order.refused", 4), ("row.message-not-object", 6)];
    assert_eq!(codes, expected.map(|(code, line)| (code.to_owned(), line)));
}
