//! The yaml of a source: what eKuiper ignores, and what arrives differently from how
//! it is written.
//!
//! Source: eKuiper 2.4.0, internal/conf/load.go, internal/topo/node/conf/source.go
//! and internal/topo/planner/planner_source.go (`SourcePropsForSplit`).

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::super::report::{CheckLevel, CheckReport};
use super::super::spelling::{Names, has_text_keys};
use super::super::yaml::{Document, Key, KeyKind, Node};

/// Properties of a source that are for eKuiper 2.x itself, in lower case, with what it
/// does with them.
const OF_THE_HOST: [(&str, &str); 6] = [
    (
        "interval",
        "as a rate limit: of the rows within one interval only the newest arrives",
    ),
    (
        "payloadformat",
        "as the format of a payload in each row, which it decodes",
    ),
    (
        "decompression",
        "as the compression of the rows, which it undoes",
    ),
    (
        "mergefield",
        "as the column by which it merges the rows of an interval",
    ),
    (
        "merger",
        "as the merger of the rows of an interval, and does not start the rule without an \
         `interval`",
    ),
    (
        "connectionselector",
        "as the name of a connection, whose properties replace those of the yaml",
    ),
];

/// Checks a document whose root is a mapping or null. `names` are those of the json,
/// or none if it cannot be read.
pub(super) fn check(report: &mut CheckReport, file: &str, document: &Document, names: &Names) {
    let Node::Map(sections) = &document.root else {
        report.ok(file, "empty");
        return;
    };
    let before = report.count(CheckLevel::Warning);
    let place = report.lines.len();
    let mut yaml = Yaml {
        report,
        file,
        json: format!("{}.json", file.trim_end_matches(".yaml")),
        names,
        reported: BTreeSet::new(),
    };
    if document.has_more {
        let text = "has several documents, of which eKuiper reads the first; remove the others";
        yaml.warn(None, text);
    }
    yaml.sections(sections);
    let titles: Vec<_> = sections.iter().map(|(key, _)| key.text.as_str()).collect();
    if !titles.iter().any(|name| name.to_lowercase() == "default") {
        let text = "has no section `default`, which eKuiper reads first; add one";
        yaml.warn(None, text);
    } else if report.count(CheckLevel::Warning) == before {
        let titles: Vec<_> = titles.iter().map(|name| format!("`{name}`")).collect();
        report.ok(file, format!("sections {}", titles.join(", ")));
        report.lines[place..].rotate_right(1);
    }
}

/// Returns whether a document has properties that can be lost.
pub(super) fn has_properties(document: &Document) -> bool {
    let Node::Map(sections) = &document.root else {
        return false;
    };
    sections
        .iter()
        .any(|(_, section)| matches!(section, Node::Map(entries) if !entries.is_empty()))
}

struct Yaml<'a> {
    report: &'a mut CheckReport,
    file: &'a str,
    /// The file that lists the names of properties.
    json: String,
    names: &'a Names,
    /// The keys that were reported already. Sections often have the same keys.
    reported: BTreeSet<String>,
}

