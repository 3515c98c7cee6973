//! Texts with variables: `${name}`.

use std::collections::BTreeMap;

use serde_json::Value;

/// The values of variables: captures, `tmp` and `port`.
pub(in crate::scenario) type Variables = BTreeMap<String, Value>;

/// A text in which variables may stand. `$${` stands for `${`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scenario) struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Literal(String),
    Variable(String),
}

impl Text {
    /// Makes a text without variables.
    pub(super) fn literal(text: &str) -> Self {
        Self(vec![Part::Literal(text.to_owned())])
    }

    /// Reads a text of a file. The error names the part that is no variable.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(escaped) = text.strip_prefix('$').filter(|rest| is_like_matcher(rest)) {
            return Ok(Self::literal(escaped));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                literal.push_str(&rest[..at - 1]);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let name = rest[at + 2..].split_once('}').map(|(name, _)| name);
            let Some(name) = name.filter(|name| is_name(name)) else {
                return Err(
                    "`${` begins a variable, `${name}`, whose name has letters, digits and `_`; \
                     write `$${` for the text `${`"
                        .to_owned(),
                );
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = &rest[at + 3 + name.len()..];
        }
        literal.push_str(rest);
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// Returns the text if it has no variables.
    pub(super) fn as_literal(&self) -> Option<&str> {
        match &self.0[..] {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns whether the text is nothing but a variable.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self.0[..], [Part::Variable(_)])
    }

    /// Adds the names of its variables that are not yet in `names`.
    pub(super) fn add_variables(&self, names: &mut Vec<String>) {
        for part in &self.0 {
            if let Part::Variable(name) = part
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
    }

    /// Returns the text, or the value of the variable that is all of it.
    pub(super) fn resolve(&self, variables: &Variables) -> Result<Value, String> {
        match &self.0[..] {
            [Part::Variable(name)] => value_of(name, variables).cloned(),
            _ => self.resolve_text(variables, str::to_owned).map(Value::from),
        }
    }

    /// Returns the text. What a variable inserts goes through `write` first.
    pub(super) fn resolve_text(
        &self,
        variables: &Variables,
        write: impl Fn(&str) -> String,
    ) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(part) => text.push_str(part),
                Part::Variable(name) => match value_of(name, variables)? {
                    Value::String(value) => text.push_str(&write(value)),
                    value => text.push_str(&write(&value.to_string())),
                },
            }
        }
        Ok(text)
    }

    /// Returns the text with `${name}` for each variable.
    pub(super) fn words(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Literal(text) => text.clone(),
            Part::Variable(name) => format!("${{{name}}}"),
        });
        parts.collect()
    }

    /// Returns the text with `filler` for each variable.
    pub(super) fn filled(&self, filler: &str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Literal(text) => text,
            Part::Variable(_) => filler,
        });
        parts.collect()
    }
}

/// Writes a text of a file that means `text`, without variables.
pub(in crate::scenario) fn escape_text(text: &str) -> String {
    match is_like_matcher(text) {
        true => format!("${text}"),
        false => escape_part(text),
    }
}

/// Writes what means `part` in a text that has something beside it.
pub(in crate::scenario) fn escape_part(part: &str) -> String {
    part.replace("${", "$${")
}

/// Returns whether a text is `$any` or `$absent`, which would be taken for a matcher, or
/// one that stands for such a text, such as `$$any`.
fn is_like_matcher(text: &str) -> bool {
    text.starts_with('$') && matches!(text.trim_start_matches('$'), "any" | "absent")
}

fn value_of<'a>(name: &str, variables: &'a Variables) -> Result<&'a Value, String> {
    variables.get(name).ok_or_else(|| {
        let known: Vec<_> = variables.keys().map(|name| format!("`{name}`")).collect();
        let known = match known.len() {
            0 => "none has one".to_owned(),
            _ => format!("those with one are {}", known.join(", ")),
        };
        format!("the variable `{name}` has no value here; {known}")
    })
}

fn is_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && !name.as_bytes()[0].is_ascii_digit() && name.bytes().all(is_word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn resolved(text: &str) -> Value {
        let variables = [
            ("n".to_owned(), json!(9007199254740993_u64)),
            ("tmp".to_owned(), json!("/tmp/x")),
            ("row".to_owned(), json!({"$gte": 1})),
        ];
        let text = Text::parse(text).expect("a text");
        text.resolve(&variables.into()).expect("its value")
    }

    #[test]
    fn a_text_that_is_only_a_variable_becomes_its_value() {
        assert_eq!(resolved("${n}"), json!(9007199254740993_u64));
        assert_eq!(resolved("${row}"), json!({"$gte": 1}));
    }

    #[test]
    fn a_variable_within_a_text_is_inserted_as_text() {
        assert_eq!(resolved("${tmp}/rows-${n}"), "/tmp/x/rows-9007199254740993");
        assert_eq!(resolved("=${row}"), r#"={"$gte":1}"#);
        assert_eq!(resolved("costs $5, {n}, $n"), "costs $5, {n}, $n");
        assert_eq!(resolved(""), "");
    }

    #[test]
    fn two_dollars_make_a_literal_brace() {
        assert_eq!(resolved("$${n}"), "${n}");
        assert_eq!(resolved("$$${n} ${n}"), "$${n} 9007199254740993");
    }

    #[test]
    fn a_text_that_looks_like_a_matcher_has_one_more_dollar() {
        for (text, written) in [
            ("$any", "$$any"),
            ("$absent", "$$absent"),
            ("$$any", "$$$any"),
            ("any", "any"),
            ("$any of", "$any of"),
        ] {
            assert_eq!(escape_text(text), written);
            assert_eq!(resolved(written), text);
        }
        assert_eq!(resolved("$any"), "$any");
    }

    #[test]
    fn a_variable_without_a_proper_name_is_a_mistake() {
        for text in ["${", "a ${n", "${}", "${1a}", "${a b}", "${a-b}"] {
            let error = Text::parse(text).expect_err(text);

            assert_eq!(
                error,
                "`${` begins a variable, `${name}`, whose name has letters, digits and `_`; write \
                 `$${` for the text `${`"
            );
        }
    }

    #[test]
    fn a_variable_without_a_value_is_an_error() {
        let text = Text::parse("${count}").expect("a text");

        let error = text.resolve(&Variables::new()).expect_err("no value");
        let known = [("a".to_owned(), json!(1)), ("b".to_owned(), json!(2))];
        let other = text.resolve(&known.into()).expect_err("no value");

        assert_eq!(
            error,
            "the variable `count` has no value here; none has one"
        );
        assert_eq!(
            other,
            "the variable `count` has no value here; those with one are `a`, `b`"
        );
    }

    proptest! {
        #[test]
        fn an_escaped_text_is_read_as_it_was(text in "[$a{}\u{e9} ]{0,12}") {
            let read = Text::parse(&escape_text(&text)).expect("a text");

            prop_assert_eq!(read.as_literal(), Some(&text[..]));
        }
    }
}
