//! The forms of plain functions, and their answers as a host reads them.

use std::error::Error;
use std::num::ParseIntError;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::function::Calls;
use crate::{IntoFunction, testing};

/// A function as a host knows it.
struct Registered {
    calls: Calls,
}

impl Registered {
    fn new<M>(name: &str, function: impl IntoFunction<M>) -> Self {
        Registered {
            calls: Calls::new(name, (function.into_function().make)(name)),
        }
    }

    fn aggregate<M>(name: &str, function: impl IntoAggregate<M>) -> Self {
        Registered::new(name, function.into_aggregate())
    }

    fn request(&mut self, func: &str, arg: Value) -> Value {
        let mut answer = Vec::new();
        let request = json!({"func": func, "arg": arg}).to_string();
        self.calls.answer(request.as_bytes(), &mut answer);
        serde_json::from_slice(&answer).unwrap()
    }

    /// Returns the result of a call, or the text of its error as an error.
    fn exec(&mut self, arg: Value) -> Result<Value, String> {
        let ids = r#"{"ruleId":"r","opId":"o","instanceId":0,"funcId":0}"#;
        let mut values = arg.as_array().unwrap().clone();
        values.push(json!(ids));
        outcome(self.request("Exec", Value::Array(values)))
    }

    fn validate(&mut self, arg: Value) -> Result<Value, String> {
        outcome(self.request("Validate", arg))
    }
}

fn outcome(answer: Value) -> Result<Value, String> {
    if answer["state"] == true {
        return Ok(answer["result"].clone());
    }
    Err(answer["result"].as_str().unwrap().to_owned())
}

/// Returns the answer to one call of a function `f`.
fn call<M>(function: impl IntoFunction<M>, arg: Value) -> Result<Value, String> {
    Registered::new("f", function).exec(arg)
}

fn distance(x1: f64, y1: f64, x2: f64, y2: f64) -> Result<f64, String> {
    let distance = (x2 - x1).hypot(y2 - y1);
    if distance > 100.0 {
        return Err("too far".to_owned());
    }
    Ok(distance)
}

#[test]
fn a_closure_and_a_function_are_called_with_the_values_of_a_call() {
    assert_eq!(
        call(|c: f64| c * 1.8 + 32.0, json!([100])),
        Ok(json!(212.0))
    );
    assert_eq!(call(distance, json!([0, 0, 3, 4.0])), Ok(json!(5.0)));
    assert_eq!(
        call(distance, json!([0, 0, 300, 400])),
        Err("too far".to_owned())
    );
}

#[test]
fn functions_of_up_to_eight_arguments_are_accepted_with_and_without_a_context() {
    let all = |a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8| [a, b, c, d, e, f, g, h];
    fn now() -> f64 {
        1.5
    }

    assert_eq!(call(now, json!([])), Ok(json!(1.5)));
    assert_eq!(call(|| "x", json!([])), Ok(json!("x")));
    assert_eq!(
        call(all, json!([1, 2, 3, 4, 5, 6, 7, 8])),
        Ok(json!([1, 2, 3, 4, 5, 6, 7, 8]))
    );
    assert_eq!(
        call(|ctx: &FunctionContext| ctx.op_id().to_owned(), json!([])),
        Ok(json!("o"))
    );
    assert_eq!(
        call(
            |a: u8, b: String, ctx: &FunctionContext| format!("{a}{b}{}", ctx.rule_id()),
            json!([1, "b"])
        ),
        Ok(json!("1br"))
    );
}

#[test]
fn a_constructor_of_a_function_is_not_taken_for_a_function_without_arguments() {
    struct Echo;
    impl Function for Echo {
        fn exec(&mut self, args: Args, _: &FunctionContext) -> Result<Value> {
            Ok(args[0].clone())
        }
    }

    assert_eq!(call(|| Echo, json!([7])), Ok(json!(7)));
    assert_eq!(
        call(|| -> Box<dyn Function> { Box::new(Echo) }, json!([7])),
        Ok(json!(7))
    );
    assert_eq!(testing::function(|| Echo).exec([json!(7)]).unwrap(), 7);
    assert_eq!(testing::function(Echo).exec([json!(7)]).unwrap(), 7);
}

#[derive(Deserialize, Serialize)]
struct Point {
    x: f64,
    y: Option<f64>,
}

