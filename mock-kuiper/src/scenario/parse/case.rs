//! A case and its steps.

use serde_json::{Map, Value};

use super::super::format::duration;
use super::super::model::{
    Action, Case, Content, Expected, Outcome, Rule, Start, StartSymbol, Step, WITHIN,
};
use super::super::node::{Key, Node, Tree};
use super::super::pattern::Template;
use super::command::commands;
use super::reader::{Reader, bool_of, count_of, text_of, within};
use super::releases::releases;
use super::scope::{Scope, Use};
use super::shape::{count, step_form};
use crate::symbol::Kind;

/// Reads a case; `None` without a name.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Case> {
    reader.scope = Scope::new();
    let setup = commands(reader, node.get("setup"));
    let teardown = commands(reader, node.get("teardown"));
    let mut steps = Vec::new();
    // Without it the rows still have their mistakes.
    let function = text_of(node, "function").unwrap_or_default();
    let rows = node.get("calls").map(Node::items).unwrap_or_default();
    steps.extend(rows.iter().map(|row| call_row(reader, &function, row)));
    let items = node.get("steps").map(Node::items).unwrap_or_default();
    for item in items {
        match step(reader, item) {
            Some(step) => steps.push(step),
            None => reader.scope.miss(),
        }
    }
    Some(Case {
        name: text_of(node, "name")?,
        place: node.place,
        releases: releases(reader, node.get("releases")),
        retries: count_of(node, "retries").unwrap_or_default(),
        variables: reader.scope.take_used(),
        setup,
        teardown,
        steps,
    })
}

fn call_row(reader: &mut Reader<'_>, function: &str, row: &Node) -> Step {
    let action = match row.get("refused") {
        Some(_) => validate(reader, function.to_owned(), row),
        None => call(reader, function.to_owned(), row),
    };
    Step {
        place: row.place,
        is_row: true,
        within: within(row),
        action,
    }
}

fn step(reader: &mut Reader<'_>, node: &Node) -> Option<Step> {
    let verb = step_form(node)?.verb().name;
    let alias = || text_of(node, verb);
    if ["start", "stop", "call", "validate", "fault", "rule"].contains(&verb)
        && let Some(text) = reader.scope.need_process()
    {
        reader.mistake(node.place, text);
    }
    let action = match verb {
        "start" => start_step(reader, node)?,
        "stop" => {
            use_instance(reader, node.get(verb)?, Use::Stop);
            Action::Stop { alias: alias()? }
        }
        "rows" => rows(reader, node)?,
        "send" => send(reader, node)?,
        "call" => call(reader, text_of(node, verb)?, node),
        "validate" => validate(reader, text_of(node, verb)?, node),
        "log" => Action::Log {
            line: reader.pattern(node.get(verb)?),
            times: count_of(node, "times").and_then(|times| usize::try_from(times).ok()),
        },
        "file" => file(reader, node)?,
        "fault" => Action::Fault {
            fault: node.get(verb)?.text()?.parse().ok()?,
            row: node.get("row").map(|row| reader.template(row)),
        },
        "kill" => {
            reader.scope.kill(true);
            Action::Kill
        }
        "reload" => {
            reader.scope.kill(false);
            Action::Reload
        }
        "idle" => Action::Idle(duration(node.get(verb)?.text()?)?),
        "rule" => rule(reader, node.get(verb)?)?,
        _ => return None,
    };
    Some(Step {
        place: node.place,
        is_row: false,
        within: within(node),
        action,
    })
}

fn use_instance(reader: &mut Reader<'_>, node: &Node, usage: Use) {
    let mistake = node
        .text()
        .and_then(|alias| reader.scope.use_instance(alias, usage));
    if let Some(text) = mistake {
        reader.mistake(node.place, text);
    }
}

fn start_step(reader: &mut Reader<'_>, node: &Node) -> Option<Action> {
    let given = node.get("start")?;
    let refused = node.get("refused").map(|refused| reader.expected(refused));
    let mut start = start(reader, given)?;
    // What is refused does not run.
    if refused.is_none() {
        let kind = match start.symbol {
            StartSymbol::Source { .. } => Kind::Source,
            StartSymbol::Sink { .. } => Kind::Sink,
        };
        if let Some(text) = reader.scope.start(&start.alias, kind) {
            let place = given.get("as").unwrap_or(given).place;
            reader.mistake(place, text);
        }
    }
    start.refused = refused;
    Some(Action::Start(start))
}

/// Reads what to start, for a step or for a rule.
fn start(reader: &mut Reader<'_>, node: &Node) -> Option<Start> {
    let config = object(reader, node.get("config"));
    let symbol = match text_of(node, "source") {
        Some(name) => StartSymbol::Source {
            name,
            datasource: node.get("datasource").map(|text| reader.template(text)),
            conf_key: text_of(node, "confKey"),
            options: object(reader, node.get("options")),
        },
        None => StartSymbol::Sink {
            name: text_of(node, "sink")?,
            require_ack: bool_of(node, "requireAck"),
            send_single: bool_of(node, "sendSingle"),
        },
    };
    let (StartSymbol::Source { name, .. } | StartSymbol::Sink { name, .. }) = &symbol;
    Some(Start {
        alias: text_of(node, "as").unwrap_or_else(|| name.clone()),
        symbol,
        config,
        refused: None,
    })
}

fn object(reader: &mut Reader<'_>, node: Option<&Node>) -> Template {
    match node {
        Some(node) => reader.template(node),
        None => Template::of(Value::Object(Map::new())),
    }
}

