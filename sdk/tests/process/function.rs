//! Functions: their channel and their answers.

use ekuiper_sp::{Options, Rep};
use serde_json::{Value, json};

use crate::host::{Host, Instance, SOON};
use crate::panic::{asked_to_panic, panicked};

/// The host's end of a function's channel, on which the function has greeted.
pub(crate) struct Channel {
    rep: Rep,
    url: String,
}

impl Channel {
    pub(crate) fn start(host: &mut Host, function: &str) -> Channel {
        let symbol = format!("{}_{function}", host.plugin.name);
        let url = format!("ipc:///tmp/func_{symbol}.ipc");
        let rep = Rep::listen(&url, Options::default()).unwrap();
        host.start(&instance(&symbol));
        let mut channel = Channel { rep, url };
        channel.greeted();
        channel
    }

    fn greeted(&mut self) {
        assert_eq!(self.rep.recv(Some(SOON)).unwrap(), b"handshake");
    }

    pub(crate) fn request(&mut self, request: &str) -> String {
        self.rep.send(request.as_bytes(), Some(SOON)).unwrap();
        String::from_utf8(self.rep.recv(Some(SOON)).unwrap().to_vec()).unwrap()
    }
}

/// Returns a function, with the argument of its start order.
fn instance(symbol: &str) -> Instance {
    Instance {
        rule: String::new(),
        op: String::new(),
        argument: json!({
            "symbolName": symbol, "meta": {"ruleId": "", "opId": "", "instanceId": 0},
            "pluginType": "func"
        }),
    }
}

#[test]
fn a_function_greets_and_answers_each_kind_of_request() {
    let mut host = Host::launch();

    let mut echo = Channel::start(&mut host, "echo");

    assert_eq!(
        echo.request(r#"{"func":"IsAggregate","arg":null}"#),
        r#"{"state":true,"result":false}"#
    );
    assert_eq!(
        echo.request(r#"{"func":"Validate","arg":[{"StreamName":"$$default","Name":"n"}]}"#),
        r#"{"state":true,"result":""}"#
    );
    assert_eq!(
        echo.request(r#"{"func":"Validate","arg":null}"#),
        r#"{"state":false,"result":"host gave no argument"}"#
    );
    assert_eq!(
        echo.request(
            r#"{"func":"Exec","arg":[1.5,null,"{\"ruleId\":\"r\",\"opId\":\"2_project\",\"instanceId\":0,\"funcId\":3}"]}"#
        ),
        r#"{"state":true,"result":{"args":[1.5,null],"ids":["r","2_project",0,3]}}"#
    );
}

#[test]
fn starting_a_running_function_again_changes_nothing() {
    let mut host = Host::launch();
    let mut echo = Channel::start(&mut host, "echo");
    let symbol = format!("{}_echo", host.plugin.name);

    host.start(&instance(&symbol));

    assert_eq!(
        echo.request(r#"{"func":"IsAggregate","arg":null}"#),
        r#"{"state":true,"result":false}"#
    );
    assert_eq!(host.plugin.log().matches("started function").count(), 1);
}

#[test]
fn an_aggregate_gets_an_empty_array_for_null() {
    let mut host = Host::launch();
    let mut mean = Channel::start(&mut host, "mean");

    let empty = mean.request(r#"{"func":"Exec","arg":[null,"{}"]}"#);
    let full = mean.request(r#"{"func":"Exec","arg":[[1,2],"{}"]}"#);

    assert_eq!(empty, r#"{"state":true,"result":null}"#);
    assert_eq!(full, r#"{"state":true,"result":1.5}"#);
}

#[test]
fn a_panic_in_exec_is_answered_with_its_text_and_the_next_call_works() {
    let mut host = Host::launch();
    let mut echo = Channel::start(&mut host, "echo");

    let panicked = echo.request(r#"{"func":"Exec","arg":["panic","{}"]}"#);
    let next = echo.request(r#"{"func":"IsAggregate","arg":null}"#);

    assert_eq!(
        panicked,
        format!(r#"{{"state":false,"result":"{}"}}"#, asked_to_panic("exec"))
    );
    let symbol = format!("{}_echo", host.plugin.name);
    host.plugin.wait_log(&format!(
        "ERROR ekuiper::function: function `{symbol}`: exec {}",
        asked_to_panic("exec")
    ));
    assert_eq!(next, r#"{"state":true,"result":false}"#);
}

#[test]
fn a_panic_while_a_function_is_created_is_the_answer_to_the_start() {
    let mut host = Host::launch();
    let symbol = format!("{}_broken", host.plugin.name);

    let answer = host.order("start", &instance(&symbol).argument);

    assert_eq!(
        answer,
        format!(
            "cannot start function `{symbol}`: {}",
            panicked(r#"panic!("broken factory")"#, "broken factory")
        )
    );
}

#[test]
fn after_its_channel_closes_a_function_greets_again() {
    let mut host = Host::launch();
    let mut echo = Channel::start(&mut host, "echo");
    echo.rep
        .send(br#"{"func":"IsAggregate","arg":null}"#, Some(SOON))
        .unwrap();
    let url = echo.url.clone();
    drop(echo);

    let mut echo = Channel {
        rep: Rep::listen(&url, Options::default()).unwrap(),
        url,
    };

    echo.greeted();
    assert_eq!(
        echo.request(r#"{"func":"IsAggregate","arg":null}"#),
        r#"{"state":true,"result":false}"#
    );
}

#[test]
fn arguments_and_results_may_have_16_mib() {
    let mut host = Host::launch();
    let mut echo = Channel::start(&mut host, "echo");
    let long = "x".repeat(16 << 20);

    let answer = echo.request(&format!(
        r#"{{"func":"Exec","arg":["echo","{long}","{{}}"]}}"#
    ));

    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert!(
        answer["result"] == long.as_str(),
        "the result differs from the argument"
    );
}
