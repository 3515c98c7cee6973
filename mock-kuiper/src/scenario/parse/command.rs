//! The commands of `setup` and `teardown`.

use super::super::model::{Command, Ready, WITHIN};
use super::super::node::Node;
use super::reader::{Reader, bool_of, within};

/// Reads a list of commands.
pub(super) fn commands(reader: &mut Reader<'_>, list: Option<&Node>) -> Vec<Command> {
    let items = list.map(Node::items).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| command(reader, item))
        .collect()
}

fn command(reader: &mut Reader<'_>, node: &Node) -> Option<Command> {
    let run = match node.text() {
        Some(_) => node,
        None => node.get("run")?,
    };
    let run = reader.template(run);
    let background = bool_of(node, "background");
    if let Some(ready) = node.get("ready")
        && node.get("background").is_some()
        && !background
    {
        let text = "`ready` needs `background: true`: another command is ready when it ends";
        reader.mistake(ready.place, text);
    }
    let ready = node.get("ready").and_then(|ready| condition(reader, ready));
    Some(Command {
        place: node.place,
        run,
        background,
        ready,
        within: within(node).unwrap_or(WITHIN),
    })
}

fn condition(reader: &mut Reader<'_>, node: &Node) -> Option<Ready> {
    let (key, value) = node.entries().first()?;
    Some(match key.text.as_str() {
        "port" => Ready::Port(reader.template(value)),
        "file" => Ready::File(reader.template(value)),
        "log" => Ready::Log(reader.pattern(value)),
        "run" => Ready::Run(reader.template(value)),
        _ => return None,
    })
}
