//! Checks a tree against the table of the format: unknown and missing keys, values
//! of another type, keys that exclude each other.
//!
//! What the table cannot say, such as which aliases exist, is checked where the
//! model is made.

use super::super::format::{Form, Rule, STEPS, Shape, either, tip};
use super::super::node::{Node, Place, Tree};
use crate::foreign::in_sentence;

/// Checks a mapping.
pub(super) fn check_form(node: &Node, form: &Form, mistakes: &mut Vec<(Place, String)>) {
    let Tree::Map(entries) = &node.tree else {
        let required = form.keys.iter().filter(|key| key.is_required);
        let required: Vec<_> = required.map(|key| format!("`{}`", key.name)).collect();
        let with = match required.is_empty() {
            true => String::new(),
            false => format!(" with {}", required.join(", ")),
        };
        let (form, found) = (form.in_sentence(), node.describe());
        let text = format!("{form}: expected a mapping{with}, found {found}");
        mistakes.push((node.place, text));
        return;
    };
    for (key, value) in entries {
        match form.keys.iter().find(|known| known.name == key.text) {
            Some(known) => check(value, &known.shape, known.name, mistakes),
            None => mistakes.push((key.place, unknown_key(form, &key.text))),
        }
    }
    for key in form.keys {
        if key.is_required && node.get(key.name).is_none() {
            let expected = key.shape.describe();
            let text = format!(
                "{} has no `{}`; add {expected}",
                form.in_sentence(),
                key.name
            );
            mistakes.push((node.place, text));
        }
    }
    for rule in form.rules {
        if let Some(mistake) = broken(rule, node, form) {
            mistakes.push(mistake);
        }
    }
}

fn unknown_key(form: &Form, key: &str) -> String {
    let names = form.keys.iter().map(|known| known.name);
    let tip = tip(key, names.clone());
    let (form, key) = (form.in_sentence(), in_sentence(key));
    if tip.is_empty() {
        let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
        return format!("unknown key `{key}`; {form} may have {}", names.join(", "));
    }
    format!("unknown key `{key}` in {form}{tip}")
}

/// Returns how a mapping breaks a rule about its keys.
fn broken(rule: &Rule, node: &Node, form: &Form) -> Option<(Place, String)> {
    let place_of = |name: &str| {
        let entry = node.entries().iter().find(|(key, _)| key.text == name);
        entry.map(|(key, _)| key.place)
    };
    let present = |names: &[&'static str]| -> Vec<(Place, &'static str)> {
        let found = names
            .iter()
            .filter_map(|name| Some((place_of(name)?, *name)));
        let mut found: Vec<_> = found.collect();
        found.sort();
        found
    };
    let form = form.in_sentence();
    match rule {
        Rule::ExactlyOne(names) if present(names).is_empty() => {
            let text = format!("{form} needs {}; add one", either(names));
            Some((node.place, text))
        }
        Rule::ExactlyOne(names) | Rule::AtMostOne(names) => {
            let found = present(names);
            let [(_, first), (place, second), ..] = found[..] else {
                return None;
            };
            let text = format!("`{second}` and `{first}` exclude each other; remove one");
            Some((place, text))
        }
        Rule::Needs(name, other) => {
            let place = place_of(name)?;
            let is_alone = place_of(other).is_none();
            is_alone.then(|| (place, format!("`{name}` needs `{other}` beside it; add it")))
        }
    }
}

