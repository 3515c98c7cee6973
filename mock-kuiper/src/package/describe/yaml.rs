//! `sources/NAME.yaml` against the code: the properties that a stream can select.

use std::fmt::Write as _;

use super::super::config;
use super::super::error::PackageError;
use super::super::ordered::Json;
use super::super::report::CheckLevel;
use super::super::yaml::{self, Key, Node};
use super::changes::Changes;
use super::description::Symbol;
use super::properties::name;

/// The properties of a source that eKuiper reads or adds itself, in lower case. The SDK
/// for Rust ignores the same ones.
const OF_THE_HOST: [&str; 25] = [
    "bufferlength",
    "colaliasmapping",
    "concurrency",
    "connectionselector",
    "datasource",
    "decompression",
    "delimiter",
    "format",
    "interval",
    "istable",
    "key",
    "mergefield",
    "merger",
    "payloadbatchfield",
    "payloaddelimiter",
    "payloadfield",
    "payloadformat",
    "payloadformatprefix",
    "payloadschemaid",
    "retainsize",
    "schemaid",
    "sendinterval",
    "strictvalidation",
    "timestamp",
    "timestampformat",
];

/// Words that YAML does not read as text without quotes.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

/// Writes the yaml of a source if there is none. Otherwise reports properties that the
/// source does not have, which stay, because comments would be lost.
pub(super) fn compare(changes: &mut Changes<'_>, source: &Symbol) -> Result<(), PackageError> {
    let file = format!("sources/{}.yaml", source.name);
    if !changes.exists(&file)? {
        return changes.write(&file, &new(source));
    }
    let Some(Node::Map(sections)) = changes.read_yaml(&file)? else {
        return Ok(());
    };
    missing_sections(changes, &file, source, &sections)?;
    let Some(properties) = source.properties.as_ref().filter(|_| !source.open) else {
        return Ok(());
    };
    let known: Vec<_> = properties.iter().map(name).collect();
    for (section, node) in &sections {
        let Node::Map(entries) = node else { continue };
        for (key, _) in entries {
            let lower = key.text.to_lowercase();
            let is_known = known.iter().any(|name| name.to_lowercase() == lower);
            if is_known || OF_THE_HOST.contains(&lower.as_str()) {
                continue;
            }
            let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            let has = match names.as_slice() {
                [] => "none".to_owned(),
                names => names.join(", "),
            };
            let field = format!("{}.{}", section.text, key.text);
            let text = format!("the code has no such property, it has {has}; correct the name");
            changes.report_at(CheckLevel::Warning, &file, &field, text);
        }
    }
    Ok(())
}

/// Reports sections of the code that a yaml does not have. They are added at its end.
fn missing_sections(
    changes: &mut Changes<'_>,
    file: &str,
    source: &Symbol,
    sections: &[(Key, Node)],
) -> Result<(), PackageError> {
    let has = |name: &str| {
        sections
            .iter()
            .any(|(key, _)| key.text.eq_ignore_ascii_case(name))
    };
    let missing = source
        .sections
        .fields()
        .iter()
        .filter(|(name, _)| !has(name));
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !changes.fix {
        for (name, _) in missing {
            let text = "the code has this section, and the file does not; add it".to_owned();
            changes.differs(CheckLevel::Warning, file, name, text);
        }
        return Ok(());
    }
    let mut added = String::new();
    for (name, properties) in &missing {
        added.push('\n');
        entry(&mut added, 0, name, properties);
    }
    let whole = appended(&changes.text(file)?, &added, sections);
    for (name, _) in missing {
        match whole {
            Some(_) => {
                let text = "added the section".to_owned();
                changes.report_at(CheckLevel::Note, file, name, text);
            }
            None => {
                let text = "the code has this section, which cannot be added at the end of this \
                            file; add it";
                changes.report_at(CheckLevel::Warning, file, name, text.to_owned());
            }
        }
    }
    match whole {
        Some(whole) => changes.rewrite(file, &whole),
        None => Ok(()),
    }
}

/// Adds sections at the end of a yaml. Returns `None` if it would not be read as its own
/// sections with the new ones, for example because its sections are indented.
fn appended(before: &str, added: &str, sections: &[(Key, Node)]) -> Option<String> {
    let end = match before {
        "" => "",
        text if text.ends_with('\n') => "",
        _ => "\n",
    };
    let whole = format!("{before}{end}{added}");
    let read = |text: &str| {
        let document = yaml::parse(text).ok()?;
        match document.root {
            Node::Map(sections) if document.errors.is_empty() => Some(sections),
            _ => None,
        }
    };
    let expected = [sections, &read(added)?].concat();
    (read(&whole)? == expected).then_some(whole)
}