#[test]
fn anything_that_deserializes_is_an_argument() {
    let point = json!({"x": 1, "y": null, "more": 1});

    assert_eq!(call(|p: Point| p.x, json!([point])), Ok(json!(1.0)));
    assert_eq!(call(|v: Value| v, json!([point])), Ok(point.clone()));
    assert_eq!(call(|v: Vec<i64>| v.len(), json!([[1, 2]])), Ok(json!(2)));
    assert_eq!(call(|t: String| t, json!(["x"])), Ok(json!("x")));
    assert_eq!(call(|t: Option<String>| t, json!([null])), Ok(Value::Null));
    assert_eq!(call(|t: Option<String>| t, json!(["x"])), Ok(json!("x")));
    assert_eq!(
        call(|(a, b): (u8, String)| format!("{b}{a}"), json!([[1, "x"]])),
        Ok(json!("x1"))
    );
}

#[test]
fn anything_that_serializes_is_a_result() {
    #[derive(Serialize)]
    enum Kind {
        Plain,
        With(u8),
    }
    #[derive(Serialize)]
    struct Wrapped(f64);

    assert_eq!(call(|| (), json!([])), Ok(Value::Null));
    assert_eq!(call(|| Some(1), json!([])), Ok(json!(1)));
    assert_eq!(call(|| None::<u8>, json!([])), Ok(Value::Null));
    assert_eq!(call(|| true, json!([])), Ok(json!(true)));
    assert_eq!(call(|| u64::MAX, json!([])), Ok(json!(u64::MAX)));
    assert_eq!(call(|| f64::NAN, json!([])), Ok(Value::Null));
    assert_eq!(call(|| 'x', json!([])), Ok(json!("x")));
    assert_eq!(call(|| vec![1, 2], json!([])), Ok(json!([1, 2])));
    assert_eq!(call(|| (1, "x"), json!([])), Ok(json!([1, "x"])));
    assert_eq!(call(|| Kind::Plain, json!([])), Ok(json!("Plain")));
    assert_eq!(call(|| Kind::With(1), json!([])), Ok(json!({"With": 1})));
    assert_eq!(call(|| Wrapped(1.5), json!([])), Ok(json!(1.5)));
    assert_eq!(
        call(|| Point { x: 1.0, y: None }, json!([])),
        Ok(json!({"x": 1.0, "y": null}))
    );
    assert_eq!(
        call(|| std::collections::BTreeMap::from([(1, 2)]), json!([])),
        Ok(json!({"1": 2}))
    );
}

#[test]
fn a_result_with_any_common_error_type_is_answered_with_its_text() {
    let text = |text: &str| Err(text.to_owned());
    fn parse(text: String) -> Result<i64, ParseIntError> {
        text.parse()
    }
    fn boxed(text: String) -> Result<i64> {
        Ok(text.parse()?)
    }

    assert_eq!(call(parse, json!(["12"])), Ok(json!(12)));
    assert_eq!(
        call(parse, json!(["x"])),
        text("invalid digit found in string")
    );
    assert_eq!(call(boxed, json!(["12"])), Ok(json!(12)));
    assert_eq!(
        call(boxed, json!(["x"])),
        text("invalid digit found in string")
    );
    assert_eq!(
        call(|| Err::<f64, _>("no &str".to_owned() + "ing"), json!([])),
        text("no &string")
    );
    assert_eq!(call(|| Err::<f64, _>("no"), json!([])), text("no"));
    assert_eq!(call(|| Ok::<_, &str>("yes"), json!([])), Ok(json!("yes")));
    assert_eq!(
        call(|| Ok::<Option<u8>, String>(None), json!([])),
        Ok(Value::Null)
    );
    assert_eq!(
        call(|| Err::<(), _>(json!({"code": 7})), json!([])),
        text(r#"{"code":7}"#)
    );
    assert_eq!(
        call(
            || Err::<(), _>(Box::new(std::io::Error::other("no disk"))),
            json!([])
        ),
        text("no disk")
    );
}

#[test]
fn a_map_with_the_key_err_is_not_a_failure() {
    assert_eq!(
        call(|| json!({"Err": "x"}), json!([])),
        Ok(json!({"Err": "x"}))
    );
    // Only the outermost `Result` can fail a call.
    assert_eq!(
        call(|| Some(Err::<f64, _>("x")), json!([])),
        Ok(json!({"Err": "x"}))
    );
    assert_eq!(
        call(|| std::collections::BTreeMap::from([("Err", 1)]), json!([])),
        Ok(json!({"Err": 1}))
    );
}

/// An error with a cause. It converts to a `BoxError` as `anyhow::Error` does.
#[derive(Debug)]
struct WithCause(ParseIntError);

impl std::fmt::Display for WithCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no number")
    }
}

