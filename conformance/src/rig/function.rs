//! Functions on the rig: the calls that eKuiper would make of them.

use mock_kuiper::engine::wire::{Context, Expr};
use mock_kuiper::{Function, Meta, Reply};
use serde_json::json;

use crate::checked::{NotPassed, untested};

/// Returns the context of a call in the rule `rule`.
pub(crate) fn context(call: u32) -> Context {
    Context {
        meta: Meta::new("rule", "2_project"),
        func_id: call,
    }
}

/// The numbers of arguments that `Validate` is asked about, in this order.
pub(crate) const COUNTS: [usize; 6] = [1, 2, 3, 4, 5, 0];

/// Returns whether `Validate` accepts so many arguments, of a type of its own
/// choice. eKuiper makes no call that it refuses.
fn accepts(function: &mut Function, count: usize) -> Result<bool, NotPassed> {
    let columns = (0..count).map(|column| Expr::Column(format!("c{column}")));
    let numbers = (0..count).map(|number| Expr::Literal(json!(number)));
    let texts = (0..count).map(|_| Expr::Literal(json!("text")));
    for args in [
        columns.collect(),
        numbers.collect(),
        texts.collect::<Vec<_>>(),
    ] {
        let reply = function.validate(&args).map_err(untested)?;
        if matches!(reply, Reply::Result(_)) {
            return Ok(true);
        }
        if count == 0 {
            break;
        }
    }
    Ok(false)
}

/// Returns all accepted numbers of arguments. Ends the check if there are none.
pub(crate) fn accepted(function: &mut Function, counts: &[usize]) -> Result<Vec<usize>, NotPassed> {
    let mut accepted = Vec::new();
    for &count in counts {
        if accepts(function, count)? {
            accepted.push(count);
        }
    }
    match accepted.is_empty() {
        false => Ok(accepted),
        true => Err(none_accepted()),
    }
}

/// Returns the first accepted number of arguments. Ends the check if there is
/// none.
pub(crate) fn usual(function: &mut Function) -> Result<usize, NotPassed> {
    for count in COUNTS {
        if accepts(function, count)? {
            return Ok(count);
        }
    }
    Err(none_accepted())
}

fn none_accepted() -> NotPassed {
    NotPassed::NotApplicable("`Validate` accepts no call with 0 to 5 arguments")
}
