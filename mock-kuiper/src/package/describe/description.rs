//! What a plugin says about itself, as it was read.

use super::super::ordered::Json;

/// The version of the format that is understood.
const VERSION: &str = "1";

/// The description of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) name: String,
    pub(super) sources: Vec<Symbol>,
    pub(super) sinks: Vec<Symbol>,
    pub(super) functions: Vec<Function>,
}

/// A source or a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Symbol {
    pub(super) name: String,
    pub(super) texts: Texts,
    /// The properties as eKuiper's UI has them; `None` if the plugin does not say.
    pub(super) properties: Option<Vec<Json>>,
    /// The default of each property that has one.
    pub(super) defaults: Json,
    /// The sections of a source's yaml, besides `default`.
    pub(super) sections: Json,
    /// Whether there may be other properties.
    pub(super) open: bool,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) texts: Texts,
    /// Whether it is an aggregate; `None` if the plugin does not say.
    pub(super) aggregate: Option<bool>,
    /// The arguments as eKuiper's UI has them; `None` if the plugin does not say.
    pub(super) arguments: Option<Vec<Json>>,
}

/// What the UI shows, each in one or more languages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Texts {
    pub(super) label: Option<Json>,
    pub(super) description: Option<Json>,
}

impl Description {
    /// Reads a description. Unknown fields are ignored.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let json = Json::parse(text).map_err(|error| format!("it is not JSON: {error}"))?;
        match json.get("describe") {
            Some(Json::Scalar(version)) if version == VERSION => {}
            Some(version) => {
                return Err(format!(
                    "its format is {version}, and {VERSION} is understood; update mock-kuiper"
                ));
            }
            None => return Err("it has no `describe`".to_owned()),
        }
        let name = json.get("name").and_then(Json::as_text);
        let list = |name: &str| json.get(name).map(Json::items).unwrap_or_default();
        Ok(Self {
            name: safe(name.ok_or("it has no `name`")?)?,
            sources: list("sources")
                .iter()
                .map(symbol)
                .collect::<Result<_, _>>()?,
            sinks: list("sinks").iter().map(symbol).collect::<Result<_, _>>()?,
            functions: list("functions")
                .iter()
                .map(function)
                .collect::<Result<_, _>>()?,
        })
    }
}

fn symbol(json: &Json) -> Result<Symbol, String> {
    Ok(Symbol {
        name: name_of(json)?,
        texts: texts(json),
        properties: named_items(json, "properties"),
        defaults: json.get("defaults").cloned().unwrap_or(Json::object([])),
        sections: json.get("sections").cloned().unwrap_or(Json::object([])),
        open: matches!(json.get("open"), Some(Json::Scalar(text)) if text == "true"),
    })
}

fn function(json: &Json) -> Result<Function, String> {
    let aggregate = match json.get("aggregate") {
        Some(Json::Scalar(text)) => text.parse().ok(),
        _ => None,
    };
    Ok(Function {
        name: name_of(json)?,
        texts: texts(json),
        aggregate,
        arguments: named_items(json, "args"),
    })
}

fn texts(json: &Json) -> Texts {
    let text = |name| json.get(name).filter(|json| json.is_object()).cloned();
    Texts {
        label: text("label"),
        description: text("description"),
    }
}

/// Returns the items of a list that have a name.
fn named_items(json: &Json, list: &str) -> Option<Vec<Json>> {
    let items = json.get(list)?.items().iter();
    let named = items.filter(|item| item.get("name").and_then(Json::as_text).is_some());
    Some(named.cloned().collect())
}

fn name_of(json: &Json) -> Result<String, String> {
    let name = json.get("name").and_then(Json::as_text);
    safe(name.ok_or("a symbol has no `name`")?)
}

/// Returns a name that can be the name of a file.
fn safe(name: String) -> Result<String, String> {
    let is_safe = !name.is_empty()
        && !name.starts_with('.')
        && !name.chars().any(|c| c == '/' || c.is_control());
    if is_safe {
        Ok(name)
    } else {
        Err(format!("`{name}` cannot be the name of a file; rename it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_not_known_are_ignored() {
        let text = r#"{"describe":1,"new":[{}],"name":"p","sources":[{"name":"s","x":1}],
            "functions":[{"name":"f","aggregate":true},{"name":"g","aggregate":null}]}"#;

        let found = Description::parse(text).unwrap();

        assert_eq!(found.name, "p");
        assert_eq!(found.sources[0].name, "s");
        assert_eq!(found.sources[0].properties, None);
        assert_eq!(found.functions[0].aggregate, Some(true));
        assert_eq!(found.functions[1].aggregate, None);
    }

    #[test]
    fn another_format_and_names_that_leave_the_directory_are_refused() {
        for (text, expected) in [
            ("{", "it is not JSON: "),
            ("[]", "it has no `describe`"),
            (
                r#"{"describe":2,"name":"p"}"#,
                "its format is 2, and 1 is understood; ",
            ),
            (r#"{"describe":1}"#, "it has no `name`"),
            (
                r#"{"describe":1,"name":"../p"}"#,
                "`../p` cannot be the name of a file",
            ),
            (
                r#"{"describe":1,"name":"p","sources":[{"name":"a/b"}]}"#,
                "`a/b` cannot",
            ),
            (
                r#"{"describe":1,"name":"p","sinks":[{"name":""}]}"#,
                "`` cannot",
            ),
            (
                r#"{"describe":1,"name":"p","functions":[{}]}"#,
                "a symbol has no `name`",
            ),
        ] {
            let error = Description::parse(text).unwrap_err();

            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