/// Checks the value of the key `name`, or an item of its list.
fn check(node: &Node, shape: &Shape, name: &str, mistakes: &mut Vec<(Place, String)>) {
    let mut wrong = |place, text: String| {
        mistakes.push((place, format!("`{}`: {text}", in_sentence(name))));
    };
    match (shape, &node.tree) {
        (Shape::Value | Shape::Pattern, _)
        | (Shape::Object, Tree::Map(_))
        | (Shape::Nothing, Tree::Null)
        | (Shape::Port, Tree::Text(_))
        | (Shape::Scalar, Tree::Text(_) | Tree::Number(_) | Tree::Bool(_))
        | (Shape::Bool, Tree::Bool(_)) => {}
        (Shape::Count(least), Tree::Number(number))
            if count(number).is_some_and(|n| n >= *least) => {}
        (Shape::Port, Tree::Number(number))
            if count(number).is_some_and(|n| (1..=u16::MAX.into()).contains(&n)) => {}
        (
            Shape::Template
            | Shape::Text
            | Shape::Word(_)
            | Shape::Path
            | Shape::Duration
            | Shape::Release
            | Shape::Fault
            | Shape::Pointer,
            Tree::Text(text),
        ) => {
            if let Some(text) = shape.text_mistake(text) {
                wrong(node.place, text);
            }
        }
        (Shape::Filled(_), Tree::List(items)) if items.is_empty() => {
            wrong(node.place, "the list is empty; add an item".to_owned());
        }
        (Shape::List(shape) | Shape::Filled(shape), Tree::List(items)) => {
            for item in items {
                check(item, shape, name, mistakes);
            }
        }
        (Shape::Map(shape), Tree::Map(entries)) => {
            for (key, value) in entries {
                check(value, shape, &key.text, mistakes);
            }
        }
        (Shape::Form(form), Tree::Map(_)) => check_form(node, form, mistakes),
        (Shape::OneOf(what, forms), Tree::Map(_) | Tree::Text(_)) => match choose(node, forms) {
            Some(form) if matches!(node.tree, Tree::Map(_)) => {
                check_form(node, form, mistakes);
            }
            Some(_) => {}
            None => mistakes.push(no_form(node, what, forms)),
        },
        (Shape::Or(scalar, other), tree) => match tree {
            Tree::List(_) if matches!(other, Shape::List(_) | Shape::Filled(_)) => {
                check(node, other, name, mistakes);
            }
            Tree::Map(_) if matches!(other, Shape::Form(_)) => check(node, other, name, mistakes),
            Tree::Text(_) => check(node, scalar, name, mistakes),
            _ => wrong(node.place, mismatch(node, shape)),
        },
        _ => wrong(node.place, mismatch(node, shape)),
    }
}

fn mismatch(node: &Node, shape: &Shape) -> String {
    if matches!(shape, Shape::Nothing) {
        return format!("takes no value; remove {}", node.describe());
    }
    let is_text = matches!(
        shape,
        Shape::Template | Shape::Text | Shape::Word(_) | Shape::Path | Shape::Release
    );
    let is_read_otherwise = matches!(node.tree, Tree::Number(_) | Tree::Bool(_));
    let tip = match is_text && is_read_otherwise {
        true => "; put quotation marks around it",
        false => "",
    };
    format!(
        "expected {}, found {}{tip}",
        shape.describe(),
        node.describe()
    )
}

/// Returns a number as a count.
pub(super) fn count(number: &serde_json::Number) -> Option<u32> {
    number
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
}

/// Returns the form of a step; `None` if it has none.
pub(super) fn step_form(node: &Node) -> Option<&'static Form> {
    choose(node, STEPS)
}

/// Chooses the form that a mapping has: that of its first key. A text chooses a form
/// whose first key has no value.
fn choose(node: &Node, forms: &[&'static Form]) -> Option<&'static Form> {
    if let Some(text) = node.text() {
        let is_meant = |form: &&&'static Form| {
            let verb = form.verb();
            verb.name == text && matches!(verb.shape, Shape::Nothing)
        };
        return forms.iter().find(is_meant).copied();
    }
    let found = present(node, forms);
    // `rows` is a step, and a key of the step `send`.
    let has_all = |form: &&&'static Form| {
        let is_key = |other: &&Form| form.keys.iter().any(|key| key.name == other.verb().name);
        found.iter().all(is_key)
    };
    found.iter().find(has_all).copied()
}

/// Returns the forms whose first key a mapping has.
fn present(node: &Node, forms: &[&'static Form]) -> Vec<&'static Form> {
    let found = forms
        .iter()
        .filter(|form| node.get(form.verb().name).is_some());
    found.copied().collect()
}

/// Returns why [`choose`] finds no form.
fn no_form(node: &Node, what: &str, forms: &[&'static Form]) -> (Place, String) {
    let verbs: Vec<_> = forms.iter().map(|form| form.verb().name).collect();
    let known = either(&verbs);
    if let Some(text) = node.text() {
        if verbs.contains(&text) {
            return (
                node.place,
                format!("`{text}` needs a value; write `{text}: …`"),
            );
        }
        let tip = tip(text, verbs);
        let text = in_sentence(text);
        return (
            node.place,
            format!("expected {what}, with {known}; found `{text}`{tip}"),
        );
    }
    if let [first, second, ..] = present(node, forms)[..] {
        let (first, second) = (first.verb().name, second.verb().name);
        let text = format!("{what} has only one of `{first}` and `{second}`; remove one");
        return (node.place, text);
    }
    // The first key that is like one of them.
    for (key, _) in node.entries() {
        let tip = tip(&key.text, verbs.iter().copied());
        if !tip.is_empty() {
            return (
                key.place,
                format!("unknown key `{}`{tip}", in_sentence(&key.text)),
            );
        }
    }
    (node.place, format!("expected {what}, with {known}"))
}
