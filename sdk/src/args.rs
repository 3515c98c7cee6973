//! The arguments of a function: as expressions in the SQL, and as the values of
//! one call.

use std::fmt;
use std::ops::Index;

use serde::Deserialize;
use serde_json::Value;

use crate::ConfigError;
use crate::config;

/// One argument of a function's call as it is written in the SQL.
///
/// [`Function::validate`](crate::Function::validate) checks these before the
/// rule runs.
///
/// Source: recorded `Validate` requests of eKuiper 1.8 to 2.4; see section 7 of
/// [the protocol](crate::reference::protocol).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// A column of a stream, such as `temperature`.
    #[non_exhaustive]
    Column {
        /// The name of the stream; `$$default` if the SQL names none.
        stream: String,
        /// The name of the column.
        name: String,
    },
    /// A literal: a number, a string or a boolean.
    Literal(Value),
    /// A call of another function, such as `collect(temperature)`.
    #[non_exhaustive]
    Call {
        /// The name of the function.
        name: String,
        /// The arguments of the call.
        args: Vec<Expr>,
    },
    /// Any other expression, such as `a + 1`, as the host's syntax tree.
    Other(Value),
}

impl Expr {
    /// Creates a column of the default stream. For tests of `validate`.
    pub fn column(name: impl Into<String>) -> Self {
        Expr::Column {
            stream: "$$default".to_owned(),
            name: name.into(),
        }
    }

    /// Creates a call. For tests of `validate`.
    pub fn call(name: impl Into<String>, args: impl IntoIterator<Item = Expr>) -> Self {
        Expr::Call {
            name: name.into(),
            args: args.into_iter().collect(),
        }
    }

    /// Returns the value of a literal, and `None` for any other expression.
    pub fn as_literal(&self) -> Option<&Value> {
        match self {
            Expr::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Converts the host's syntax tree. An unknown tree becomes
    /// [`Expr::Other`], unchanged.
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

/// Names the argument at an index for a reader, who counts from 1.
pub(crate) struct Place(pub(crate) usize);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "argument {}", self.0 + 1)
    }
}

/// The argument values of one call of a function, in order.
///
/// A column that the row lacks is `null`. For an aggregate each argument is an
/// array, which is empty if the window is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args(Vec<Value>);

impl Args {
    /// Returns the number of arguments.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the call has no arguments.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the argument at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.0.get(index)
    }

    /// Returns all arguments as a slice.
    pub fn as_slice(&self) -> &[Value] {
        &self.0
    }

    /// Converts the arguments to a vector.
    pub fn into_vec(self) -> Vec<Value> {
        self.0
    }

    /// Parses the argument at `index`, counted from 0.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no such argument or it cannot be read as `T`.
    /// Its text counts arguments from 1: `argument 1: expected f64, found string
    /// "x"` is about index 0.
    pub fn parse<'a, T: Deserialize<'a>>(&'a self, index: usize) -> Result<T, ConfigError> {
        let place = Place(index);
        match self.0.get(index) {
            Some(value) => config::parse(value, place),
            None => Err(ConfigError::missing(&place.to_string())),
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

/// Returns the argument at an index, or `null` if there is none.
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
    fn a_column_is_read_with_and_without_the_fields_that_2_4_added() {
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
    fn an_unknown_expression_is_kept_unchanged() {
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
    fn a_parse_error_names_the_argument() {
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
                "argument 3: required, but missing",
            ]
        );
    }

    #[test]
    fn the_arguments_are_a_list_in_their_order() {
        let values = [json!(1), json!("two"), json!([3])];
        let args = Args::from(values.to_vec());

        assert_eq!(args.len(), 3);
        assert!(!args.is_empty());
        assert_eq!(args.get(1), Some(&json!("two")));
        assert_eq!(args.as_slice(), values);
        assert_eq!(args.as_ref(), values);
        assert!((&args).into_iter().eq(&values));
        assert!(args.clone().into_iter().eq(values.clone()));
        assert_eq!(args.into_vec(), values);
        assert!(Args::default().is_empty());
    }

    #[test]
    fn only_a_literal_has_a_value() {
        assert_eq!(Expr::Literal(json!(7)).as_literal(), Some(&json!(7)));
        assert_eq!(Expr::column("n").as_literal(), None);
    }

    #[test]
    fn indexing_a_missing_argument_returns_null() {
        let args = Args::from(vec![json!(1)]);

        assert_eq!(args[0], json!(1));
        assert_eq!(args[1], Value::Null);
        assert_eq!(args.get(1), None);
    }
}
