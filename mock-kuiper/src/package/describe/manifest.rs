//! NAME.json against the code: its name, its executable, its lists of symbols.

use std::path::Path;

use super::super::error::PackageError;
use super::super::ordered::Json;
use super::super::project::Project;
use super::super::report::CheckLevel;
use super::changes::Changes;
use super::description::Description;

/// The plugin's json, as far as it was found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'a> {
    None,
    One(&'a Path),
    /// Several files may be it, which the checks report.
    Several,
}

/// Compares the plugin's json, and writes it if there is none. Returns the symbols that
/// the code has and the json does not list, as pairs of a list and a name; `None` if the
/// json could not be compared.
pub(super) fn compare(
    changes: &mut Changes<'_>,
    description: &Description,
    project: &Project,
    binary: &str,
    found: Found<'_>,
) -> Result<Option<Vec<(&'static str, String)>>, PackageError> {
    let expected = format!("{}.json", description.name);
    let other = match found {
        Found::One(json) => file_name(json).filter(|file| *file != expected),
        Found::None | Found::Several => None,
    };
    let file = match (found, other) {
        (Found::One(_), Some(other)) if changes.exists(&expected)? => {
            let text = format!(
                "this is the json of the package, but the name in `PluginConfig::new` is `{}`, \
                 and `{expected}` exists, too; remove one of the files, or name the directory \
                 after the right one",
                description.name
            );
            changes.report_at(CheckLevel::Error, &other, "", text);
            return Ok(None);
        }
        (Found::One(_), Some(other)) => other,
        (Found::None, _) if !changes.exists(&expected)? => {
            changes.write(&expected, &new(description, project, binary).to_file())?;
            return Ok(Some(Vec::new()));
        }
        (Found::Several, _) => return Ok(None),
        _ => expected.clone(),
    };
    let Some(mut json) = changes.read(&file)? else {
        return Ok(None);
    };
    let before = json.clone();
    let stem = file.trim_end_matches(".json");
    // If the package and its json have the same name, that in the code is wrong.
    let may_rename = stem != project.name;
    let renames = changes.fix && file != expected && may_rename;
    if file != expected {
        name(changes, &mut json, &file, description, may_rename);
    }
    executable(changes, &mut json, &file, project, binary);
    let mut unlisted = Vec::new();
    for (list, names) in lists(description) {
        let missing = symbols(changes, &mut json, &file, list, &names);
        unlisted.extend(missing.into_iter().map(|name| (list, name)));
    }
    if renames {
        changes.rename(&file, &expected)?;
    }
    if changes.fix && json != before {
        let file = if renames { &expected } else { &file };
        changes.rewrite(file, &json.to_file())?;
    }
    Ok(Some(unlisted))
}

fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

fn lists(description: &Description) -> [(&'static str, Vec<String>); 3] {
    let symbols = |symbols: &[super::description::Symbol]| {
        symbols.iter().map(|symbol| symbol.name.clone()).collect()
    };
    let functions = description.functions.iter();
    [
        ("sources", symbols(&description.sources)),
        ("sinks", symbols(&description.sinks)),
        ("functions", functions.map(|one| one.name.clone()).collect()),
    ]
}

/// Makes the json of a plugin that has none.
fn new(description: &Description, project: &Project, binary: &str) -> Json {
    let mut json = Json::object([
        ("version", Json::text(&format!("v{}", project.version))),
        ("language", Json::text("go")),
        ("executable", Json::text(binary)),
    ]);
    for (list, names) in lists(description) {
        json.set(list, Json::texts(&names));
    }
    json
}

/// Reports that the file has another name than the plugin.
fn name(
    changes: &mut Changes<'_>,
    json: &mut Json,
    file: &str,
    description: &Description,
    may_rename: bool,
) {
    let own = &description.name;
    let stem = file.trim_end_matches(".json");
    let wrong = format!(
        "the name in `PluginConfig::new` is `{own}`, so the plugin does not connect when it is \
         installed as `{stem}`; rename the file to `{own}.json`, or correct the name in the code"
    );
    if !may_rename {
        changes.report_at(CheckLevel::Error, file, "", wrong);
        return;
    }
    if changes.fix && json.get("name").is_some() {
        json.set("name", Json::text(own));
    }
    let changed = format!("renamed to `{own}.json`, after the name in `PluginConfig::new`");
    changes.settle(CheckLevel::Error, file, "", changed, wrong);
}

/// Reports an executable that the package does not have.
fn executable(
    changes: &mut Changes<'_>,
    json: &mut Json,
    file: &str,
    project: &Project,
    binary: &str,
) {
    let named = json.get("executable").and_then(Json::as_text);
    let known = |name: &String| {
        let plain = Path::new(name).file_name().and_then(|name| name.to_str());
        project.binaries.iter().any(|binary| plain == Some(binary))
    };
    if named.as_ref().is_some_and(known) {
        return;
    }
    let is = named.map_or("is missing".to_owned(), |name| format!("is `{name}`"));
    if changes.fix {
        json.set("executable", Json::text(binary));
    }
    let changed = format!("{is}, changed to `{binary}`");
    let wrong = format!("{is}, but the binary of the Cargo package is `{binary}`; correct it");
    changes.settle(CheckLevel::Error, file, "executable", changed, wrong);
}

/// Compares the symbols of one list. Returns those that it still lacks.
fn symbols(
    changes: &mut Changes<'_>,
    json: &mut Json,
    file: &str,
    list: &str,
    code: &[String],
) -> Vec<String> {
    let symbol = list.trim_end_matches('s');
    let listed: Vec<String> = match json.get(list) {
        None => Vec::new(),
        Some(Json::List(items)) => items.iter().filter_map(Json::as_text).collect(),
        // The checks of the json report it.
        Some(_) => return Vec::new(),
    };
    let missing: Vec<_> = code.iter().filter(|name| !listed.contains(name)).collect();
    let surplus: Vec<_> = listed.iter().filter(|name| !code.contains(name)).collect();
    for name in &missing {
        let changed = format!("added `{name}`");
        let wrong = format!(
            "the code has the {symbol} `{name}`, which is not in the list, so eKuiper does not \
             know it; add it"
        );
        changes.settle(CheckLevel::Warning, file, list, changed, wrong);
    }
    for name in &surplus {
        let changed = format!("removed `{name}`, which the code does not have");
        let wrong = format!(
            "the code has no {symbol} `{name}`; register it with `PluginConfig::{symbol}`, or \
             remove it from the list"
        );
        changes.settle(CheckLevel::Error, file, list, changed, wrong);
    }
    if changes.fix && !(missing.is_empty() && surplus.is_empty()) {
        let kept = listed.iter().filter(|name| code.contains(name));
        json.set(list, Json::texts(kept.chain(missing)));
        return Vec::new();
    }
    missing.into_iter().cloned().collect()
}
