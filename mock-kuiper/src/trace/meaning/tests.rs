use super::*;

const START: &str = r#"{"cmd":"start","arg":"{\"symbolName\":\"echo\",\"meta\":{\"ruleId\":\"\",\"opId\":\"\",\"instanceId\":0},\"pluginType\":\"func\"}"}"#;

/// Interprets messages of `plugin_p`: their sender, id and text.
fn kinds(host: &str, messages: &[(&str, u32, &str)]) -> Vec<String> {
    let header = Header {
        host: host.into(),
        plugin: "p".into(),
        note: "".into(),
        dropped: 0,
    };
    let mut interpreter = Interpreter::new(&header);
    let kinds = messages.iter().map(|(from, id, text)| {
        let line = Line {
            channel: Some("plugin_p".into()),
            from: Some((*from).into()),
            id: Some(format!("{id:08x}").into()),
            text: Some((*text).into()),
            ..Line::default()
        };
        let read = interpreter.interpret(2, &line);
        format!("{}: {}", read.sense.kind(), read.text(&line))
    });
    kinds.collect()
}

#[test]
fn the_answer_to_an_order_is_the_plugins_next_request() {
    let messages = [
        ("plugin", 7, "handshake"),
        ("host", 7, START),
        ("plugin", 8, "no"),
        ("plugin", 8, "no"),
        ("plugin", 9, "ok"),
    ];

    assert_eq!(
        kinds("eKuiper 2.4.0", &messages),
        [
            "greeting: handshake",
            "order: start function `echo`",
            "answer: refused after 0.0 ms: no",
            "resent: the message of before, again: no",
            "late: nobody waits for it: ok",
        ]
    );
}

#[test]
fn an_order_under_an_id_that_the_plugin_has_given_up_is_dropped() {
    let messages = [
        ("plugin", 7, "handshake"),
        ("plugin", 8, "handshake"),
        ("host", 7, START),
        ("host", 8, START),
        ("plugin", 9, "ok"),
    ];

    assert_eq!(
        kinds("eKuiper 2.4.0", &messages)[1..],
        [
            "greeting: handshake, while idle".to_owned(),
            format!("stale: under an id that the plugin has given up, so it is dropped: {START}"),
            "order: start function `echo`".to_owned(),
            "answer: ok after 0.0 ms".to_owned(),
        ]
    );
}

#[test]
fn a_greeting_that_answers_an_order_is_a_refusal_before_2_1_3() {
    let messages = [
        ("plugin", 7, "handshake"),
        ("host", 7, START),
        ("plugin", 8, "handshake"),
    ];

    assert_eq!(
        kinds("mock-kuiper as eKuiper 2.4", &messages)[2],
        "greeting: handshake, instead of an answer"
    );
    assert_eq!(
        kinds("eKuiper v2.0.8", &messages)[2],
        "answer: handshake, which this release takes for a refusal"
    );
}

#[test]
fn requests_are_written_as_calls() {
    let text = |body: &str| {
        let line = Line {
            channel: Some("func_f".into()),
            from: Some("host".into()),
            text: Some(body.into()),
            ..Line::default()
        };
        let header = Header {
            host: "".into(),
            plugin: "".into(),
            note: "".into(),
            dropped: 0,
        };
        Interpreter::new(&header).interpret(2, &line).text(&line)
    };

    assert_eq!(
        text(r#"{"func":"IsAggregate","arg":null}"#),
        "IsAggregate()"
    );
    assert_eq!(
        text(
            r#"{"func":"Validate","arg":[{"StreamName":"s","Name":"n"},{"Val":1.5},{"Name":"g","FuncId":4,"Args":[{"Val":"a"}]}]}"#
        ),
        r#"Validate(n, 1.5, g("a"))"#
    );
    assert_eq!(
        text(
            r#"{"func":"Exec","arg":[1,null,"{\"ruleId\":\"r1\",\"opId\":\"o\",\"instanceId\":0,\"funcId\":1}"]}"#
        ),
        "Exec(1, null) in rule r1"
    );
    assert_eq!(
        text(r#"{"func":"Exec","arg":[1]}"#),
        r#"{"func":"Exec","arg":[1]}"#
    );
}
