//! The arguments of a call, as its rule would have them.

use mock_kuiper::engine::wire::Expr;
use serde_json::Value;

/// Makes the syntax trees of a call's arguments. A value that SQL has no literal
/// for becomes a column.
pub(super) fn expressions(args: &[Value]) -> Vec<Expr> {
    let expression = |(index, value): (usize, &Value)| match value {
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Expr::Literal(value.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => Expr::Column(format!("c{index}")),
    };
    args.iter().enumerate().map(expression).collect()
}
