//! The answers to requests, tested without a socket.

use std::collections::HashMap;

use serde_json::json;

use super::*;

/// Answers with its arguments and the ids of the call. Fails and panics on
/// request.
#[derive(Default)]
struct Probe {
    aggregate: bool,
    rows: HashMap<FunctionContext, u64>,
}

impl Function for Probe {
    fn validate(&mut self, args: &[Expr]) -> crate::Result {
        match args {
            [] => Err("needs one argument".into()),
            [Expr::Literal(value)] if value == "panic" => panic!("bad tree"),
            _ => Ok(()),
        }
    }

    fn exec(&mut self, args: Args, ctx: &FunctionContext) -> crate::Result<Value> {
        if args[0] == "panic" {
            panic!("half way");
        }
        if args[0] == "unprintable" {
            return Err(panics::Unprintable.into());
        }
        let rows = self.rows.entry(ctx.clone()).or_default();
        *rows += 1;
        let ids = (
            ctx.rule_id(),
            ctx.op_id(),
            ctx.instance_id(),
            ctx.function_id(),
        );
        Ok(json!({"args": args.as_slice(), "rows": rows, "ids": ids}))
    }

    fn is_aggregate(&self) -> bool {
        self.aggregate
    }
}

fn calls(probe: Probe) -> Calls {
    Calls::new("probe", Box::new(probe))
}