impl Changes<'_> {
    /// Reads a yaml. Returns `None` if it is broken, which its checks report.
    fn read_yaml(&self, file: &str) -> Result<Option<Node>, PackageError> {
        match config::parse(&self.path(file)) {
            Ok(document) => {
                let document = document.ok();
                let valid = document.filter(|document| document.errors.is_empty());
                Ok(valid.map(|document| document.root))
            }
            Err(PackageError::Mistakes(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Makes the yaml of a source: each property with its hint and its default.
fn new(source: &Symbol) -> String {
    let mut text = "default:\n".to_owned();
    for property in source.properties.iter().flatten() {
        let name = name(property);
        let hint = property.get("hint").map(Json::fields).unwrap_or_default();
        for (_, hint) in hint {
            for line in hint.as_text().unwrap_or_default().lines() {
                let _ = writeln!(text, "  # {}", line.trim());
            }
        }
        match source.defaults.get(&name) {
            Some(value) => entry(&mut text, 1, &name, value),
            None => {
                let optional = property.get("optional");
                if !matches!(optional, Some(Json::Scalar(flag)) if flag == "true") {
                    text += "  # (required)\n";
                }
                let _ = writeln!(text, "  # {}:", key(&name));
            }
        }
    }
    for (name, properties) in source.sections.fields() {
        text.push('\n');
        entry(&mut text, 0, name, properties);
    }
    text
}

/// Writes a property, with mappings as indented lines and lists in one.
fn entry(text: &mut String, depth: usize, name: &str, value: &Json) {
    let indent = "  ".repeat(depth);
    let name = key(name);
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            let _ = writeln!(text, "{indent}{name}:");
            for (name, value) in fields {
                entry(text, depth + 1, name, value);
            }
        }
        value => {
            let _ = writeln!(text, "{indent}{name}: {value}");
        }
    }
}

/// Returns a key, in quotes unless YAML reads it as text.
fn key(name: &str) -> String {
    let mut characters = name.chars();
    let plain = characters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        && !WORDS.contains(&name.to_lowercase().as_str());
    match plain {
        true => name.to_owned(),
        false => Json::text(name).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::description::Description;
    use super::*;

    #[test]
    fn a_yaml_has_each_property_with_its_hint_and_its_default() {
        let text = r#"{"describe":1,"name":"p","sources":[{"name":"s",
            "properties":[
                {"name":"url","optional":false,"hint":{"en_US":"The address.\nOf a server.","zh_CN":"地址"}},
                {"name":"period","optional":true},
                {"name":"on","optional":true},
                {"name":"path","optional":true},
                {"name":"pattern"},{"name":"tags"}],
            "sections":{"fast":{"period":"10ms"}},
            "defaults":{"period":"5s","on":true,"path":null,
                "pattern":{"count":50,"deep":{"a b":[]}},"tags":["x","y"]}}]}"#;
        let description = Description::parse(text).unwrap();

        assert_eq!(
            new(&description.sources[0]),
            r#"default:
  # The address.
  # Of a server.
  # 地址
  # (required)
  # url:
  period: "5s"
  "on": true
  # path:
  pattern:
    count: 50
    deep:
      "a b": []
  tags: ["x", "y"]

fast:
  period: "10ms"
"#
        );
    }

    #[test]
    fn every_property_that_the_sdk_leaves_to_the_host_is_known() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/src/config/host.rs");
        let text = std::fs::read_to_string(file).unwrap();
        let (_, list) = text.split_once("const SOURCE: ").unwrap();
        let (list, _) = list.split_once("];\n").unwrap();

        let names: Vec<_> = list
            .lines()
            .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
            .map(str::to_lowercase)
            .collect();

        assert_eq!(names.len(), 24);
        for name in names {
            assert!(OF_THE_HOST.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn a_section_is_added_only_to_a_yaml_that_is_still_read_as_before() {
        let added = "\nfast:\n  period: 1\n";
        let appended = |before: &str| {
            let Node::Map(sections) = yaml::parse(before).unwrap().root else {
                panic!("{before}");
            };
            appended(before, added, &sections)
        };

        for before in [
            "default:\n  period: 5\n",
            "default:\n  period: 5",
            "---\ndefault: &d\n  period: 5\nslow:\n  <<: *d\n",
        ] {
            let expected = format!("{}{added}", before.trim_end().to_owned() + "\n");
            assert_eq!(appended(before), Some(expected), "{before}");
        }
        for before in [
            "  default:\n    period: 5\n",
            "{default: {period: 5}}\n",
            "default:\n  period: 5\n...\n",
            "default:\n  period: 5\n---\nother: {}\n",
            "default:\n  text: |+\n    a\n",
        ] {
            assert_eq!(appended(before), None, "{before}");
        }
    }
}
