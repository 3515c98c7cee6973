//! Patterns: what is expected of a value.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Number, Value, json};

use super::input::Input;
use super::template::escape_key;
use super::text::{Text, Variables};

/// What is expected of a value: the value itself, or matchers.
#[derive(Debug, Clone)]
pub(in crate::scenario) enum Pattern {
    /// `null`, a boolean or a number.
    Scalar(Value),
    Text(Text),
    List(Vec<Pattern>),
    /// All fields; further ones do not match.
    Object(BTreeMap<String, Pattern>),
    /// All of them must match.
    Matchers(Vec<Matcher>),
}

/// A matcher of a pattern.
#[derive(Debug, Clone)]
pub(in crate::scenario) enum Matcher {
    Any,
    Type(Type),
    Regex {
        source: Text,
        /// `None` while `source` has variables.
        compiled: Option<Regex>,
    },
    Contains(Box<Pattern>),
    Order(Relation, Operand),
    Near {
        value: Operand,
        within: Operand,
    },
    Len(Box<Pattern>),
    Each(Box<Pattern>),
    Unordered(Box<Pattern>),
    Absent,
    Input {
        from: Input,
        path: String,
        value: Box<Pattern>,
    },
    Or(Vec<Pattern>),
    Not(Box<Pattern>),
}

/// A type of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum Type {
    Null,
    Boolean,
    Number,
    Integer,
    String,
    Array,
    Object,
}

/// How a number relates to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum Relation {
    Gt,
    Gte,
    Lt,
    Lte,
}

/// A number, or a variable that is one.
#[derive(Debug, Clone)]
pub(in crate::scenario) enum Operand {
    Number(Number),
    Variable(Text),
}

impl Pattern {
    /// Returns the pattern that only this value matches.
    pub(in crate::scenario) fn literal(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Scalar(value.clone()),
            Value::String(text) => Self::Text(Text::literal(text)),
            Value::Array(items) => Self::List(items.iter().map(Self::literal).collect()),
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(key, value)| (key.clone(), Self::literal(value)));
                Self::Object(fields.collect())
            }
        }
    }

    /// Returns the pattern that every value matches.
    pub(super) fn anything() -> Self {
        Self::Matchers(vec![Matcher::Any])
    }

    /// Returns the names of its variables.
    pub(in crate::scenario) fn variables(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.add_variables(&mut names);
        names
    }

    fn add_variables(&self, names: &mut Vec<String>) {
        match self {
            Self::Scalar(_) => {}
            Self::Text(text) => text.add_variables(names),
            Self::List(items) => items.iter().for_each(|item| item.add_variables(names)),
            Self::Object(fields) => {
                fields.values().for_each(|field| field.add_variables(names));
            }
            Self::Matchers(matchers) => {
                matchers
                    .iter()
                    .for_each(|matcher| matcher.add_variables(names));
            }
        }
    }

    /// Returns the pattern with the values of its variables. A value is never
    /// read as a matcher.
    pub(in crate::scenario) fn resolve(&self, variables: &Variables) -> Result<Self, String> {
        Ok(match self {
            Self::Scalar(_) => self.clone(),
            Self::Text(text) => Self::literal(&text.resolve(variables)?),
            Self::List(items) => Self::List(resolve_all(items, variables)?),
            Self::Object(fields) => {
                let fields = fields.iter();
                let fields =
                    fields.map(|(key, field)| Ok((key.clone(), field.resolve(variables)?)));
                Self::Object(fields.collect::<Result<_, String>>()?)
            }
            Self::Matchers(matchers) => {
                let matchers = matchers.iter().map(|matcher| matcher.resolve(variables));
                Self::Matchers(matchers.collect::<Result<_, _>>()?)
            }
        })
    }

    /// Returns the pattern in the words of a file, on one line.
    pub(in crate::scenario) fn expected_text(&self) -> String {
        self.to_json().to_string()
    }

    /// Returns the pattern in the words of a file. Texts are as they are, without
    /// escapes.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::Text(text) => text.words().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(key, field)| (escape_key(key), field.to_json()));
                fields.collect::<Map<_, _>>().into()
            }
            Self::Matchers(matchers) => Matcher::all_to_json(matchers),
        }
    }

    fn boxed(&self, variables: &Variables) -> Result<Box<Self>, String> {
        self.resolve(variables).map(Box::new)
    }
}