impl Yaml<'_> {
    fn warn(&mut self, field: Option<String>, text: impl Into<String>) {
        let file = self.file;
        self.report
            .push(CheckLevel::Warning, file, field, text.into());
    }

    fn sections(&mut self, sections: &[(Key, Node)]) {
        self.collisions("", sections);
        for (key, node) in sections {
            let name = &key.text;
            let lower = name.to_lowercase();
            let found = self.names.spelling_of(name).unwrap_or(&lower).to_owned();
            if found != lower {
                let text = format!(
                    "{} lists `{found}`, so eKuiper 2.x has the section only under this name; \
                     rename the section or the property",
                    self.json
                );
                self.warn(Some(name.clone()), text);
            } else if lower == "default" && *name != lower {
                let text = "is the default section for eKuiper 2.x, but not for 1.x; write \
                            `default`";
                self.warn(Some(name.clone()), text);
            }
            match node {
                Node::Null => {}
                Node::Map(entries) => self.section(name, entries),
                _ => {
                    let text = "expected a section of `name: value` lines; eKuiper ignores the \
                                section";
                    self.warn(Some(name.clone()), text);
                }
            }
        }
    }

    fn section(&mut self, section: &str, entries: &[(Key, Node)]) {
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.kind != KeyKind::Text) {
            let text = format!(
                "the key `{}` is not a string, so eKuiper 2.x ignores the section; write it in \
                 quotes",
                key.text
            );
            self.warn(Some(section.to_owned()), text);
            return;
        }
        for (key, _) in entries {
            let lower = key.text.to_lowercase();
            let known = OF_THE_HOST.iter().find(|(name, _)| *name == lower);
            if let Some((_, how)) = known
                && self.reported.insert(format!("host {lower}"))
            {
                let text = format!("eKuiper 2.x uses it itself, {how}; rename the property");
                self.warn(Some(format!("{section}.{}", key.text)), text);
            }
        }
        self.mapping(section, entries);
    }

    /// Checks the keys and values of a mapping that becomes a `map[string]any`.
    fn mapping(&mut self, path: &str, entries: &[(Key, Node)]) {
        self.collisions(path, entries);
        for (key, node) in entries {
            let place = format!("{path}.{}", key.text);
            self.spelling(&place, &key.text);
            match node {
                Node::Map(inner) if has_text_keys(inner) => self.mapping(&place, inner),
                node => self.value(&place, node),
            }
        }
    }

    fn spelling(&mut self, place: &str, key: &str) {
        let lower = key.to_lowercase();
        let listed = self.names.spelling_of(key).map(str::to_owned);
        let arrives = listed.clone().unwrap_or(lower);
        if arrives == *key || !self.reported.insert(key.to_owned()) {
            return;
        }
        let json = &self.json;
        let text = match listed {
            Some(listed) => format!(
                "arrives as `{listed}` on eKuiper 2.x, as {json} lists it; write it in the same way"
            ),
            None => format!(
                "arrives as `{arrives}` on eKuiper 2.x; list `{key}` as a `name` under \
                 `properties.default` in {json}"
            ),
        };
        self.warn(Some(place.to_owned()), text);
    }

    /// Reports keys that become one. Go reads a mapping in no certain order.
    fn collisions(&mut self, path: &str, entries: &[(Key, Node)]) {
        let mut first = HashMap::new();
        for (key, _) in entries {
            match first.entry(key.text.to_lowercase()) {
                Entry::Vacant(entry) => {
                    entry.insert(&key.text);
                }
                Entry::Occupied(other) => {
                    let text = format!(
                        "`{}` and `{}` become one key on eKuiper 2.x, with either value; remove \
                         one",
                        other.get(),
                        key.text
                    );
                    self.warn((!path.is_empty()).then(|| path.to_owned()), text);
                }
            }
        }
    }

    fn value(&mut self, place: &str, node: &Node) {
        let text = match node {
            Node::Map(entries) => {
                for (key, node) in entries {
                    if key.kind != KeyKind::Text {
                        let text = format!(
                            "the key `{}` is not a string, so eKuiper cannot start the source; \
                             write it in quotes",
                            key.text
                        );
                        self.warn(Some(place.to_owned()), text);
                        return;
                    }
                    self.value(&format!("{place}.{}", key.text), node);
                }
                return;
            }
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{place}[{index}]"), item);
                }
                return;
            }
            Node::NotFinite(text) => {
                format!("JSON has no `{text}`, so eKuiper cannot start the source; remove it")
            }
            Node::Rewritten { written, value } => {
                format!("`{written}` arrives as `{value}`; write it so, or in quotes")
            }
            _ => return,
        };
        self.warn(Some(place.to_owned()), text);
    }
}
