//! Requests to functions and rows to sinks are byte for byte those of recorded
//! eKuiper releases, and recorded answers and acks are understood.

use mock_kuiper::Meta;
use mock_kuiper::engine::go_json::Numbers;
use mock_kuiper::engine::wire::{
    Ack, Context, Expr, FunctionAnswer, OrderAnswer, SourceRow, exec, is_aggregate, parse_ack,
    validate, write_sink_row,
};
use serde_json::{Value, json};

use super::recordings::{frame, profile};

fn column(name: &str) -> Expr {
    Expr::Column(name.to_owned())
}

fn literal(value: Value) -> Expr {
    Expr::Literal(value)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("a request is UTF-8")
}

#[test]
fn is_aggregate_is_requested_as_recorded() {
    for (file, line) in [
        ("ekuiper-1.8.2-python", 13),
        ("ekuiper-1.13.5-go", 13),
        ("ekuiper-2.4.0-go-mirror", 13),
    ] {
        assert_eq!(text(is_aggregate()), frame(file, line), "{file}:{line}");
    }
}

#[test]
fn columns_and_literals_are_validated_as_recorded() {
    let args = [
        column("n"),
        column("name"),
        literal(json!(1.5)),
        literal(json!(true)),
    ];
    for (release, file, line) in [
        ("1.13", "ekuiper-1.13.5-go", 15),
        ("1.14", "ekuiper-1.14.7-go", 15),
        ("2.0", "ekuiper-2.0.8-go", 15),
        ("2.2", "ekuiper-2.2.5-go", 15),
        ("2.4", "ekuiper-2.4.0-go", 15),
    ] {
        let request = validate(profile(release), &args);

        assert_eq!(text(request), frame(file, line), "{file}:{line}");
    }
}

#[test]
fn a_literal_is_validated_as_recorded() {
    for (release, file, line, value) in [
        ("1.8", "ekuiper-1.8.2-python", 47, json!(1)),
        ("1.13", "ekuiper-1.13.5-go", 17, json!("x<y>&")),
        ("2.4", "ekuiper-2.4.0-go-mirror", 17, json!("x<y>&中")),
        ("2.4", "ekuiper-2.4.0-go-mirror", 21, json!(1.5)),
    ] {
        let request = validate(profile(release), &[literal(value)]);

        assert_eq!(text(request), frame(file, line), "{file}:{line}");
    }
}

#[test]
fn a_nested_call_is_validated_as_recorded() {
    let call = |name: &str, func_id, aggregate, args: &[Expr]| Expr::Call {
        name: name.to_owned(),
        func_id,
        aggregate,
        args: args.to_vec(),
    };
    let construct = call(
        "object_construct",
        4,
        false,
        &[literal(json!("a")), column("n")],
    );
    let collect = call("collect", 1, true, &[column("count")]);

    let old = validate(profile("1.14"), std::slice::from_ref(&construct));
    let new = validate(profile("2.4"), &[construct]);
    let aggregate = validate(profile("2.4"), &[collect]);

    assert_eq!(text(old), frame("ekuiper-1.14.7-python-errors", 19));
    assert_eq!(text(new), frame("ekuiper-2.4.0-python-errors", 19));
    assert_eq!(text(aggregate), frame("ekuiper-2.4.0-go-mirror", 99));
}

#[test]
fn a_call_without_arguments_is_validated_as_recorded() {
    for (release, file, line) in [
        ("1.13", "ekuiper-1.13.5-go", 113),
        ("2.0", "ekuiper-2.0.8-go", 237),
        ("2.2", "ekuiper-2.2.5-go", 234),
        ("2.4", "ekuiper-2.4.0-go", 235),
    ] {
        assert_eq!(text(validate(profile(release), &[])), frame(file, line));
    }
}

