//! What the code says about properties against what a file says about them.

use super::super::ordered::Json;

/// A difference: the field of the file, and what differs.
pub(super) type Difference = (String, String);

/// Returns the file's value with what the code says. Fields that only the file has stay;
/// properties that only the file has stay if there may be others, as `open` states, and
/// otherwise do not. `found` gets the differences.
pub(super) fn merge(
    file: &Json,
    code: &Json,
    path: &str,
    open: bool,
    found: &mut Vec<Difference>,
) -> Json {
    match (file, code) {
        (Json::Object(_), Json::Object(fields)) if !path.ends_with("].default") => {
            let mut merged = file.clone();
            for (name, code) in fields {
                let path = below(path, name);
                let value = match file.get(name) {
                    Some(file) => merge(file, code, &path, open, found),
                    None => {
                        found.push((path, format!("is missing; the code has {code}")));
                        code.clone()
                    }
                };
                merged.set(name, value);
            }
            merged
        }
        (Json::List(of_file), Json::List(of_code)) if named(of_file) && named(of_code) => {
            merge_named(of_file, of_code, path, open, found)
        }
        _ if file.means(code) => file.clone(),
        _ => {
            found.push((
                path.to_owned(),
                format!("is {file}, but the code has {code}"),
            ));
            code.clone()
        }
    }
}

fn merge_named(
    of_file: &[Json],
    of_code: &[Json],
    path: &str,
    open: bool,
    found: &mut Vec<Difference>,
) -> Json {
    let mut merged = Vec::new();
    for code in of_code {
        let name = name(code);
        let path = format!("{path}[{name}]");
        match of_file.iter().find(|file| self::name(file) == name) {
            // The properties of a property are never open.
            Some(file) => merged.push(merge(file, code, &path, false, found)),
            None => {
                let text = "is missing, and the code has this property".to_owned();
                found.push((path, text));
                merged.push(complete(code));
            }
        }
    }
    for file in of_file {
        let name = name(file);
        if of_code.iter().any(|code| self::name(code) == name) {
            continue;
        }
        if open {
            merged.push(file.clone());
        } else {
            let text = "the code has no such property".to_owned();
            found.push((format!("{path}[{name}]"), text));
        }
    }
    Json::List(merged)
}

/// Adds what a UI needs to a property of the code.
pub(super) fn complete(property: &Json) -> Json {
    let mut property = property.clone();
    if let Some(Json::List(children)) = property.get("default")
        && named(children)
    {
        let children = children.iter().map(complete).collect();
        property.set("default", Json::List(children));
    }
    if property.get("label").is_none() {
        property.set("label", label_of(&name(&property)));
    }
    property
}

/// Makes a label from a name: `retry_limit` becomes `Retry limit`.
pub(super) fn label_of(name: &str) -> Json {
    let mut label = String::new();
    for (index, character) in name.chars().enumerate() {
        match character {
            '_' | '-' => label.push(' '),
            c if index == 0 => label.extend(c.to_uppercase()),
            c if c.is_uppercase() && !label.ends_with(|last: char| last.is_uppercase()) => {
                label.push(' ');
                label.extend(c.to_lowercase());
            }
            c => label.push(c),
        }
    }
    Json::object([("en_US", Json::text(&label))])
}

fn named(items: &[Json]) -> bool {
    items
        .iter()
        .all(|item| item.get("name").and_then(Json::as_text).is_some())
}

pub(super) fn name(property: &Json) -> String {
    property
        .get("name")
        .and_then(Json::as_text)
        .unwrap_or_default()
}

fn below(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn what_only_the_file_has_stays_and_what_the_code_has_wins() {
        let file = json(
            r#"{"about":{"author":{"name":"me"},"description":{"en_US":"Old.","zh_CN":"旧"}},
                "properties":{"default":[{"name":"gone"},
                    {"name":"period","default":1,"more":true,"hint":{"en_US":"x"}}]}}"#,
        );
        let code = json(
            r#"{"about":{"description":{"en_US":"New."}},
                "properties":{"default":[{"name":"period","default":2},{"name":"url"}]}}"#,
        );
        let mut found = Vec::new();

        let merged = merge(&file, &code, "", false, &mut found);

        assert_eq!(
            merged.to_string(),
            r#"{"about": {"author": {"name": "me"}, "description": {"en_US": "New.", "zh_CN": "旧"}}, "properties": {"default": [{"name": "period", "default": 2, "more": true, "hint": {"en_US": "x"}}, {"name": "url", "label": {"en_US": "Url"}}]}}"#
        );
        let found: Vec<_> = found
            .iter()
            .map(|(path, text)| format!("{path}: {text}"))
            .collect();
        assert_eq!(
            found,
            [
                "about.description.en_US: is \"Old.\", but the code has \"New.\"",
                "properties.default[period].default: is 1, but the code has 2",
                "properties.default[url]: is missing, and the code has this property",
                "properties.default[gone]: the code has no such property",
            ]
        );
    }

    #[test]
    fn properties_that_only_the_file_has_stay_if_there_may_be_others() {
        let file = json(
            r#"{"properties":[{"name":"more"},
                {"name":"tls","default":[{"name":"gone"},{"name":"ca"}]}]}"#,
        );
        let code =
            json(r#"{"properties":[{"name":"tls","default":[{"name":"ca"}]},{"name":"url"}]}"#);
        let mut found = Vec::new();

        let merged = merge(&file, &code, "", true, &mut found);

        assert_eq!(
            merged.to_string(),
            r#"{"properties": [{"name": "tls", "default": [{"name": "ca"}]}, {"name": "url", "label": {"en_US": "Url"}}, {"name": "more"}]}"#
        );
        let found: Vec<_> = found.into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, ["properties[tls].default[gone]", "properties[url]"]);
    }

    #[test]
    fn a_default_that_is_an_object_is_replaced_as_a_whole() {
        let file = json(r#"{"properties":[{"name":"h","default":{"a":1,"b":2}}]}"#);
        let code = json(r#"{"properties":[{"name":"h","default":{"a":1}}]}"#);
        let mut found = Vec::new();

        let merged = merge(&file, &code, "", false, &mut found);

        assert!(merged.means(&code), "{merged}");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_label_is_made_of_a_name() {
        for (name, label) in [
            ("period", "Period"),
            ("retry_limit", "Retry limit"),
            ("batchSize", "Batch size"),
        ] {
            let expected = Json::object([("en_US", Json::text(label))]);
            assert_eq!(label_of(name), expected, "{name}");
        }
    }
}
