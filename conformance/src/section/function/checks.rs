//! How the requirements for functions are observed.

use std::time::Duration;

use mock_kuiper::engine::wire::{Command, Expr, FunctionAnswer, Order};
use mock_kuiper::{Channel, Function, Host, Reply};
use serde_json::{Value, json};

use crate::checked::{Checked, NotPassed, failed, untested};
use crate::limits::{EXTRA_CONNECTION, EXTRA_MESSAGE, IDLE, MINUTE, REPEATED};
use crate::promise::is_same;
use crate::rig::{COUNTS, Rig, accepted, context, nothing_came, unless_it_never_greets, usual};

/// Fails if the plugin has exited or the function does not answer any more.
fn continues(host: &Host, function: &mut Function) -> Checked {
    host.check_alive()?;
    function.is_aggregate()?;
    Ok(())
}

pub(super) fn reports_its_kind(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    rig.function(&host)?.is_aggregate()?;
    Ok(())
}

pub(super) fn validates(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    let nested = Expr::Call {
        name: "object_construct".to_owned(),
        func_id: 4,
        aggregate: false,
        args: vec![Expr::Literal(json!("a")), Expr::Column("b".to_owned())],
    };
    for args in [
        vec![Expr::Column("a".to_owned())],
        vec![Expr::Literal(json!("text")), Expr::Literal(json!(1.5))],
        vec![nested],
        vec![],
    ] {
        let _verdict = function.validate(&args)?;
    }
    continues(&host, &mut function)
}

pub(super) fn executes(rig: &Rig<'_>) -> Checked {
    const BIG: usize = 2 * 1024 * 1024;
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    let counts = accepted(&mut function, &COUNTS)?;
    let mut values = vec![
        ("nested values", json!({"k": [1, -2.5, {"n": null}]})),
        ("Unicode", json!("täglich 漢字 🦀 \u{0} <&>")),
        ("a number", json!(1)),
        ("a list", json!([3])),
        ("the greatest number", json!(f64::MAX)),
    ];
    if rig.release().max_message.is_none() {
        values.push(("2 MiB of text", json!("x".repeat(BIG))));
    }
    let mut calls = Vec::new();
    for &count in &counts {
        calls.push((
            format!("`null` as {count} arguments"),
            vec![Value::Null; count],
        ));
    }
    for &count in counts.iter().filter(|count| **count > 0).take(1) {
        for (what, value) in &values {
            // A great text is sent once: it stands for the size of the request.
            let mut args = vec![json!("a"); count];
            match what.starts_with("2 MiB") {
                true => args[0] = value.clone(),
                false => args.fill(value.clone()),
            }
            calls.push(((*what).to_owned(), args));
        }
    }
    for (number, (what, args)) in (0..).zip(&calls) {
        let executed = function.call(&context(number), args);
        let executed = executed.map_err(NotPassed::from);
        let _result = executed.map_err(|not_passed| not_passed.at(format!("at {what}")))?;
    }
    continues(&host, &mut function)
}

/// Sends a request that must be answered with `state` false; `what` names it.
fn refused(function: &mut Function, what: &str, request: &Value) -> Checked {
    let answer = function.request_bytes(request.to_string().as_bytes())?;
    match FunctionAnswer::parse(&answer) {
        Ok(FunctionAnswer::Failed(_)) => Ok(()),
        _ => Err(failed(format!(
            "{what} was answered with `{}` instead of `state` false",
            String::from_utf8_lossy(&answer)
        ))),
    }
}

pub(super) fn refuses_unknown_requests(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    let question = json!({"func": "Describe", "arg": null});
    refused(&mut function, "the unknown `func` `Describe`", &question)?;
    continues(&host, &mut function)
}

pub(super) fn needs_a_context(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    for (what, arg) in [
        ("an `Exec` without arguments", json!([])),
        ("an `Exec` whose context is a number", json!(["a", 5])),
        ("an `Exec` whose context is not JSON", json!(["a", "{"])),
    ] {
        refused(&mut function, what, &json!({"func": "Exec", "arg": arg}))?;
    }
    continues(&host, &mut function)
}

pub(super) fn answers_after_idling(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    let count = usual(&mut function)?;
    std::thread::sleep(rig.scaled(IDLE));
    function.is_aggregate()?;
    let _result = function.call(&context(0), &vec![json!("a"); count])?;
    nothing_follows(rig, &mut function, "the call after 6 s of silence")
}