#[test]
fn a_call_is_executed_as_recorded() {
    for (file, line, rule, op, func_id, arg) in [
        (
            "ekuiper-1.8.2-python",
            28,
            "p1",
            "2_project",
            0,
            json!("pyjson"),
        ),
        (
            "ekuiper-1.14.7-python-errors",
            36,
            "a1",
            "2_project",
            3,
            json!(null),
        ),
        ("ekuiper-2.0.8-go", 154, "g3", "4_project", 0, json!(null)),
        (
            "ekuiper-2.4.0-go-mirror",
            44,
            "r1",
            "3_project",
            1,
            json!("x<y>&中"),
        ),
        (
            "ekuiper-2.4.0-go-mirror",
            48,
            "r1",
            "3_project",
            3,
            json!(1.5),
        ),
        (
            "ekuiper-2.4.0-go-mirror",
            50,
            "r1",
            "3_project",
            5,
            json!({"k": 50}),
        ),
        (
            "ekuiper-2.4.0-go",
            172,
            "g3",
            "4_project",
            0,
            json!([0, 1, 2, 3, 4, 5, 6, 7]),
        ),
    ] {
        let context = Context {
            meta: Meta::new(rule, op),
            func_id,
        };
        let mut request = Vec::new();

        exec(&mut request, &[arg], &context, Numbers::Exact);

        assert_eq!(text(request), frame(file, line), "{file}:{line}");
    }
}

#[test]
fn a_row_reaches_a_sink_as_recorded() {
    for (file, line, message, single) in [
        (
            "ekuiper-1.14.7-go",
            197,
            r#"{"n":0, "name":"row 0"}"#,
            false,
        ),
        ("ekuiper-1.14.7-go", 89, r#"{"k":"v", "e":0}"#, true),
        (
            "ekuiper-2.4.0-python",
            37,
            r#"{"name": "pyjson", "value": 2021, "r": "nosjyp"}"#,
            true,
        ),
        (
            "ekuiper-2.4.0-python-errors",
            51,
            r#"{"z": 0, "s": "x<y>&\u4e2d\u6587", "n": 0, "t": "t/0", "o": {"k": [1, null]},
                "g": {"got": 0, "ctx": ["a1", "2_project", 0]},
                "m": {"got": null, "ctx": ["a1", "2_project", 0]},
                "oc": {"got": {"a": 0}, "ctx": ["a1", "2_project", 0]}}"#,
            true,
        ),
    ] {
        let mut row = Vec::new();

        write_sink_row(&mut row, message, single).expect("the row is valid");

        assert_eq!(text(row), frame(file, line), "{file}:{line}");
    }
}

#[test]
fn recorded_rows_of_both_sdks_are_understood() {
    let go = frame("ekuiper-2.4.0-go", 56);
    let python = frame("ekuiper-2.4.0-python", 25);

    let go = SourceRow::parse(&go).expect("a row");
    let python = SourceRow::parse(&python).expect("a row");

    assert_eq!(
        (go.message, go.meta),
        (r#"{"n":0,"name":"row 0"}"#, r#"{"k":"v"}"#)
    );
    assert_eq!(
        (python.message, python.meta),
        (r#"{"name": "pyjson", "value": 2021}"#, "null")
    );
}

#[test]
fn recorded_answers_and_acks_are_understood() {
    let greeting = frame("ekuiper-2.4.0-python", 6);
    let done = frame("ekuiper-2.4.0-python", 11);
    let refused = frame("ekuiper-1.13.5-python", 26);
    let aggregate = frame("ekuiper-2.4.0-python", 14);
    let ack = frame("ekuiper-2.4.0-python-errors", 52);
    let failed = frame("ekuiper-2.4.0-python-errors", 82);

    assert!(matches!(
        OrderAnswer::parse(greeting.as_bytes()),
        OrderAnswer::Greeting(_)
    ));
    assert_eq!(OrderAnswer::parse(done.as_bytes()), OrderAnswer::Done);
    assert!(
        OrderAnswer::parse(refused.as_bytes())
            .text()
            .starts_with("Traceback")
    );
    assert_eq!(
        FunctionAnswer::parse(aggregate.as_bytes()),
        Ok(FunctionAnswer::Done(json!(false)))
    );
    assert_eq!(parse_ack(ack.as_bytes()), Ok(Ack::Done));
    assert_eq!(
        parse_ack(failed.as_bytes()),
        Ok(Ack::Failed("disk full".into()))
    );
}
