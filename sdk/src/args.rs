//! What a function is called with: argument values, and the expressions they
//! come from.

use std::ops::Index;

use serde::Deserialize;
use serde_json::Value;

use crate::ConfigError;
use crate::config;

/// One argument of a function's call as the SQL says it, before any row:
/// what [`Function::validate`](crate::Function::validate) checks.
///
/// Source: `Validate` requests of eKuiper 1.8 to 2.4 (`tests/vectors`).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// A column of a stream, such as `temperature`.
    #[non_exhaustive]
    Column {
        /// The stream; `$$default` where the SQL names none.
        stream: String,
        /// The column.
        name: String,
    },
    /// A number, a text, a boolean.
    Literal(Value),
    /// The call of another function, such as `collect(temperature)`.
    #[non_exhaustive]
    Call {
        /// The function called.
        name: String,
        /// Its arguments.
        args: Vec<Expr>,
    },
    /// Anything else, such as `a + 1`: the host's syntax tree unchanged.
    Other(Value),
}

impl Expr {
    /// Makes a column of the default stream, for a test of `validate`.
    pub fn column(name: impl Into<String>) -> Self {
        Expr::Column {
            stream: "$$default".to_owned(),
            name: name.into(),
        }
    }

    /// Makes a call, for a test of `validate`.
    pub fn call(name: impl Into<String>, args: impl IntoIterator<Item = Expr>) -> Self {
        Expr::Call {
            name: name.into(),
            args: args.into_iter().collect(),
        }
    }

    /// Returns the value of a literal; `None` of what only a row knows.
    pub fn as_literal(&self) -> Option<&Value> {
        match self {
            Expr::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Reads the host's syntax tree. What is not known is kept as it is.
    pub(crate) fn read(mut tree: Value) -> Self {
        let Some(fields) = tree.as_object_mut() else {
            return Expr::Other(tree);
        };
        if let Some(value) = fields.get_mut("Val") {
            return Expr::Literal(value.take());
        }
        let Some(name) = fields.get("Name").and_then(Value::as_str) else {
            return Expr::Other(tree);
        };
        let name = name.to_owned();
        if let Some(stream) = fields.get("StreamName").and_then(Value::as_str) {
            return Expr::Column {
                stream: stream.to_owned(),
                name,
            };
        }
        match fields.get_mut("Args").map(Value::take) {
            Some(Value::Array(args)) => Expr::call(name, args.into_iter().map(Expr::read)),
            Some(Value::Null) => Expr::call(name, []),
            Some(other) => {
                fields.insert("Args".to_owned(), other);
                Expr::Other(tree)
            }
            None => Expr::Other(tree),
        }
    }
}

/// The argument values of one call of a function, in order.
///
/// A column that the row lacks is `null`. An aggregate gets an array for each
/// argument, empty where the window is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args(Vec<Value>);

impl Args {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the call has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns one, counted from 0.
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.0.get(index)
    }

    /// Returns all of them.
    pub fn as_slice(&self) -> &[Value] {
        &self.0
    }

    /// Returns all of them to keep or to change.
    pub fn into_vec(self) -> Vec<Value> {
        self.0
    }

    /// Parses one, counted from 0, into a type.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where there is no such argument or it is no `T`:
    /// `argument 1: expected f64, found string "x"`. The text counts from 1, as
    /// the SQL is read.
    pub fn parse<'a, T: Deserialize<'a>>(&'a self, index: usize) -> Result<T, ConfigError> {
        let root = format!("argument {}", index + 1);
        match self.0.get(index) {
            Some(value) => config::parse(value, &root),
            None => Err(ConfigError::missing(&root)),
        }
    }
}

impl From<Vec<Value>> for Args {
    fn from(values: Vec<Value>) -> Self {
        Args(values)
    }
}

impl AsRef<[Value]> for Args {
    fn as_ref(&self) -> &[Value] {
        &self.0
    }
}

/// Returns one argument; `null` where there is none at that index.
impl Index<usize> for Args {
    type Output = Value;

    fn index(&self, index: usize) -> &Value {
        self.0.get(index).unwrap_or(&Value::Null)
    }
}

impl IntoIterator for Args {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Args {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_column_is_read_with_and_without_the_fields_of_2_4() {
        for tree in [
            json!({"StreamName":"$$default","Name":"n"}),
            json!({"StreamName":"$$default","Name":"n","HasIndex":false,"SourceIndex":0,"Index":0}),
        ] {
            assert_eq!(Expr::read(tree), Expr::column("n"));
        }
    }

    #[test]
    fn a_literal_is_its_value() {
        assert_eq!(
            Expr::read(json!({"Val":1.5})).as_literal(),
            Some(&json!(1.5))
        );
        assert_eq!(Expr::read(json!({"Val":null})), Expr::Literal(Value::Null));
    }

    #[test]
    fn a_nested_call_has_its_arguments() {
        let tree = json!({"Name":"object_construct","FuncId":4,"FuncType":0,"Args":[
            {"Val":"k"},{"StreamName":"$$default","Name":"count"}
        ],"CachedField":"","Cached":false,"Partition":null,"WhenExpr":null,"SortFields":null});

        let expression = Expr::read(tree);

        assert_eq!(
            expression,
            Expr::call(
                "object_construct",
                [Expr::Literal(json!("k")), Expr::column("count")]
            )
        );
    }

    #[test]
    fn a_nested_call_without_arguments_is_a_call() {
        let tree = json!({"Name":"now","FuncId":0,"Args":null});

        assert_eq!(Expr::read(tree), Expr::call("now", []));
    }

    #[test]
    fn what_is_not_known_is_kept_unchanged() {
        for tree in [
            json!({"OP":3,"LHS":{"Val":1},"RHS":{"Val":2}}),
            json!({"Name":"x"}),
            json!({"Name":"x","Args":7}),
            json!([1]),
        ] {
            assert_eq!(Expr::read(tree.clone()), Expr::Other(tree));
        }
    }

    #[test]
    fn an_argument_that_does_not_fit_is_named() {
        let args = Args::from(vec![json!("x"), json!([1, "y"])]);

        let texts = [
            args.parse::<f64>(0).unwrap_err().to_string(),
            args.parse::<Vec<f64>>(1).unwrap_err().to_string(),
            args.parse::<f64>(2).unwrap_err().to_string(),
        ];

        assert_eq!(
            texts,
            [
                "argument 1: expected f64, found string \"x\"",
                "argument 2[1]: expected f64, found string \"y\"",
                "argument 3: expected a value, but it is missing",
            ]
        );
    }

    #[test]
    fn an_argument_that_is_not_there_is_null() {
        let args = Args::from(vec![json!(1)]);

        assert_eq!(args[0], json!(1));
        assert_eq!(args[1], Value::Null);
        assert_eq!(args.get(1), None);
    }
}
