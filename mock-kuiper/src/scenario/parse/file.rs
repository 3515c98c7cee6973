//! The keys of the file itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::model::{ProcessScope, TestFile};
use super::super::node::{Node, Place};
use super::super::pattern::Template;
use super::case;
use super::command::commands;
use super::reader::{Reader, duration_of, text_of};
use super::releases::releases;
use super::scope::Scope;
use crate::foreign::in_sentence;
use crate::release::{DEFAULT_HOST, Release};

/// Reads the file; `None` without what it cannot be without.
pub(super) fn read(
    path: &Path,
    directory: &Path,
    root: &Node,
    mistakes: &mut Vec<(Place, String)>,
) -> Option<TestFile> {
    let mut reader = Reader {
        directory,
        scope: Scope::new(),
        mistakes,
    };
    let plugin = plugin(&mut reader, root);
    let env = env(&mut reader, root);
    let env_variables = reader.scope.take_used();
    let setup = commands(&mut reader, root.get("setup"));
    let teardown = commands(&mut reader, root.get("teardown"));
    let variables = reader.scope.take_used();
    let releases = releases(&mut reader, root.get("releases"));
    let releases = releases.or_else(|| Some(vec![Release::find(DEFAULT_HOST).ok()?]));

    let mut cases = Vec::new();
    let mut names: BTreeMap<String, Place> = BTreeMap::new();
    for node in root.get("cases").map(Node::items).unwrap_or_default() {
        let Some(mut case) = case::read(&mut reader, node) else {
            continue;
        };
        case.variables.extend(env_variables.iter().cloned());
        if let Some(first) = names.get(&case.name) {
            let text = format!(
                "the case at {first} has the name `{}` already; choose another",
                in_sentence(&case.name)
            );
            let place = node.get("name").map_or(node.place, |name| name.place);
            reader.mistake(place, text);
        } else {
            names.insert(case.name.clone(), case.place);
        }
        cases.push(case);
    }
    Some(TestFile {
        path: path.to_owned(),
        plugin: plugin?,
        python: python(&reader, root),
        env,
        init_timeout: duration_of(root, "init_timeout"),
        releases: releases?,
        process: match text_of(root, "process").as_deref() {
            Some("file") => ProcessScope::File,
            _ => ProcessScope::Case,
        },
        variables,
        setup,
        teardown,
        cases,
    })
}

/// Reads the path of the plugin, which commands of `setup` may make.
fn plugin(reader: &mut Reader<'_>, root: &Node) -> Option<PathBuf> {
    let node = root.get("plugin")?;
    let path = reader.path(node.text()?);
    if root.get("setup").is_none() && !path.exists() {
        let text = format!(
            "there is no plugin at {}; give its directory or its zip",
            path.display()
        );
        reader.mistake(node.place, text);
    }
    Some(path)
}

fn python(reader: &Reader<'_>, root: &Node) -> PathBuf {
    match text_of(root, "python") {
        Some(text) if text.contains('/') => reader.path(&text),
        Some(text) => text.into(),
        None => "python3".into(),
    }
}

fn env(reader: &mut Reader<'_>, root: &Node) -> Vec<(String, Template)> {
    let mut variables = Vec::new();
    for (key, node) in root.get("env").map(Node::entries).unwrap_or_default() {
        if key.text.is_empty() || key.text.contains(['=', '\0']) {
            let text = format!(
                "`{}` cannot name a variable of the environment",
                in_sentence(&key.text)
            );
            reader.mistake(key.place, text);
        }
        variables.push((key.text.clone(), reader.template(node)));
    }
    variables
}
