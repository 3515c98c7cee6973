//! Tests of one function.

use std::fmt;

use serde_json::{Value, json};

use super::{ByValue, Failure, Surroundings, logs};
use crate::function::Calls;
use crate::given::Given;
use crate::wire::Kind;
use crate::{Expr, Function, IntoAggregate, IntoFunction};

/// What can be tested as a function: a value that implements [`Function`], or
/// anything that makes one, see [`IntoFunction`].
pub trait FunctionUnderTest<M> {
    /// Makes the function.
    fn make(self) -> Box<dyn Function>;
}

impl<F: Function + 'static> FunctionUnderTest<ByValue> for F {
    fn make(self) -> Box<dyn Function> {
        Box::new(self)
    }
}

impl<M, F: IntoFunction<M>> FunctionUnderTest<(M,)> for F {
    fn make(self) -> Box<dyn Function> {
        (self.into_function().make)("test")
    }
}

/// Begins a test of a function: of a value, or of what makes one.
pub fn function<M>(function: impl FunctionUnderTest<M>) -> FunctionTest {
    logs::show(&function);
    FunctionTest {
        calls: Calls::new("test", function.make()),
        rule_id: "test".to_owned(),
        function_id: 0,
        surroundings: Surroundings::new(Kind::Function),
    }
}

/// Begins a test of an aggregate, of a plain function.
///
/// ```
/// use ekuiper::{serde_json::json, testing};
///
/// let mut longest = testing::aggregate(|names: Vec<String>| names.iter().map(String::len).max());
///
/// assert_eq!(longest.exec([json!(["a", "bcd"])])?, json!(3));
/// assert_eq!(longest.exec([json!(null)])?, json!(null)); // an empty window
/// # Ok::<(), testing::Failure>(())
/// ```
pub fn aggregate<M>(aggregate: impl IntoAggregate<M>) -> FunctionTest {
    logs::show(&aggregate);
    function(aggregate.into_aggregate())
}

/// A function under test; see [`function`] and [`aggregate`].
pub struct FunctionTest {
    calls: Calls,
    rule_id: String,
    function_id: i64,
    surroundings: Surroundings,
}

impl FunctionTest {
    /// Sets the rule and the number of the call for the calls that follow.
    /// Default: rule `test`, call 0. They become part of the context.
    pub fn call_of(&mut self, rule_id: impl Into<String>, function_id: i64) -> &mut Self {
        self.rule_id = rule_id.into();
        self.function_id = function_id;
        self
    }

    /// Validates a call with these arguments.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of `validate`. A host would refuse the rule.
    pub fn validate(&mut self, args: impl IntoIterator<Item = Expr>) -> Result<(), Failure> {
        let args: Vec<Expr> = args.into_iter().collect();
        self.surroundings
            .again()
            .watch(|| self.calls.validate(&args).map_err(Failure::at("validate")))
    }

    /// Calls the function with these argument values. An aggregate gets an empty
    /// array for `null`, which is what a host sends for an empty window.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of `exec`. A host would report it for the row.
    pub fn exec(&mut self, args: impl IntoIterator<Item = Value>) -> Result<Value, Failure> {
        let call = json!({
            "ruleId": self.rule_id, "opId": "test", "instanceId": 0, "funcId": self.function_id
        });
        let mut given: Vec<_> = args.into_iter().map(Given::Value).collect();
        given.push(Given::Value(Value::from(call.to_string())));
        self.surroundings
            .again()
            .watch(|| self.calls.exec(given).map_err(Failure::at("exec")))
    }

    /// Returns whether the function is an aggregate.
    ///
    /// # Panics
    ///
    /// If its `is_aggregate` panics.
    pub fn is_aggregate(&mut self) -> bool {
        self.calls
            .is_aggregate()
            .unwrap_or_else(|panic| panic!("is_aggregate: {panic}"))
    }
}

impl fmt::Debug for FunctionTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionTest").finish_non_exhaustive()
    }
}