impl Matcher {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Any => "$any",
            Self::Type(_) => "$type",
            Self::Regex { .. } => "$regex",
            Self::Contains(_) => "$contains",
            Self::Order(relation, _) => relation.name(),
            Self::Near { .. } => "$near",
            Self::Len(_) => "$len",
            Self::Each(_) => "$each",
            Self::Unordered(_) => "$unordered",
            Self::Absent => "$absent",
            Self::Input { from, .. } => from.name(),
            Self::Or(_) => "$or",
            Self::Not(_) => "$not",
        }
    }

    /// Returns the mapping that has these matchers, in the words of a file.
    pub(super) fn all_to_json<'a>(matchers: impl IntoIterator<Item = &'a Self>) -> Value {
        let entries = matchers.into_iter();
        let entries = entries.map(|matcher| (matcher.name().to_owned(), matcher.value()));
        entries.collect::<Map<_, _>>().into()
    }

    fn value(&self) -> Value {
        match self {
            Self::Any | Self::Absent => true.into(),
            Self::Type(kind) => kind.name().into(),
            Self::Regex { source, .. } => source.words().into(),
            Self::Contains(pattern)
            | Self::Len(pattern)
            | Self::Each(pattern)
            | Self::Unordered(pattern)
            | Self::Not(pattern) => pattern.to_json(),
            Self::Order(_, operand) => operand.to_json(),
            Self::Near { value, within } => {
                json!({"value": value.to_json(), "within": within.to_json()})
            }
            Self::Input { path, .. } => path.clone().into(),
            Self::Or(patterns) => patterns.iter().map(Pattern::to_json).collect(),
        }
    }

    fn add_variables(&self, names: &mut Vec<String>) {
        match self {
            Self::Any | Self::Type(_) | Self::Absent | Self::Input { .. } => {}
            Self::Regex { source, .. } => source.add_variables(names),
            Self::Contains(pattern)
            | Self::Len(pattern)
            | Self::Each(pattern)
            | Self::Unordered(pattern)
            | Self::Not(pattern) => pattern.add_variables(names),
            Self::Order(_, operand) => operand.add_variables(names),
            Self::Near { value, within } => {
                value.add_variables(names);
                within.add_variables(names);
            }
            Self::Or(patterns) => {
                patterns
                    .iter()
                    .for_each(|pattern| pattern.add_variables(names));
            }
        }
    }

    fn resolve(&self, variables: &Variables) -> Result<Self, String> {
        Ok(match self {
            Self::Any | Self::Type(_) | Self::Absent | Self::Input { .. } => self.clone(),
            Self::Regex { source, .. } => {
                let source = source.resolve_text(variables, regex::escape)?;
                Self::Regex {
                    compiled: Some(compile(&source)?),
                    source: Text::literal(&source),
                }
            }
            Self::Contains(pattern) => match pattern.resolve(variables)? {
                Pattern::Scalar(value) => {
                    return Err(format!(
                        "`$contains` takes a text, a list or a mapping, and its variable is {value}"
                    ));
                }
                pattern => Self::Contains(Box::new(pattern)),
            },
            Self::Order(relation, operand) => Self::Order(*relation, operand.resolve(variables)?),
            Self::Near { value, within } => Self::Near {
                value: value.resolve(variables)?,
                within: within.resolve(variables)?,
            },
            Self::Len(pattern) => Self::Len(pattern.boxed(variables)?),
            Self::Each(pattern) => Self::Each(pattern.boxed(variables)?),
            Self::Unordered(pattern) => match pattern.resolve(variables)? {
                list @ Pattern::List(_) => Self::Unordered(Box::new(list)),
                other => {
                    return Err(format!(
                        "`$unordered` takes a list, and its variable is {}",
                        other.expected_text()
                    ));
                }
            },
            Self::Or(patterns) => Self::Or(resolve_all(patterns, variables)?),
            Self::Not(pattern) => Self::Not(pattern.boxed(variables)?),
        })
    }
}

fn resolve_all(patterns: &[Pattern], variables: &Variables) -> Result<Vec<Pattern>, String> {
    let patterns = patterns.iter().map(|pattern| pattern.resolve(variables));
    patterns.collect()
}

/// Compiles a regular expression. The error is one line.
pub(super) fn compile(source: &str) -> Result<Regex, String> {
    Regex::new(source).map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        format!("`$regex` is not a regular expression: {reason}")
    })
}

impl Type {
    pub(super) const ALL: [Self; 7] = [
        Self::Null,
        Self::Boolean,
        Self::Number,
        Self::Integer,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl Relation {
    pub(super) const ALL: [Self; 4] = [Self::Gt, Self::Gte, Self::Lt, Self::Lte];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gt => "$gt",
            Self::Gte => "$gte",
            Self::Lt => "$lt",
            Self::Lte => "$lte",
        }
    }
}

impl Operand {
    /// Returns the number, once variables are resolved.
    pub(super) fn number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Variable(_) => None,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Number(number) => number.clone().into(),
            Self::Variable(text) => text.words().into(),
        }
    }

    fn add_variables(&self, names: &mut Vec<String>) {
        if let Self::Variable(text) = self {
            text.add_variables(names);
        }
    }

    fn resolve(&self, variables: &Variables) -> Result<Self, String> {
        match self {
            Self::Number(_) => Ok(self.clone()),
            Self::Variable(text) => match text.resolve(variables)? {
                Value::Number(number) => Ok(Self::Number(number)),
                other => Err(format!(
                    "a number is needed for `{}`, which is {other}",
                    text.words()
                )),
            },
        }
    }
}
