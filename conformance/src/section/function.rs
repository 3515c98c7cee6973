//! `FUN`: calls of a function.

use mock_kuiper::host::{Function, Host, HostError};
use mock_kuiper::symbol::{Channel, Meta};
use mock_kuiper::wire::{Command, Context, Expr, FunctionAnswer, Order};
use serde_json::{Value, json};

use super::control::{DIAL, IDLE, QUIET};
use crate::bench::{Bench, Checked, Stop, failed, not_reached, not_testable};
use crate::requirement::{Level, Releases, Requirement};
use crate::stage::Kinds;

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "FUN-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "A function dials its channel, greets, and answers `IsAggregate` with a boolean.",
        why: "eKuiper cannot create a rule that uses it.",
        how: "Started and asked; the answer has to come within 5 s, as in eKuiper.",
        source: "ekuiper-2.4.0-go.jsonl:13; eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        check: tells_its_kind,
    },
    &Requirement {
        id: "FUN-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "`Validate` is answered for any arguments, and for none.",
        why: "eKuiper waits 5 s and refuses the rule.",
        how: "Asked with a column, with literals, with a nested call and with `null`; any verdict \
              will do.",
        source: "ekuiper-2.4.0-go.jsonl:15; ekuiper-2.4.0-go.jsonl:235; ekuiper-1.14.7-python-errors.jsonl:19",
        check: validates,
    },
    &Requirement {
        id: "FUN-03",
        level: Level::Must,
        releases: Releases::All,
        rule: "`Exec` is answered for any values, with a result or with an error text.",
        why: "A column may be missing or hold anything: a function that dies of it takes all rules of \
              the plugin with it.",
        how: "Called with `null`, nested values, unicode, the greatest numbers, 2 MiB of text, and without arguments.",
        source: "ekuiper-2.4.0-go-mirror.jsonl:46; eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        check: executes,
    },
    &Requirement {
        id: "FUN-04",
        level: Level::Should,
        releases: Releases::All,
        rule: "An unknown `func` is answered with `state` false.",
        why: "eKuiper sends no such thing; a newer one may.",
        how: "`Describe` is asked, then `IsAggregate`.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        check: refuses_questions,
    },
    &Requirement {
        id: "FUN-05",
        level: Level::Should,
        releases: Releases::All,
        rule: "What is no request is answered with `state` false, and the function goes on.",
        why: "eKuiper sends no such thing.",
        how: "No bytes, `{`, no UTF-8 and 64 MiB are sent.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: |bench| bench.play(Kinds::Functions, "requests"),
    },
    &Requirement {
        id: "FUN-06",
        level: Level::Should,
        releases: Releases::All,
        rule: "An `Exec` whose last argument is missing or no context is answered with `state` false.",
        why: "eKuiper sends no such thing.",
        how: "Called with an empty list, and with a last argument that is a number.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        check: needs_a_context,
    },
    &Requirement {
        id: "FUN-07",
        level: Level::Must,
        releases: Releases::All,
        rule: "A call is answered though nothing was called for 6 s.",
        why: "A rule whose rows are rare gets errors in the place of results.",
        how: "Nothing is called for 6 s, then the function is asked and called; as CTL-11.",
        source: "ekuiper-1.13.5-python.jsonl:20; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: answers_after_idling,
    },
    &Requirement {
        id: "FUN-08",
        level: Level::Must,
        releases: Releases::All,
        rule: "A second start of a function that runs is answered with `ok`, and calls are answered.",
        why: "The replay after a crash and a rule that restarts both send one.",
        how: "Started twice more, and asked behind each start.",
        source: "ekuiper-2.4.0-go.jsonl:321",
        check: starts_twice,
    },
    &Requirement {
        id: "FUN-09",
        level: Level::Must,
        releases: Releases::All,
        rule: "Functions of one plugin do not wait for each other.",
        why: "One rule's call would hold up the others' functions.",
        how: "All functions are started; each is asked three times while the others are not, then all \
              are called 50 times at once.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        check: functions_are_independent,
    },
    &Requirement {
        id: "FUN-10",
        level: Level::Must,
        releases: Releases::All,
        rule: "An aggregate survives `null` and `[]` in the place of a window's values.",
        why: "An empty window is sent as `null`; a plugin that took it for a list died, and its host \
              hung.",
        how: "Called with `null` and with `[]` for each of its arguments, one to three.",
        source: "ekuiper-2.0.8-go.jsonl:154",
        check: survives_empty_windows,
    },
    &Requirement {
        id: "FUN-11",
        level: Level::Should,
        releases: Releases::All,
        rule: "A second start of a function that runs opens no second channel.",
        why: "eKuiper copes with the second greeting; the connection and its thread are never freed.",
        how: "Started twice more; one connection has to stand, and one greeting have come.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        check: keeps_one_channel,
    },
    &Requirement {
        id: "FUN-12",
        level: Level::Should,
        releases: Releases::All,
        rule: "A function channel that drops is dialed and greeted again.",
        why: "Each call of the function is an error from then on.",
        how: "The host closes the channel and opens it again; the next request has to be answered.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: dials_again,
    },
    &Requirement {
        id: "FUN-13",
        level: Level::Must,
        releases: Releases::All,
        rule: "A call under an id that was given up is dropped, and the next gets its own answer.",
        why: "A late answer is mixed with the next call: each row has the result of the row before.",
        how: "A call is sent under another id, then another call under the right one; one answer has \
              to come, that of the second.",
        source: "ekuiper-1.13.5-python.jsonl:21",
        check: drops_stale_calls,
    },
    &Requirement {
        id: "FUN-14",
        level: Level::Must,
        releases: Releases::All,
        rule: "Each request is answered once.",
        why: "The second answer is taken for that of the next call.",
        how: "`IsAggregate`, `Validate` and `Exec` are asked; behind each answer nothing more may come \
              for 300 ms.",
        source: "ekuiper-2.4.0-go.jsonl:14; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: answers_once,
    },
    &Requirement {
        id: "FUN-18",
        level: Level::Should,
        releases: Releases::All,
        rule: "An answer has `state` and `result` and nothing else, in UTF-8; with `state` false \
               `result` is a text.",
        why: "eKuiper passes over what it does not know, and takes a name in capitals, which is luck. \
              Bytes that are not UTF-8 become U+FFFD. A call that failed without a text has no \
              result and no error.",
        how: "`IsAggregate`, `Exec`, an unknown `func` and `Validate` are asked; what is in the \
              answers is looked at.",
        source: "ekuiper-2.4.0-go.jsonl:14; eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        check: answers_are_spelled_right,
    },
];

