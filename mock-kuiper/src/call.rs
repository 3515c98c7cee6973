//! Parsers for single arguments of a command line: a call (`echo(1)`), the
//! configuration of a symbol (`NAME=JSON`), an environment variable (`K=V`).

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

/// A call of a function: `echo(1, "a", null, {"k":[2]})`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function's name.
    pub function: String,
    /// The arguments.
    pub args: Vec<Value>,
}

impl FromStr for Call {
    type Err = ArgumentError;

    /// Reads a call: a name, then JSON values in parentheses.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`], which points at the mistake.
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        let error = |at: usize, reason: &str| ArgumentError::new(text, at, reason);
        let open = text
            .find('(')
            .ok_or_else(|| error(text.len(), "expected `(` after the function's name"))?;
        let function = text[..open].trim();
        if function.is_empty() {
            return Err(error(0, "expected a function's name before `(`"));
        }
        if let Some(at) = function.find(char::is_whitespace) {
            let start = text.len() - text.trim_start().len();
            return Err(error(
                start + at,
                "a function's name must not contain spaces",
            ));
        }
        let trimmed = text.trim_end();
        let Some(before) = trimmed.strip_suffix(')') else {
            return Err(error(trimmed.len(), "expected `)` at the end"));
        };
        // With brackets instead of the parentheses it is a JSON array of the same
        // length.
        let array = format!("[{}]", &before[open + 1..]);
        let args = serde_json::from_str(&array).map_err(|e| {
            let at = open + json_offset(&array, &e);
            error(at, &format!("expected JSON values: {}", reason(&e)))
        })?;
        Ok(Call {
            function: function.to_owned(),
            args,
        })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function)?;
        for (index, arg) in self.args.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{arg}")?;
        }
        f.write_str(")")
    }
}

/// The configuration of one symbol: `random={"period":100}`.
#[derive(Debug, Clone, PartialEq)]
pub struct SymbolConfig {
    /// The symbol's name.
    pub symbol: String,
    /// The properties.
    pub config: Map<String, Value>,
}

impl FromStr for SymbolConfig {
    type Err = ArgumentError;

    /// Reads a symbol's name, `=`, and a JSON object.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`], which points at the mistake.
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        let (symbol, json) = split(text, "a symbol's name", "a JSON object")?;
        let start = text.len() - json.len();
        let value = serde_json::from_str(json).map_err(|e| {
            let at = start + json_offset(json, &e);
            ArgumentError::new(text, at, &format!("expected a JSON object: {}", reason(&e)))
        })?;
        match value {
            Value::Object(config) => Ok(SymbolConfig {
                symbol: symbol.to_owned(),
                config,
            }),
            _ => Err(ArgumentError::new(text, start, "expected a JSON object")),
        }
    }
}

/// An environment variable: `LEVEL=debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvVar {
    /// The variable's name.
    pub name: String,
    /// The value, which may be empty and may contain `=`.
    pub value: String,
}

impl FromStr for EnvVar {
    type Err = ArgumentError;

    /// Reads a name, `=`, and a value of any characters.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`] if the name or `=` is missing.
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        let (name, value) = split(text, "a variable's name", "its value")?;
        Ok(EnvVar {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

fn split<'a>(
    text: &'a str,
    before: &str,
    after: &str,
) -> Result<(&'a str, &'a str), ArgumentError> {
    let Some((name, rest)) = text.split_once('=') else {
        let reason = format!("expected {before}, `=` and {after}");
        return Err(ArgumentError::new(text, text.len(), &reason));
    };
    if name.is_empty() {
        let reason = format!("expected {before} before `=`");
        return Err(ArgumentError::new(text, 0, &reason));
    }
    Ok((name, rest))
}

/// Returns the position of an error in `json`, in bytes from 0.
fn json_offset(json: &str, error: &serde_json::Error) -> usize {
    let line_start: usize = json
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    line_start + error.column().saturating_sub(1)
}

/// Returns the text of an error without serde_json's position.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// An argument that cannot be read. `Display` shows the argument with a caret under
/// the mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentError {
    text: String,
    column: usize,
    reason: String,
}

impl ArgumentError {
    fn new(text: &str, at: usize, reason: &str) -> Self {
        let before = text.char_indices().take_while(|(index, _)| *index < at);
        ArgumentError {
            // Every character must be one column wide.
            text: text.replace(char::is_control, " "),
            column: before.count(),
            reason: reason.to_owned(),
        }
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ArgumentError {
            text,
            column,
            reason,
        } = self;
        write!(
            f,
            "{reason}, at character {}\n  {text}\n  {:column$}^",
            column + 1,
            ""
        )
    }
}

impl std::error::Error for ArgumentError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::any_json::any_json;