pub(super) fn starts_twice(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    started_twice_more(rig, &host).map(drop)
}

pub(super) fn keeps_one_connection(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let function = started_twice_more(rig, &host).map_err(NotPassed::into_untested)?;
    // A second connection would come within this time.
    std::thread::sleep(rig.quiet(EXTRA_CONNECTION));
    let channel = Channel::function(function.symbol());
    rig.one_connection(&channel)?;
    match rig.transcript.greetings(&channel) {
        0 | 1 => Ok(()),
        greetings => Err(failed(format!("{greetings} greetings came on {channel}"))),
    }
}

pub(super) fn dials_again(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    function.is_aggregate().map_err(untested)?;
    host.hang_up(&mut function)?;
    function.is_aggregate()?;
    Ok(())
}

pub(super) fn drops_stale_calls(rig: &Rig<'_>) -> Checked {
    let dropped = drops_a_stale_call(rig);
    let symbol = rig.function_name()?;
    unless_it_never_greets(rig, dropped, &Channel::function(symbol))
}

fn drops_a_stale_call(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    let count = usual(&mut function)?;
    let (first, second) = (vec![json!("first"); count], vec![json!("second"); count]);
    let mut call = |args: &[Value]| function.call(&context(0), args).map_err(untested);
    let results = [call(&first)?, call(&second)?, call(&second)?];

    let result = function.call_after_stale(&context(0), &first, &second)?;

    // The result of some functions is always the same, or another each time.
    let is_telling = results[0] != results[1] && results[1] == results[2];
    if is_telling && result != results[1] {
        return Err(failed("the call got the answer of the abandoned call"));
    }
    nothing_follows(rig, &mut function, "the call")
}

pub(super) fn answers_once(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    function.is_aggregate().map_err(untested)?;
    nothing_follows(rig, &mut function, "`IsAggregate`")?;
    let _verdict = function.validate(&[Expr::Column("a".to_owned())])?;
    nothing_follows(rig, &mut function, "`Validate`")?;
    let count = usual(&mut function)?;
    let _result = function.call(&context(0), &vec![json!("a"); count])?;
    nothing_follows_for(rig, &mut function, "`Exec`", REPEATED)
}

pub(super) fn answers_are_spelled_right(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    let unknown = json!({"func": "Describe", "arg": null}).to_string();
    function.is_aggregate().map_err(untested)?;
    let count = usual(&mut function)?;
    let executed = function.call(&context(0), &vec![json!("a"); count]);
    let _result = executed.map_err(untested)?;
    let answered = function.request_bytes(unknown.as_bytes());
    let _refusal = answered.map_err(untested)?;
    let validated = function.validate(&[Expr::Column("a".to_owned())]);
    let _verdict = validated.map_err(untested)?;
    match rig.transcript.odd_reply() {
        Some(reply) => Err(failed(format!(
            "an answer was `{reply}`; expected `{{\"state\":…,\"result\":…}}` in UTF-8, and a text as \
             the result if `state` is false"
        ))),
        None => Ok(()),
    }
}

fn nothing_follows(rig: &Rig<'_>, function: &mut Function, what: &str) -> Checked {
    nothing_follows_for(rig, function, what, EXTRA_MESSAGE)
}

fn nothing_follows_for(
    rig: &Rig<'_>,
    function: &mut Function,
    what: &str,
    time: Duration,
) -> Checked {
    nothing_came(function.overhear(rig.quiet(time))?, what)
}

fn started_twice_more(rig: &Rig<'_>, host: &Host) -> Result<Function, NotPassed> {
    let mut function = rig.function(host)?;
    let order = Order::function(function.symbol());
    for _ in 0..2 {
        rig.order_ok(host, Command::Start, &order)?;
        function.is_aggregate()?;
    }
    Ok(function)
}