fn context(call: u32) -> Context {
    Context {
        meta: Meta::new("rule", "2_project"),
        func_id: call,
    }
}

/// Looks whether the function still answers.
fn goes_on(host: &Host, function: &mut Function) -> Checked {
    host.check_alive()?;
    function.is_aggregate()?;
    Ok(())
}

fn tells_its_kind(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    bench.function(&host)?.is_aggregate()?;
    Ok(())
}

fn validates(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut function = bench.function(&host)?;
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
    goes_on(&host, &mut function)
}

fn executes(bench: &Bench<'_>) -> Checked {
    const BIG: usize = 2 * 1024 * 1024;
    let host = bench.host()?;
    let mut function = bench.function(&host)?;
    let mut calls = vec![
        ("`null`", vec![Value::Null]),
        ("nested values", vec![json!({"k": [1, -2.5, {"n": null}]})]),
        ("unicode", vec![json!("täglich 漢字 🦀 \u{0} <&>")]),
        ("three values", vec![json!(1), json!("two"), json!([3])]),
        (
            "the greatest numbers",
            vec![json!(f64::MAX), json!(f64::MAX)],
        ),
        ("no arguments", vec![]),
    ];
    if bench.plan.release().max_message.is_none() {
        calls.push(("2 MiB of text", vec![json!("x".repeat(BIG))]));
    }
    for (number, (what, args)) in (0..).zip(&calls) {
        let executed = function.exec_in(&context(number), args);
        let _result = executed.map_err(|error| at_call(bench, function.symbol(), what, error))?;
    }
    goes_on(&host, &mut function)
}

/// What a call ended with, and at which arguments. A plugin that hangs up never
/// answers, however long it has: its socket may take no message of that size.
fn at_call(bench: &Bench<'_>, symbol: &str, what: &str, error: HostError) -> Stop {
    let channel = Channel::function(symbol);
    match (&error, bench.transcript.hung_up(channel.name())) {
        (HostError::NoReply { .. }, times @ 1..) => failed(format!(
            "at {what}: the plugin closed {channel} {times} times and did not answer; its socket \
             may refuse a message of that size"
        )),
        _ if error.is_finding() => failed(format!("at {what}: {error}")),
        _ => error.into(),
    }
}

/// Sends a request that has to be answered with `state` false.
fn refused(function: &mut Function, what: &str, request: &Value) -> Checked {
    let answer = function.request_bytes(request.to_string().as_bytes())?;
    match FunctionAnswer::parse(&answer) {
        Ok(FunctionAnswer::Failed(_)) => Ok(()),
        _ => Err(failed(format!(
            "{what} was answered with `{}`",
            String::from_utf8_lossy(&answer)
        ))),
    }
}

fn refuses_questions(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut function = bench.function(&host)?;
    let question = json!({"func": "Describe", "arg": null});
    refused(&mut function, "the unknown `func` `Describe`", &question)?;
    goes_on(&host, &mut function)
}

fn needs_a_context(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut function = bench.function(&host)?;
    for (what, arg) in [
        ("an `Exec` without arguments", json!([])),
        ("an `Exec` whose context is a number", json!(["a", 5])),
        ("an `Exec` whose context is no JSON", json!(["a", "{"])),
    ] {
        refused(&mut function, what, &json!({"func": "Exec", "arg": arg}))?;
    }
    goes_on(&host, &mut function)
}