    fn error(text: &str) -> String {
        text.parse::<Call>().unwrap_err().to_string()
    }

    #[test]
    fn a_call_is_a_name_and_json_values() {
        let call: Call = r#" echo(1, "a)(", null, {"k":[2]}) "#.parse().unwrap();

        assert_eq!(call.function, "echo");
        assert_eq!(
            call.args,
            [json!(1), json!("a)("), json!(null), json!({"k": [2]})]
        );
        assert_eq!("now()".parse::<Call>().unwrap().args, [] as [Value; 0]);
    }

    #[test]
    fn a_caret_points_at_the_mistake_in_a_call() {
        assert_eq!(
            error("echo(1, x)"),
            "expected JSON values: expected value, at character 9\n  echo(1, x)\n          ^"
        );
        assert_eq!(
            error("echo(\"é\", 1"),
            "expected `)` at the end, at character 12\n  echo(\"é\", 1\n             ^"
        );
        assert_eq!(
            error("echo"),
            "expected `(` after the function's name, at character 5\n  echo\n      ^"
        );
        assert_eq!(
            error("(1)"),
            "expected a function's name before `(`, at character 1\n  (1)\n  ^"
        );
        assert!(error("echo(1,)").starts_with("expected JSON values: trailing comma"));
        assert!(error("echo(1],[2)").starts_with("expected JSON values: trailing characters"));
    }

    #[test]
    fn the_configuration_of_a_symbol_is_a_json_object() {
        let given: SymbolConfig = r#"random={"a":"b=c"}"#.parse().unwrap();
        let error = "random=[1]".parse::<SymbolConfig>().unwrap_err();

        assert_eq!(given.symbol, "random");
        assert_eq!(Value::Object(given.config), json!({"a": "b=c"}));
        assert_eq!(
            error.to_string(),
            "expected a JSON object, at character 8\n  random=[1]\n         ^"
        );
        for text in ["random", "={}", "random=", "random={a:1}"] {
            assert!(text.parse::<SymbolConfig>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_variables_value_may_be_empty_and_contain_an_equals_sign() {
        let variable = |name: &str, value: &str| EnvVar {
            name: name.to_owned(),
            value: value.to_owned(),
        };

        assert_eq!("A=".parse(), Ok(variable("A", "")));
        assert_eq!("A=b=c".parse(), Ok(variable("A", "b=c")));
        assert!("A".parse::<EnvVar>().is_err());
        assert!("=b".parse::<EnvVar>().is_err());
    }

    proptest! {
        #[test]
        fn a_call_that_is_written_reads_back_as_itself(
            args in prop::collection::vec(any_json(), 0..5),
            function in "[a-zA-Z_][a-zA-Z0-9_]{0,9}",
        ) {
            let call = Call { function, args };

            prop_assert_eq!(call.to_string().parse::<Call>(), Ok(call));
        }

        #[test]
        fn the_parsers_never_panic(text in any::<String>(), inner in any::<String>()) {
            for text in [format!("f({inner})"), format!("f={inner}"), text] {
                let _ = text.parse::<Call>().map_err(|e| e.to_string());
                let _ = text.parse::<SymbolConfig>().map_err(|e| e.to_string());
                let _ = text.parse::<EnvVar>().map_err(|e| e.to_string());
            }
        }
    }
}
