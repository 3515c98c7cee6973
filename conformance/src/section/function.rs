//! `FUN`: calls of a function.

use mock_kuiper::host::{Function, Host};
use mock_kuiper::symbol::{Channel, Meta};
use mock_kuiper::wire::{Command, Context, Expr, FunctionAnswer, Order};
use serde_json::{Value, json};

use super::control::{DIAL, IDLE};
use crate::bench::{Bench, Checked, Kinds, Stop, failed, not_reached, not_testable};
use crate::requirement::{Level, Releases, Requirement};

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "FUN-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "A function dials its channel, greets, and answers `IsAggregate` with a boolean.",
        why: "eKuiper cannot create a rule that uses it.",
        how: "Started and asked; the answer has to come within 5 s, as in eKuiper.",
        source: "protocol.md section 7",
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
        source: "protocol.md section 7, seen on the wire",
        check: validates,
    },
    &Requirement {
        id: "FUN-03",
        level: Level::Must,
        releases: Releases::All,
        rule: "`Exec` is answered for any values, with a result or with an error text.",
        why: "A column may be missing or hold anything: a function that dies of it takes all rules of \
              the plugin with it.",
        how: "Called with `null`, nested values, unicode, 2 MiB of text, and without arguments.",
        source: "protocol.md section 7",
        check: executes,
    },
    &Requirement {
        id: "FUN-04",
        level: Level::Should,
        releases: Releases::All,
        rule: "An unknown `func` is answered with `state` false.",
        why: "eKuiper sends no such thing; a newer one may.",
        how: "`Describe` is asked, then `IsAggregate`.",
        source: "protocol.md section 7, anything else",
        check: refuses_questions,
    },
    &Requirement {
        id: "FUN-05",
        level: Level::Should,
        releases: Releases::All,
        rule: "What is no request is answered with `state` false, and the function goes on.",
        why: "eKuiper sends no such thing.",
        how: "No bytes, `{`, no UTF-8 and 64 MiB are sent.",
        source: "protocol.md section 7, anything else",
        check: |bench| bench.play(Kinds::Functions, "requests"),
    },
    &Requirement {
        id: "FUN-06",
        level: Level::Should,
        releases: Releases::All,
        rule: "An `Exec` whose last argument is missing or no context is answered with `state` false.",
        why: "eKuiper sends no such thing.",
        how: "Called with an empty list, and with a last argument that is a number.",
        source: "protocol.md section 7, Exec",
        check: needs_a_context,
    },
    &Requirement {
        id: "FUN-07",
        level: Level::Must,
        releases: Releases::All,
        rule: "A call is answered though nothing was called for 6 s.",
        why: "A rule whose rows are rare gets errors in the place of results.",
        how: "Nothing is called for 6 s, then the function is asked and called.",
        source: "protocol.md section 5, the greeting again",
        check: answers_after_idling,
    },
    &Requirement {
        id: "FUN-08",
        level: Level::Must,
        releases: Releases::All,
        rule: "A second start of a function that runs is answered with `ok`, and calls are answered.",
        why: "The replay after a crash and a rule that restarts both send one.",
        how: "Started twice more, and asked behind each start.",
        source: "protocol.md section 5, what a plugin does on start",
        check: starts_twice,
    },
    &Requirement {
        id: "FUN-09",
        level: Level::Must,
        releases: Releases::All,
        rule: "Functions of one plugin do not wait for each other.",
        why: "One rule's call would hold up the others' functions.",
        how: "All functions are started; each is asked three times while the others are not.",
        source: "protocol.md section 7",
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
        source: "protocol.md section 7, seen on the wire",
        check: survives_empty_windows,
    },
    &Requirement {
        id: "FUN-11",
        level: Level::Should,
        releases: Releases::All,
        rule: "A second start of a function that runs opens no second channel.",
        why: "eKuiper copes with the second greeting; the connection and its thread are never freed.",
        how: "Started twice more; one connection has to stand.",
        source: "protocol.md section 5, what a plugin does on start",
        check: keeps_one_channel,
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
        vec![Value::Null],
        vec![json!({"k": [1, -2.5, {"n": null}]})],
        vec![json!("täglich 漢字 🦀 \u{0} <&>")],
        vec![json!(1), json!("two"), json!([3])],
        vec![],
    ];
    if bench.plan.release().max_message.is_none() {
        calls.push(vec![json!("x".repeat(BIG))]);
    }
    for (number, args) in (0..).zip(&calls) {
        let _result = function.exec_in(&context(number), args)?;
    }
    goes_on(&host, &mut function)
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
    Ok(())
}

fn starts_twice(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    started_twice_more(bench, &host).map(drop)
}

fn keeps_one_channel(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let function = started_twice_more(bench, &host).map_err(not_reached)?;
    // A second channel would be dialed within this time.
    std::thread::sleep(bench.scaled(DIAL).max(DIAL));
    bench.one_connection(&Channel::function(function.symbol()))
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