fn rows(reader: &mut Reader<'_>, node: &Node) -> Option<Action> {
    let alias = node.get("rows")?;
    use_instance(reader, alias, Use::Rows);
    let expect = node.get("expect");
    let count = expect.and_then(expected_count);
    if let (Some(expect), None) = (expect, count) {
        let text = "`expect` does not say how many rows; write a list, `{$unordered: […]}`, or \
                    add `$len: N`";
        reader.mistake(expect.place, text);
    }
    if let (Some(1..), Some(name)) = (count, alias.text())
        && let Some(text) = reader.scope.expect_rows(name)
    {
        reader.mistake(expect.unwrap_or(node).place, text);
    }
    let pattern = expect.map(|expect| Expected {
        pattern: reader.pattern(&with_any_meta(expect)),
        span: expect.span.clone(),
    });
    let capture = reader.captures(node);
    Some(Action::Rows {
        alias: alias.text()?.to_owned(),
        expect: pattern?,
        count: count?,
        capture,
    })
}

/// Lets each row have any `meta` that does not say what it must be.
fn with_any_meta(node: &Node) -> Node {
    let has = |entries: &[(Key, Node)], name: &str| entries.iter().any(|(key, _)| key.text == name);
    let mut node = node.clone();
    match &mut node.tree {
        Tree::List(items) => {
            for item in items {
                *item = with_any_meta(item);
            }
        }
        Tree::Map(entries) if has(entries, "message") && !has(entries, "meta") => {
            let place = node.place;
            let leaf = |tree| Node {
                place,
                span: node.span.clone(),
                tree,
            };
            let key = |text: &str| Key {
                text: text.to_owned(),
                place,
            };
            let any = leaf(Tree::Map(vec![(key("$any"), leaf(Tree::Bool(true)))]));
            entries.push((key("meta"), any));
        }
        Tree::Map(entries) => {
            for (key, inner) in entries {
                if ["$unordered", "$each", "$or"].contains(&key.text.as_str()) {
                    *inner = with_any_meta(inner);
                }
            }
        }
        _ => {}
    }
    node
}

/// Returns how many rows a pattern is about.
fn expected_count(node: &Node) -> Option<usize> {
    if let Tree::List(items) = &node.tree {
        return Some(items.len());
    }
    if let Some(Node {
        tree: Tree::List(items),
        ..
    }) = node.get("$unordered")
    {
        return Some(items.len());
    }
    match &node.get("$len")?.tree {
        Tree::Number(number) => usize::try_from(count(number)?).ok(),
        _ => None,
    }
}

fn send(reader: &mut Reader<'_>, node: &Node) -> Option<Action> {
    let alias = node.get("send")?;
    use_instance(reader, alias, Use::Send);
    let rows = reader.templates(node.get("rows"));
    let acks = node.get("acks").map(|acks| {
        if let Tree::List(items) = &acks.tree
            && items.len() != rows.len()
        {
            let (acks_given, rows_given) = (items.len(), rows.len());
            let text = format!(
                "`acks` has {acks_given} items and `rows` has {rows_given}; give an ack for each \
                 row"
            );
            reader.mistake(acks.place, text);
        }
        reader.expected(acks)
    });
    Some(Action::Send {
        alias: alias.text()?.to_owned(),
        rows,
        acks,
    })
}

fn call(reader: &mut Reader<'_>, function: String, node: &Node) -> Action {
    // The same on all releases.
    if within(node).is_some_and(|limit| limit > WITHIN) {
        let place = node.get("within").unwrap_or(node).place;
        let text = format!("eKuiper gives a function {WITHIN:?}; `within` can only be shorter");
        reader.mistake(place, text);
    }
    let args = reader.templates(node.get("args"));
    let outcome = match (node.get("result"), node.get("error")) {
        (Some(result), _) => Outcome::Result(reader.expected(result)),
        (None, Some(error)) => Outcome::Error(reader.expected(error)),
        (None, None) => Outcome::Answered,
    };
    Action::Call {
        function,
        args,
        outcome,
        capture: reader.captures(node),
    }
}

fn validate(reader: &mut Reader<'_>, function: String, node: &Node) -> Action {
    Action::Validate {
        function,
        args: reader.templates(node.get("args")),
        refused: node.get("refused").map(|refused| reader.expected(refused)),
    }
}

fn file(reader: &mut Reader<'_>, node: &Node) -> Option<Action> {
    let path = reader.template(node.get("file")?);
    let mut expected = |key: &str, content: fn(Expected) -> Content| {
        let node = node.get(key)?;
        Some(content(reader.expected(node)))
    };
    let content = expected("lines", Content::Lines)
        .or_else(|| expected("text", Content::Text))
        .or_else(|| expected("json", Content::Json));
    let content = content.or_else(|| {
        node.get("exists")?;
        Some(match bool_of(node, "exists") {
            true => Content::Present,
            false => Content::Absent,
        })
    })?;
    Some(Action::File { path, content })
}

fn rule(reader: &mut Reader<'_>, node: &Node) -> Option<Action> {
    let source = node.get("source").and_then(|source| start(reader, source));
    let sinks = node.get("sinks").map(Node::items).unwrap_or_default();
    let sinks = sinks
        .iter()
        .filter_map(|sink| start(reader, sink))
        .collect();
    let functions = node.get("functions").map(Node::items).unwrap_or_default();
    let functions = functions
        .iter()
        .filter_map(|name| name.text().map(str::to_owned));
    Some(Action::Rule(Rule {
        source: source?,
        functions: functions.collect(),
        sinks,
        rows: usize::try_from(count_of(node, "rows")?).ok()?,
    }))
}