impl Error for WithCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

struct Anyhow(crate::BoxError);

impl std::ops::Deref for Anyhow {
    type Target = dyn Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl From<Anyhow> for crate::BoxError {
    fn from(error: Anyhow) -> Self {
        error.0
    }
}

#[test]
fn an_error_is_answered_with_its_causes() {
    fn error() -> WithCause {
        WithCause("x".parse::<u8>().unwrap_err())
    }
    let text = Err("no number: invalid digit found in string".to_owned());

    assert_eq!(call(|| Err::<u8, _>(error()), json!([])), text);
    assert_eq!(
        call(|| Err::<u8, crate::BoxError>(error().into()), json!([])),
        text
    );
    assert_eq!(
        call(|| Err::<u8, _>(Anyhow(error().into())), json!([])),
        text
    );
}

#[test]
fn an_argument_of_the_wrong_type_is_named_with_the_function_and_its_position() {
    let mut distance = Registered::new("distance", distance);
    let mut text = |arg: Value| distance.exec(arg).unwrap_err();

    assert_eq!(
        text(json!([0, "x", 0, 0])),
        "distance: argument 2: expected f64, found string \"x\""
    );
    assert_eq!(
        text(json!([0, 0, 0, [1]])),
        "distance: argument 4: expected f64, found an array"
    );
    assert_eq!(
        text(json!([0, 0, null, 0])),
        "distance: argument 3: expected f64, found null (the row lacks the column, or its value is \
         null): declare the argument as Option to accept it"
    );
    assert_eq!(
        text(json!(["x".repeat(1000), 0, 0, 0])),
        format!(
            "distance: argument 1: expected f64, found string \"{}\"… (1000 bytes)",
            "x".repeat(100)
        )
    );
    assert_eq!(
        text(json!([0, 0, 0])),
        "distance: expected 4 arguments, found 3"
    );
    assert_eq!(
        Registered::new("at", |p: Point| p.x).exec(json!([{"x": "left"}])),
        Err("at: argument 1.x: expected f64, found string \"left\"".to_owned())
    );
}

#[test]
fn validate_checks_the_number_of_arguments() {
    let column = json!({"StreamName": "$$default", "Name": "n"});
    let mut distance = Registered::new("distance", distance);
    let mut one = Registered::new("one", |v: Value| v);
    let mut none = Registered::new("none", |_: &FunctionContext| 1);
    let text = |text: &str| Err(text.to_owned());

    assert_eq!(
        distance.validate(json!([column, column, column, column])),
        Ok(json!(""))
    );
    assert_eq!(
        distance.validate(json!([column, column, column])),
        text("distance: expected 4 arguments, found 3")
    );
    assert_eq!(
        one.validate(Value::Null),
        text("one: expected 1 argument, found 0")
    );
    assert_eq!(none.validate(Value::Null), Ok(json!("")));
    assert_eq!(
        none.validate(json!([column])),
        text("none: expected no arguments, found 1")
    );
}

/// The trees are as eKuiper 2.4 sends them: `-1` and `2.0` are the literals `-1`
/// and `2`, and other expressions have no type.
#[test]
fn validate_checks_the_types_of_literals() {
    let mut f = Registered::new("f", |_: u8, _: Option<f64>, _: String| 1);
    let call = json!({"Name": "now", "FuncId": 1, "FuncType": 0, "Args": null});
    let sum = json!({"OP": 15, "LHS": {"Val": "x"}, "RHS": {"Val": 2}});
    let mut validate = |a: &Value, b: &Value, c: &Value| f.validate(json!([a, b, c]));
    let text = |text: &str| Err(text.to_owned());
    let (one, half, x) = (json!({"Val": 1}), json!({"Val": 0.5}), json!({"Val": "x"}));

    assert_eq!(validate(&one, &half, &x), Ok(json!("")));
    assert_eq!(validate(&one, &one, &call), Ok(json!("")));
    assert_eq!(validate(&sum, &sum, &sum), Ok(json!("")));
    assert_eq!(
        validate(&half, &half, &x),
        text("f: argument 1: expected u8, found floating point `0.5`")
    );
    assert_eq!(
        validate(&json!({"Val": -1}), &half, &x),
        text("f: argument 1: expected u8, found integer `-1`")
    );
    assert_eq!(
        validate(&one, &x, &x),
        text("f: argument 2: expected f64, found string \"x\"")
    );
    assert_eq!(
        validate(&one, &half, &json!({"Val": true})),
        text("f: argument 3: expected a string, found boolean `true`")
    );
}

fn quantile(column: Vec<Option<f64>>, at: Vec<f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = column.into_iter().flatten().collect();
    numbers.sort_by(f64::total_cmp);
    let at = at.first()? * (numbers.len().checked_sub(1)? as f64);
    numbers.get(at.round() as usize).copied()
}

#[test]
fn an_aggregate_gets_the_columns_of_a_window() {
    let mut quantile = Registered::aggregate("quantile", quantile);
    let half = [0.5; 4];

    assert_eq!(
        quantile.request("IsAggregate", Value::Null),
        json!({"state": true, "result": true})
    );
    assert_eq!(
        quantile.exec(json!([[3, null, 1, 2], half])),
        Ok(json!(2.0))
    );
    // As a host calls it for an empty window.
    assert_eq!(quantile.exec(json!([null, null])), Ok(Value::Null));
    assert_eq!(
        quantile.exec(json!([[1, "x"], [0.5, 0.5]])),
        Err("quantile: argument 1[1]: expected f64, found string \"x\"".to_owned())
    );
    assert_eq!(
        quantile.exec(json!([[1], [null]])),
        Err(
            "quantile: argument 2[0]: expected f64, found null (the row lacks the column, or its \
             value is null): declare the argument as Vec<Option<…>> to accept it"
                .to_owned()
        )
    );
    assert_eq!(
        quantile.exec(json!([[1], 1])),
        Err("quantile: argument 2: expected a sequence, found integer `1`".to_owned())
    );
}

/// eKuiper computes each argument of an aggregate for each row of the window, so
/// a literal becomes an array of equal values.
#[test]
fn a_literal_argument_of_an_aggregate_has_the_type_of_an_item() {
    let column = json!({"StreamName": "$$default", "Name": "n"});
    let mut quantile = Registered::aggregate("quantile", quantile);

    assert_eq!(
        quantile.validate(json!([column, {"Val": 0.5}])),
        Ok(json!(""))
    );
    assert_eq!(
        quantile.validate(json!([column, {"Val": "x"}])),
        Err("quantile: argument 2: expected f64, found string \"x\"".to_owned())
    );
    assert_eq!(
        quantile.validate(json!([column])),
        Err("quantile: expected 2 arguments, found 1".to_owned())
    );
}

#[test]
fn a_function_that_is_no_aggregate_says_so() {
    let mut identity = Registered::new("identity", |v: Value| v);

    assert_eq!(
        identity.request("IsAggregate", Value::Null),
        json!({"state": true, "result": false})
    );
}

#[test]
fn a_panic_fails_the_call_and_leaves_its_state_usable() {
    let mut total = Registered::new("total", |x: f64, ctx: &FunctionContext| {
        ctx.with_state(|total: &mut f64| {
            *total += x;
            assert!(x > 0.0, "negative");
            *total
        })
    });

    assert_eq!(total.exec(json!([1])), Ok(json!(1.0)));
    let panic = total.exec(json!([-3])).unwrap_err();
    assert!(panic.ends_with(": negative"), "{panic}");
    assert_eq!(total.exec(json!([7])), Ok(json!(5.0)));
}

#[test]
fn each_start_of_a_function_has_its_own_value() {
    let mut symbol = (|x: f64| x).into_function();

    let names = ["a", "b"].map(|name| {
        let mut function = (symbol.make)(name);
        function.validate(&[]).unwrap_err().to_string()
    });

    assert_eq!(
        names,
        [
            "a: expected 1 argument, found 0",
            "b: expected 1 argument, found 0"
        ]
    );
}