fn answers_after_idling(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut function = bench.function(&host)?;
    std::thread::sleep(bench.scaled(IDLE));
    function.is_aggregate()?;
    let _result = function.exec_in(&context(0), &[json!("a")])?;
    nothing_follows(bench, &mut function, "a call after that")
}

fn starts_twice(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    started_twice_more(bench, &host).map(drop)
}

fn keeps_one_channel(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let function = started_twice_more(bench, &host).map_err(not_reached)?;
    // A second channel would be dialed within this time.
    std::thread::sleep(bench.quiet(DIAL));
    let channel = Channel::function(function.symbol());
    bench.one_connection(&channel)?;
    match bench.transcript.greetings(channel.name()) {
        0 | 1 => Ok(()),
        greetings => Err(failed(format!("{greetings} greetings came on {channel}"))),
    }
}

fn dials_again(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut function = bench.function(&host)?;
    function.is_aggregate().map_err(not_testable)?;
    host.hang_up(&mut function)?;
    function.is_aggregate()?;
    Ok(())
}

fn drops_stale_calls(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut function = bench.function(&host)?;
    let (first, second) = ([json!("first")], [json!("second")]);
    let mut call = |args: &[Value]| function.exec_in(&context(0), args).map_err(not_testable);
    let results = [call(&first)?, call(&second)?, call(&second)?];

    let result = function.exec_after_stale(&context(0), &first, &second)?;

    // A function may give another result each time.
    let tells = results[0] != results[1] && results[1] == results[2];
    if tells && result != results[1] {
        return Err(failed(
            "the call got the answer of the one that was given up",
        ));
    }
    nothing_follows(bench, &mut function, "the call")
}

fn answers_once(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut function = bench.function(&host)?;
    function.is_aggregate().map_err(not_testable)?;
    nothing_follows(bench, &mut function, "`IsAggregate`")?;
    let _verdict = function.validate(&[Expr::Column("a".to_owned())])?;
    nothing_follows(bench, &mut function, "`Validate`")?;
    let _result = function.exec_in(&context(0), &[json!("a")])?;
    nothing_follows(bench, &mut function, "`Exec`")
}

fn answers_are_spelled_right(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut function = bench.function(&host)?;
    let unknown = json!({"func": "Describe", "arg": null}).to_string();
    function.is_aggregate().map_err(not_testable)?;
    let executed = function.exec_in(&context(0), &[json!("a")]);
    let _result = executed.map_err(not_testable)?;
    let answered = function.request_bytes(unknown.as_bytes());
    let _refusal = answered.map_err(not_testable)?;
    let validated = function.validate(&[Expr::Column("a".to_owned())]);
    let _verdict = validated.map_err(not_testable)?;
    match bench.transcript.odd_reply() {
        Some(reply) => Err(failed(format!("an answer was `{reply}`"))),
        None => Ok(()),
    }
}

fn nothing_follows(bench: &Bench<'_>, function: &mut Function, what: &str) -> Checked {
    match function.overhear(bench.quiet(QUIET))? {
        None => Ok(()),
        Some(second) => Err(failed(format!(
            "behind the answer to {what} came a second one, `{}`",
            String::from_utf8_lossy(&second)
        ))),
    }
}

fn started_twice_more(bench: &Bench<'_>, host: &Host) -> Result<Function, Stop> {
    let mut function = bench.function(host)?;
    let order = Order::function(function.symbol());
    for _ in 0..2 {
        bench.order_ok(host, Command::Start, &order)?;
        function.is_aggregate()?;
    }
    Ok(function)
}

fn functions_are_independent(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let names = &bench.manifest()?.functions;
    if names.len() < 2 {
        return Err(Stop::NotApplicable("the plugin has no two functions"));
    }
    let functions: Result<Vec<_>, _> = names.iter().map(|name| host.function(name)).collect();
    let mut functions = functions.map_err(not_testable)?;
    for function in functions.iter_mut().rev() {
        for _ in 0..3 {
            function.is_aggregate()?;
        }
    }
    let called = std::thread::scope(|scope| {
        let calls = functions.iter_mut().map(|function| {
            scope.spawn(|| {
                for number in 0..50 {
                    let _result = function.exec_in(&context(number), &[json!("a")])?;
                }
                Ok::<_, HostError>(())
            })
        });
        let calls: Vec<_> = calls.collect();
        let ended = calls.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.collect::<Result<Vec<_>, _>>()
    });
    let called = called.map_err(|_| Stop::Trouble("a call has panicked".to_owned()))?;
    called.into_iter().collect::<Result<(), _>>()?;
    Ok(())
}

fn survives_empty_windows(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut any = false;
    for name in &bench.manifest()?.functions {
        let mut function = host.function(name).map_err(not_testable)?;
        if !function.is_aggregate().map_err(not_testable)? {
            continue;
        }
        any = true;
        for count in 1..=3 {
            for empty in [Value::Null, json!([])] {
                let _result = function.exec_in(&context(count), &vec![empty; count as usize])?;
            }
        }
        goes_on(&host, &mut function)?;
    }
    match any {
        true => Ok(()),
        false => Err(Stop::NotApplicable("the plugin has no aggregate")),
    }
}
