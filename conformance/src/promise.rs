//! What the author of a plugin says about it, for checks that could not know it:
//! on the command line, or in the file of `--promises`.
//!
//! ```text
//! # each line is a call with its result, or the column that counts the rows
//! call echo(9007199254740993)=9007199254740993
//! counter n
//! ```

use std::fmt;
use std::str::FromStr;

use mock_kuiper::engine::call::Call;
use serde_json::Value;

/// A call and its result: `echo(1)=1`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedCall {
    /// The call.
    pub call: Call,
    /// The result that it must have.
    pub result: Value,
}

impl FromStr for ExpectedCall {
    type Err = String;

    /// Reads a call, `=`, and a JSON value.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    fn from_str(text: &str) -> Result<Self, String> {
        // The text `)=` may also stand in an argument or in the result.
        for (at, _) in text.match_indices(")=") {
            let (call, result) = (&text[..=at], &text[at + 2..]);
            if let (Ok(call), Ok(result)) = (call.parse(), serde_json::from_str(result)) {
                return Ok(Self { call, result });
            }
        }
        Err("expected a call and its result in JSON, for example `echo(1)=1`".to_owned())
    }
}

impl fmt::Display for ExpectedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.call, self.result)
    }
}

/// What a file promises.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Promises {
    /// The calls, each with the number of its line.
    pub calls: Vec<(usize, ExpectedCall)>,
    /// The column that increases by one from row to row.
    pub counter: Option<String>,
}

impl Promises {
    /// Parses the text of a file.
    ///
    /// # Errors
    ///
    /// All mistakes of the file, each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let (mut promises, mut mistakes) = (Self::default(), Vec::new());
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(mistake) = promises.add(number, line) {
                mistakes.push(format!("line {number}: {mistake}"));
            }
        }
        match mistakes.is_empty() {
            true => Ok(promises),
            false => Err(mistakes),
        }
    }

    fn add(&mut self, number: usize, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        match word {
            "call" => self.calls.push((number, rest.parse()?)),
            "counter" if rest.is_empty() => {
                return Err("expected a column, for example `counter n`".to_owned());
            }
            "counter" if self.counter.is_some() => {
                return Err("a second counter; delete one of the two".to_owned());
            }
            "counter" => self.counter = Some(rest.to_owned()),
            _ => {
                return Err(format!(
                    "expected `call` or `counter`, for example `call echo(1)=1`, got `{word}`"
                ));
            }
        }
        Ok(())
    }
}

/// Returns whether two JSON values are the same. `1` and `1.0` are, but two
/// integers must agree in all their digits.
pub(crate) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() != b.is_f64() => {
            // Beyond this, a whole number may stand for several integers.
            const EXACT: f64 = 9_007_199_254_740_992.0;
            a.as_f64() == b.as_f64() && a.as_f64().is_some_and(|value| value.abs() < EXACT)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has = |(name, value): (&String, &Value)| {
                b.get(name).is_some_and(|other| is_same(value, other))
            };
            a.len() == b.len() && a.iter().all(has)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_and_its_result_are_told_apart_wherever_the_characters_stand() {
        let plain: ExpectedCall = "echo(9007199254740993)=9007199254740993".parse().unwrap();
        let tricky: ExpectedCall = r#"echo(")=1", [2])=")=""#.parse().unwrap();

        assert_eq!(plain.result, json!(9_007_199_254_740_993_u64));
        assert_eq!(tricky.call.args, [json!(")=1"), json!([2])]);
        assert_eq!(tricky.result, json!(")="));
        assert!("echo(1)".parse::<ExpectedCall>().is_err());
        assert!("echo(1)=x".parse::<ExpectedCall>().is_err());
    }

    #[test]
    fn a_file_has_calls_and_one_counter() {
        let promises = Promises::parse("# mine\n\ncall echo(1)=1\n  counter  row no\n").unwrap();

        let call = "echo(1)=1".parse().unwrap();
        assert_eq!(promises.calls, [(3, call)]);
        assert_eq!(promises.counter.as_deref(), Some("row no"));
    }

    #[test]
    fn all_mistakes_of_a_file_are_reported_at_once_with_their_lines() {
        let text = "call echo(1)\nechoes\ncounter\ncounter n\ncounter m\n";

        assert_eq!(
            Promises::parse(text).unwrap_err(),
            [
                "line 1: expected a call and its result in JSON, for example `echo(1)=1`",
                "line 2: expected `call` or `counter`, for example `call echo(1)=1`, got `echoes`",
                "line 3: expected a column, for example `counter n`",
                "line 5: a second counter; delete one of the two",
            ]
        );
    }

    #[test]
    fn integers_agree_in_all_digits_and_a_whole_number_is_its_integer() {
        let large = json!(9_007_199_254_740_993_u64);

        assert!(is_same(&json!([1]), &json!([1.0])));
        assert!(is_same(&large, &large));
        assert!(!is_same(&large, &json!(9_007_199_254_740_992_u64)));
        assert!(!is_same(&large, &json!(9_007_199_254_740_992.0)));
        assert!(!is_same(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
    }
}