fn answer(calls: &mut Calls, request: &str) -> String {
    let mut answer = Vec::new();
    calls.answer(request.as_bytes(), &mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn validate_is_answered_with_an_empty_text_or_the_error() {
    let mut calls = calls(Probe::default());

    let good = answer(&mut calls, r#"{"func":"Validate","arg":[{"Val":1}]}"#);
    let none = answer(&mut calls, r#"{"func":"Validate","arg":null}"#);

    assert_eq!(good, r#"{"state":true,"result":""}"#);
    assert_eq!(none, r#"{"state":false,"result":"needs one argument"}"#);
}

#[test]
fn is_aggregate_is_answered_with_a_boolean() {
    for aggregate in [true, false] {
        let mut calls = calls(Probe {
            aggregate,
            ..Probe::default()
        });

        let answer = answer(&mut calls, r#"{"func":"IsAggregate","arg":null}"#);

        assert_eq!(answer, format!(r#"{{"state":true,"result":{aggregate}}}"#));
    }
}

#[test]
fn calls_with_the_same_ids_share_a_context() {
    let mut calls = calls(Probe::default());
    let first = r#"{"func":"Exec","arg":[1.5,null,"{\"ruleId\":\"r\",\"opId\":\"3_project\",\"instanceId\":0,\"funcId\":5}"]}"#;
    // The same call with its ids in another order.
    let again = r#"{"func":"Exec","arg":["{\"funcId\":5,\"ruleId\":\"r\",\"opId\":\"3_project\",\"instanceId\":0}"]}"#;
    let other = r#"{"func":"Exec","arg":["{\"ruleId\":\"r\",\"opId\":\"3_project\",\"instanceId\":0,\"funcId\":6}"]}"#;

    let answers = [first, again, other].map(|request| answer(&mut calls, request));

    assert_eq!(
        answers,
        [
            r#"{"state":true,"result":{"args":[1.5,null],"ids":["r","3_project",0,5],"rows":1}}"#,
            r#"{"state":true,"result":{"args":[],"ids":["r","3_project",0,5],"rows":2}}"#,
            r#"{"state":true,"result":{"args":[],"ids":["r","3_project",0,6],"rows":1}}"#,
        ]
    );
}

#[test]
fn an_aggregate_gets_an_empty_array_for_null() {
    let mut calls = calls(Probe {
        aggregate: true,
        ..Probe::default()
    });

    let answer = answer(
        &mut calls,
        r#"{"func":"Exec","arg":[null,[null,1],"{\"ruleId\":\"r\",\"opId\":\"o\",\"instanceId\":0,\"funcId\":0}"]}"#,
    );

    assert_eq!(
        answer,
        r#"{"state":true,"result":{"args":[[],[null,1]],"ids":["r","o",0,0],"rows":1}}"#
    );
}

/// Returns the answer to a request that panics in this file.
fn failed_with(message: &str) -> String {
    let code = format!("panic!({message:?})");
    let text = panics::expected(file!(), include_str!("tests.rs"), &code, message);
    format!(r#"{{"state":false,"result":"{text}"}}"#)
}

#[test]
fn a_panic_is_answered_with_its_location_and_the_next_call_works() {
    let mut calls = calls(Probe::default());

    let exec = answer(&mut calls, r#"{"func":"Exec","arg":["panic","{}"]}"#);
    let validate = answer(&mut calls, r#"{"func":"Validate","arg":[{"Val":"panic"}]}"#);
    let next = answer(&mut calls, r#"{"func":"Validate","arg":[{"Val":1}]}"#);

    assert_eq!(exec, failed_with("half way"));
    assert_eq!(validate, failed_with("bad tree"));
    assert_eq!(next, r#"{"state":true,"result":""}"#);
}

#[test]
fn an_error_that_panics_while_it_is_formatted_fails_only_its_call() {
    let mut calls = calls(Probe::default());

    let exec = answer(&mut calls, r#"{"func":"Exec","arg":["unprintable","{}"]}"#);
    let next = answer(&mut calls, r#"{"func":"Validate","arg":[{"Val":1}]}"#);

    assert!(
        exec.starts_with(r#"{"state":false,"result":"panicked at "#),
        "{exec}"
    );
    assert!(exec.ends_with(r#": no words"}"#), "{exec}");
    assert_eq!(next, r#"{"state":true,"result":""}"#);
}

#[test]
fn a_panic_while_a_state_that_is_not_kept_is_dropped_does_not_fail_the_call() {
    #[derive(Default)]
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    struct Stateful;
    impl Function for Stateful {
        fn exec(&mut self, _: Args, ctx: &FunctionContext) -> crate::Result<Value> {
            Ok(ctx.with_state(|_: &mut Bad| json!(1)))
        }
    }
    let mut calls = Calls::new("stateful", Box::new(Stateful));
    let long = "r".repeat(2000);
    let ids = json!({"ruleId": long, "opId": "o", "instanceId": 0, "funcId": 0}).to_string();

    let result = calls.exec(vec![Given::Value(json!(ids))]);

    assert_eq!(result, Ok(json!(1)));
}

#[test]
fn a_panic_in_is_aggregate_is_answered_with_its_location() {
    struct Undecided;
    impl Function for Undecided {
        fn exec(&mut self, _: Args, _: &FunctionContext) -> crate::Result<Value> {
            Ok(Value::Null)
        }
        fn is_aggregate(&self) -> bool {
            panic!("undecided")
        }
    }
    let mut calls = Calls::new("undecided", Box::new(Undecided));

    let answer = answer(&mut calls, r#"{"func":"IsAggregate","arg":null}"#);

    assert_eq!(answer, failed_with("undecided"));
}

#[test]
fn an_invalid_request_is_answered_with_an_error() {
    let mut calls = calls(Probe::default());
    for (request, text) in [
        ("handshake", "malformed request: expected value"),
        (
            r#"{"func":"Exec","arg":7}"#,
            "malformed request: invalid type",
        ),
        (
            r#"{"func":"Exec","arg":null}"#,
            "malformed request: expected a string with the ids of the call",
        ),
        (
            r#"{"func":"Exec","arg":[1]}"#,
            "malformed request: expected a string with the ids of the call",
        ),
        (
            r#"{"func":"Exec","arg":["x"]}"#,
            "malformed request: invalid ids of the call: ",
        ),
        (r#"{"func":"Close","arg":null}"#, "unknown request `Close`"),
    ] {
        let answer = answer(&mut calls, request);

        let expected = format!(r#"{{"state":false,"result":"{text}"#);
        assert!(answer.starts_with(&expected), "{answer} for {request}");
    }
}

#[test]
fn a_type_that_implements_function_has_state_too() {
    struct Count;
    impl Function for Count {
        fn exec(&mut self, _: Args, ctx: &FunctionContext) -> crate::Result<Value> {
            Ok(ctx.with_state(|rows: &mut u64| {
                *rows += 1;
                json!(*rows)
            }))
        }
    }
    let mut count = crate::testing::function(Count);

    assert_eq!(count.exec([]).unwrap(), 1);
    assert_eq!(count.exec([]).unwrap(), 2);
    assert_eq!(count.call_of("test", 1).exec([]).unwrap(), 1);
    assert_eq!(count.call_of("other", 0).exec([]).unwrap(), 1);
    assert_eq!(count.call_of("test", 0).exec([]).unwrap(), 3);
}
