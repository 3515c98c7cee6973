//! `functions/NAME.json` against the code: the UI metadata of a function.

use super::super::error::PackageError;
use super::super::ordered::Json;
use super::changes::Changes;
use super::description::Function;
use super::metadata::{about, node};
use super::properties::{Difference, complete, merge, name};

/// Compares the UI metadata of a function, and writes it if there is none.
pub(super) fn compare(changes: &mut Changes<'_>, function: &Function) -> Result<(), PackageError> {
    let file = format!("functions/{}.json", function.name);
    if !changes.exists(&file)? {
        return changes.write(&file, &new(function).to_file());
    }
    let Some(found) = changes.read(&file)? else {
        return Ok(());
    };
    let mut functions = found
        .get("functions")
        .map(Json::items)
        .unwrap_or_default()
        .to_vec();
    let mut differences = Vec::new();
    let own = functions
        .iter()
        .position(|json| name(json) == function.name);
    match own {
        Some(place) => {
            let field = format!("functions[{place}]");
            correct(&mut functions[place], function, &field, &mut differences);
        }
        None => {
            let text = format!("has no function `{}`, which the code has", function.name);
            differences.push(("functions".to_owned(), text));
            functions.push(of_function(function));
        }
    }
    if changes.differ(&file, differences) {
        let mut json = found;
        json.set("functions", Json::List(functions));
        changes.rewrite(&file, &json.to_file())?;
    }
    Ok(())
}

/// Changes what the code says otherwise.
fn correct(json: &mut Json, function: &Function, field: &str, differences: &mut Vec<Difference>) {
    let is_true = |json: &Json| matches!(json, Json::Scalar(text) if text == "true");
    let listed = json.get("aggregate").is_some_and(is_true);
    if let Some(aggregate) = function.aggregate
        && aggregate != listed
    {
        let text = match aggregate {
            true => "the function is an aggregate in the code, but not here",
            false => "the function is not an aggregate in the code, but it is one here",
        };
        differences.push((format!("{field}.aggregate"), text.to_owned()));
        json.set("aggregate", Json::flag(aggregate));
    }
    let listed = json
        .get("args")
        .map_or(0, |arguments| arguments.items().len());
    if let Some(arguments) = &function.arguments
        && arguments.len() != listed
    {
        let text = format!(
            "has {listed}, but the function has {} in the code",
            arguments.len()
        );
        differences.push((format!("{field}.args"), text));
        json.set("args", Json::List(arguments.iter().map(complete).collect()));
    }
    if let Some(description) = &function.texts.description {
        let hint = json.get("hint").cloned().unwrap_or(Json::object([]));
        let field = format!("{field}.hint");
        let merged = merge(&hint, description, &field, false, differences);
        json.set("hint", merged);
    }
}

/// Makes the metadata of a function that has none.
fn new(function: &Function) -> Json {
    Json::object([
        ("about", about(&function.texts)),
        ("name", Json::text(&function.name)),
        ("functions", Json::List(vec![of_function(function)])),
    ])
}

fn of_function(function: &Function) -> Json {
    let arguments = function.arguments.as_deref().unwrap_or_default();
    let names: Vec<_> = arguments.iter().map(name).collect();
    let example = format!("{}({})", function.name, names.join(", "));
    let mut json = Json::object([
        ("name", Json::text(&function.name)),
        ("example", Json::text(&example)),
    ]);
    if let Some(description) = &function.texts.description {
        json.set("hint", description.clone());
    }
    json.set("args", Json::List(arguments.iter().map(complete).collect()));
    json.set("return", Json::object([("type", Json::text("any"))]));
    json.set("node", node("function", &function.name, &function.texts));
    if function.aggregate == Some(true) {
        json.set("aggregate", Json::flag(true));
    }
    json
}
