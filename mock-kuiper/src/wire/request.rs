//! Requests on a function's channel: `IsAggregate`, `Validate` and `Exec`.
//!
//! Rules: protocol.md section 7.

use serde_json::Value;

use super::order::write_meta;
use crate::go_json::{Numbers, write_string, write_value};
use crate::release::Release;
use crate::symbol::Meta;

/// An argument of a call in SQL, as `Validate` describes it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// A literal. SQL has no arrays, objects and `null`; they are written like
    /// other literals.
    Literal(Value),
    /// A column of the stream.
    Column(String),
    /// A call of a built-in function.
    Call {
        /// The function's name.
        name: String,
        /// The number of the call within the statement.
        func_id: u32,
        /// Whether the function is an aggregate.
        aggregate: bool,
        /// Its arguments.
        args: Vec<Expr>,
    },
}

impl Expr {
    /// Makes the syntax trees of a call's arguments, as its rule would have them. A
    /// value that SQL has no literal for becomes a column.
    #[must_use]
    pub fn of_values(args: &[Value]) -> Vec<Self> {
        let expression = |(index, value): (usize, &Value)| match value {
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Self::Literal(value.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => Self::Column(format!("c{index}")),
        };
        args.iter().enumerate().map(expression).collect()
    }

    fn write(&self, out: &mut Vec<u8>, profile: &Release) {
        match self {
            Expr::Literal(value) => {
                out.extend_from_slice(b"{\"Val\":");
                write_value(out, value, Numbers::Exact);
            }
            Expr::Column(name) => {
                out.extend_from_slice(b"{\"StreamName\":\"$$default\",\"Name\":");
                write_string(out, name);
                if profile.column_index {
                    out.extend_from_slice(b",\"HasIndex\":false,\"SourceIndex\":0,\"Index\":0");
                }
            }
            Expr::Call {
                name,
                func_id,
                aggregate,
                args,
            } => {
                out.extend_from_slice(b"{\"Name\":");
                write_string(out, name);
                out.extend_from_slice(
                    format!(
                        ",\"FuncId\":{func_id},\"FuncType\":{},\"Args\":",
                        u8::from(*aggregate)
                    )
                    .as_bytes(),
                );
                write_exprs(out, profile, args);
                out.extend_from_slice(b",\"CachedField\":\"\"");
                if profile.call_cache_index {
                    out.extend_from_slice(b",\"CacheIndex\":0");
                }
                out.extend_from_slice(
                    b",\"Cached\":false,\"Partition\":null,\"WhenExpr\":null,\"SortFields\":null",
                );
            }
        }
        out.push(b'}');
    }
}

/// Appends a list of arguments to `out`. An empty list is `null`.
fn write_exprs(out: &mut Vec<u8>, profile: &Release, args: &[Expr]) {
    if args.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    for (index, arg) in args.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        arg.write(out, profile);
    }
    out.push(b']');
}

/// The place of a call in a rule. The plugin keeps a context for each place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Context {
    /// The rule and the operator, for example `2_project`.
    pub meta: Meta,
    /// The number of the call within the statement, from 0.
    pub func_id: u32,
}

/// Returns the request whether the function is an aggregate.
#[must_use]
pub fn is_aggregate() -> Vec<u8> {
    br#"{"func":"IsAggregate","arg":null}"#.to_vec()
}

/// Returns the request whether a call may have these arguments.
#[must_use]
pub fn validate(profile: &Release, args: &[Expr]) -> Vec<u8> {
    let mut out = br#"{"func":"Validate","arg":"#.to_vec();
    write_exprs(&mut out, profile, args);
    out.push(b'}');
    out
}

/// Appends the request to call the function to `out`.
///
/// `numbers` is [`Numbers::Exact`] for arguments that are literals, and
/// [`Numbers::Float64`] for columns of a row.
pub fn exec(out: &mut Vec<u8>, args: &[Value], context: &Context, numbers: Numbers) {
    out.extend_from_slice(br#"{"func":"Exec","arg":["#);
    for arg in args {
        write_value(out, arg, numbers);
        out.push(b',');
    }
    let mut inner = vec![b'{'];
    write_meta(&mut inner, &context.meta);
    inner.extend_from_slice(format!(",\"funcId\":{}}}", context.func_id).as_bytes());
    write_string(out, &String::from_utf8_lossy(&inner));
    out.extend_from_slice(b"]}");
}
