//! Values that are sent: with variables, without matchers.

use std::path::Path;

use serde_json::Value;

use super::input::Input;
use super::text::{Text, Variables};
use crate::foreign;
use crate::scenario::node::{Node, Place, Tree};

/// How deep lists and mappings may be nested, as in the JSON that plugins send.
pub(super) const DEPTH: usize = 128;

/// The mistake of a value that is nested deeper.
pub(super) fn too_deep() -> String {
    format!("lists and mappings are nested more than {DEPTH} deep")
}

/// A value in which texts may have variables: `${name}`. A text that is nothing
/// but a variable becomes its value, whatever its type; `$${` stands for `${`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(Form);

#[derive(Debug, Clone, PartialEq)]
enum Form {
    Value(Value),
    Text(Text),
    List(Vec<Form>),
    Object(Vec<(String, Form)>),
}

impl Template {
    /// Makes a template. `$file` and `$base64` are read relative to `directory`.
    pub(crate) fn parse(
        node: &Node,
        directory: &Path,
        mistakes: &mut Vec<(Place, String)>,
    ) -> Self {
        let mut reader = Reader {
            directory,
            mistakes,
            depth: 0,
        };
        Self(reader.form(node))
    }

    /// Makes a template of a value without a place in a file. Its texts have no
    /// variables.
    pub(crate) fn of(value: Value) -> Self {
        Self(Form::Value(value))
    }

    /// Returns the names of its variables.
    pub(crate) fn variables(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.0.add_variables(&mut names);
        names
    }

    /// Returns the value.
    pub(crate) fn resolve(&self, variables: &Variables) -> Result<Value, String> {
        self.0.resolve(variables)
    }
}

impl Form {
    fn add_variables(&self, names: &mut Vec<String>) {
        match self {
            Self::Value(_) => {}
            Self::Text(text) => text.add_variables(names),
            Self::List(items) => items.iter().for_each(|item| item.add_variables(names)),
            Self::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(_, form)| form.add_variables(names));
            }
        }
    }

    fn resolve(&self, variables: &Variables) -> Result<Value, String> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Text(text) => text.resolve(variables),
            Self::List(items) => items.iter().map(|item| item.resolve(variables)).collect(),
            Self::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(key, form)| Ok((key.clone(), form.resolve(variables)?)));
                fields.collect::<Result<_, _>>().map(Value::Object)
            }
        }
    }
}

struct Reader<'a> {
    directory: &'a Path,
    mistakes: &'a mut Vec<(Place, String)>,
    depth: usize,
}

impl Reader<'_> {
    fn form(&mut self, node: &Node) -> Form {
        match &node.tree {
            Tree::Text(text) => match Text::parse(text) {
                Ok(text) => Form::Text(text),
                Err(mistake) => self.mistake(node.place, mistake),
            },
            Tree::List(_) | Tree::Map(_) if self.depth == DEPTH => {
                self.mistake(node.place, too_deep())
            }
            Tree::List(items) => {
                self.depth += 1;
                let items = items.iter().map(|item| self.form(item)).collect();
                self.depth -= 1;
                Form::List(items)
            }
            Tree::Map(entries) => match &entries[..] {
                [(key, path)] if Input::of(&key.text).is_some() => self.input(&key.text, path),
                _ => {
                    self.depth += 1;
                    let fields = entries.iter().filter_map(|(key, value)| {
                        let form = self.form(value);
                        match literal_key(&key.text) {
                            Some(key) => Some((key, form)),
                            None => {
                                self.mistake(key.place, not_an_input(&key.text));
                                None
                            }
                        }
                    });
                    let fields = fields.collect();
                    self.depth -= 1;
                    Form::Object(fields)
                }
            },
            Tree::Null | Tree::Bool(_) | Tree::Number(_) => Form::Value(node.to_json()),
        }
    }

    fn input(&mut self, key: &str, path: &Node) -> Form {
        let value = read_input(key, path, self.directory);
        value.map_or_else(|mistake| self.mistake(path.place, mistake), Form::Value)
    }

    fn mistake(&mut self, place: Place, text: String) -> Form {
        self.mistakes.push((place, text));
        Form::Value(Value::Null)
    }
}

/// Reads the file of `$file` or `$base64`.
pub(super) fn read_input(key: &str, path: &Node, directory: &Path) -> Result<Value, String> {
    match (Input::of(key), &path.tree) {
        (Some(input), Tree::Text(path)) => input.read(path, directory),
        _ => Err(format!("`{key}` takes the path of a file")),
    }
}

/// Returns the key that a file means, unless it is one with a meaning of its own.
pub(super) fn literal_key(key: &str) -> Option<String> {
    match key.strip_prefix('$') {
        None => Some(key.to_owned()),
        Some(rest) => rest.starts_with('$').then(|| rest.to_owned()),
    }
}

/// Writes a key of a file that means `key` and no matcher.
pub(crate) fn escape_key(key: &str) -> String {
    match key.starts_with('$') {
        true => format!("${key}"),
        false => key.to_owned(),
    }
}

fn not_an_input(key: &str) -> String {
    let key = foreign::in_sentence(key);
    if Input::of(&key).is_some() {
        return format!("`{key}` stands alone in its mapping; remove the other keys");
    }
    format!(
        "a value that is sent has no `{key}`, only `$file` and `$base64`; write `${key}` for a key \
         that begins with `$`"
    )
}