pub(super) fn functions_are_independent(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let names = rig.functions()?;
    if names.len() < 2 {
        return Err(NotPassed::NotApplicable(
            "the plugin has fewer than two functions",
        ));
    }
    let functions: Result<Vec<_>, _> = names.iter().map(|name| host.function(name)).collect();
    let mut functions = functions.map_err(untested)?;
    for function in functions.iter_mut().rev() {
        for _ in 0..3 {
            function.is_aggregate()?;
        }
    }
    let called = std::thread::scope(|scope| {
        let calls = functions.iter_mut().map(|function| {
            scope.spawn(|| {
                let count = match usual(function) {
                    Err(NotPassed::NotApplicable(_)) => return Ok(()),
                    count => count?,
                };
                let args = vec![json!("a"); count];
                for number in 0..50 {
                    let _result = function.call(&context(number), &args)?;
                }
                Ok::<_, NotPassed>(())
            })
        });
        let calls: Vec<_> = calls.collect();
        let ended = calls.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.collect::<Result<Vec<_>, _>>()
    });
    let called = called.map_err(|_| NotPassed::Error("a call panicked".to_owned()))?;
    called.into_iter().collect::<Result<(), _>>()?;
    Ok(())
}

pub(super) fn survives_empty_windows(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    if !function.is_aggregate().map_err(untested)? {
        return Err(NotPassed::NotApplicable("the function is no aggregate"));
    }
    for count in accepted(&mut function, &COUNTS[..5])? {
        for empty in [Value::Null, json!([])] {
            let _result = function.call(&context(1), &vec![empty; count])?;
        }
    }
    continues(&host, &mut function)
}

pub(super) fn is_silent_when_idle(rig: &Rig<'_>) -> Checked {
    /// Greetings for which a socket of Linux has room.
    const ROOM: u64 = 279;
    let channel = Channel::function(rig.function_name()?);
    let count = rig.greetings_of_idle(&channel)?;
    let Some(number) = u64::try_from(count).ok().filter(|number| *number > 0) else {
        return Ok(());
    };
    let minutes = ROOM * IDLE.as_secs() / number / 60;
    let times = match number {
        1 => "once".to_owned(),
        number => format!("{number} times"),
    };
    Err(failed(format!(
        "the idle function greeted {times} in {} s. eKuiper reads that only at the next call: the \
         socket is full after {ROOM} greetings, at this rate after about {minutes} minutes, and \
         then the function no longer works. Wait for a request without a time limit",
        IDLE.as_secs()
    )))
}

pub(super) fn is_silent_for_a_minute(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    let count = usual(&mut function)?;
    let _result = function.call(&context(0), &vec![json!("a"); count])?;
    nothing_follows_for(rig, &mut function, "`Exec`", MINUTE)
}

pub(super) fn results_are_right(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut function = rig.function(&host)?;
    let symbol = function.symbol().to_owned();
    let mut is_known = false;
    for expected in rig
        .plan
        .calls
        .iter()
        .filter(|one| one.call.function == symbol)
    {
        is_known = true;
        has_result(&mut function, &expected.call.args, &expected.result)?;
    }
    if returns_its_argument(&mut function)? {
        is_known = true;
        let mut values = vec![json!(null), json!(9_007_199_254_740_993_u64), json!("<&>")];
        if rig.release().max_message.is_none() {
            values.push(json!("x".repeat(2 * 1024 * 1024)));
        }
        for value in values {
            has_result(&mut function, std::slice::from_ref(&value), &value)?;
        }
    }
    match is_known {
        true => Ok(()),
        false => Err(NotPassed::NotApplicable(
            "the function does not return its argument; name calls and results with `--call`",
        )),
    }
}

/// Fails if a call has another result.
fn has_result(function: &mut Function, args: &[Value], result: &Value) -> Checked {
    let reply = function.call(&context(0), args).map_err(untested)?;
    let found = match reply {
        Reply::Result(found) if is_same(&found, result) => return Ok(()),
        Reply::Result(found) => brief(&found),
        Reply::Error(text) => format!("the error {text:?}"),
    };
    let args: Vec<_> = args.iter().map(brief).collect();
    Err(failed(format!(
        "{}({}) returned {found} instead of {}",
        function.symbol(),
        args.join(", "),
        brief(result)
    )))
}

/// Returns the beginning of a value.
fn brief(value: &Value) -> String {
    const SHOWN: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        None => text,
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

/// Returns whether a function of one argument returns it, as far as three values
/// show.
fn returns_its_argument(function: &mut Function) -> Result<bool, NotPassed> {
    if accepted(function, &[1]).is_err() {
        return Ok(false);
    }
    for value in [json!("a"), json!(7), json!({"k": [1, "b"]})] {
        let reply = function.call(&context(0), std::slice::from_ref(&value));
        match reply.map_err(untested)? {
            Reply::Result(result) if is_same(&result, &value) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}
