//! Functions made from plain functions: `|celsius: f64| celsius * 1.8 + 32.0`.
//!
//! The arguments of a call become the parameters, and the number and types of
//! the parameters are what `validate` checks.

mod optional;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::Place;
use crate::describe::About;
use crate::function::moved;
use crate::function::returned::Returned;
use crate::given::Given;
use crate::symbol::{FunctionSymbol, IntoFunction};
use crate::{Args, ConfigError, Expr, Function, FunctionContext, Result, config};

/// What makes an aggregate: a function whose parameters are the columns of a
/// window, each a `Vec`, and optionally a last `&FunctionContext`.
///
/// See [`PluginConfig::aggregate`](crate::PluginConfig::aggregate).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make an aggregate",
    note = "pass a function of one to eight arguments of type `Vec<T>` where `T` implements `DeserializeOwned`; declare the types of a closure's arguments, and put `&FunctionContext` last",
    note = "add what `ekuiper::metadata::aggregate` returns, and a type that implements `Function`, with `PluginConfig::function`"
)]
pub trait IntoAggregate<M> {
    /// Converts it to what
    /// [`PluginConfig::aggregate`](crate::PluginConfig::aggregate) registers.
    fn into_aggregate(self) -> FunctionSymbol;
}

/// Checks that a literal can be an argument.
type Check = fn(&Value, Place) -> std::result::Result<(), ConfigError>;

/// What is known of the type of a parameter.
struct Parameter {
    check: Check,
    is_optional: bool,
}

/// Reads the arguments of a call, and computes it.
type Call = dyn Fn(&mut Arguments<'_>, &FunctionContext) -> Result<Value> + Send + Sync;

/// A plain function as a [`Function`].
struct Plain {
    name: String,
    is_aggregate: bool,
    /// One for each parameter.
    checks: Arc<[Check]>,
    /// The number of arguments that may not be left out.
    required: usize,
    call: Arc<Call>,
}

fn symbol(
    is_aggregate: bool,
    parameters: impl IntoIterator<Item = Parameter>,
    call: impl Fn(&mut Arguments<'_>, &FunctionContext) -> Result<Value> + Send + Sync + 'static,
) -> FunctionSymbol {
    let mut required = 0;
    let mut checks = Vec::new();
    for parameter in parameters {
        checks.push(parameter.check);
        // The type of an aggregate's parameter is that of the values in a column: an
        // `Option` there is not about the column.
        if is_aggregate || !parameter.is_optional {
            required = checks.len();
        }
    }
    let checks: Arc<[Check]> = checks.into();
    let call: Arc<Call> = Arc::new(call);
    let count = checks.len();
    FunctionSymbol {
        about: Some(Box::new(move || About::of_arguments(required, count))),
        make: Box::new(move |name| {
            Box::new(Plain {
                name: name.to_owned(),
                is_aggregate,
                checks: Arc::clone(&checks),
                required,
                call: Arc::clone(&call),
            })
        }),
    }
}

impl Plain {
    fn count(&self, found: usize) -> Result {
        let (least, most) = (self.required, self.checks.len());
        if (least..=most).contains(&found) {
            return Ok(());
        }
        let expected = match most {
            0 => "no arguments".to_owned(),
            1 if least == 1 => "1 argument".to_owned(),
            _ if least == most => format!("{most} arguments"),
            _ if least + 1 == most => format!("{least} or {most} arguments"),
            _ => format!("{least} to {most} arguments"),
        };
        Err(format!("{}: expected {expected}, found {found}", self.name).into())
    }
}

impl Function for Plain {
    fn validate(&mut self, args: &[Expr]) -> Result {
        self.count(args.len())?;
        for (index, (arg, check)) in args.iter().zip(&*self.checks).enumerate() {
            if let Some(literal) = arg.as_literal() {
                check(literal, Place(index)).map_err(|error| format!("{}: {error}", self.name))?;
            }
        }
        Ok(())
    }

    fn exec(&mut self, args: Args, ctx: &FunctionContext) -> Result<Value> {
        self.exec_given(args.into_iter().map(Given::Value).collect(), ctx)
    }

    fn exec_given(&mut self, given: Vec<Given<'_>>, ctx: &FunctionContext) -> Result<Value> {
        self.count(given.len())?;
        let mut arguments = Arguments {
            name: &self.name,
            is_aggregate: self.is_aggregate,
            given: given.into_iter(),
            index: 0,
        };
        (self.call)(&mut arguments, ctx)
    }

    fn is_aggregate(&self) -> bool {
        self.is_aggregate
    }
}

impl Parameter {
    fn of<A: DeserializeOwned>() -> Self {
        Parameter {
            check: |literal, place| config::parse::<A>(literal, place).map(drop),
            is_optional: optional::is_optional::<A>(),
        }
    }
}

/// The values of one call that are still to be read.
struct Arguments<'a> {
    name: &'a str,
    is_aggregate: bool,
    given: std::vec::IntoIter<Given<'a>>,
    index: usize,
}

impl Arguments<'_> {
    fn next<A: DeserializeOwned + 'static>(&mut self) -> Result<A> {
        // An optional argument that is left out is null.
        let given = self.given.next().unwrap_or_default();
        let index = self.index;
        self.index += 1;
        moved::from_given(given).or_else(|value| {
            config::parse(&value, Place(index)).map_err(|error| {
                let advice = advice(&error, &value, self.is_aggregate);
                format!("{}: {error}{advice}", self.name).into()
            })
        })
    }
}

/// Returns the end of the text of an error that a null causes.
fn advice(error: &ConfigError, value: &Value, is_aggregate: bool) -> &'static str {
    let is_item = || error.path().ends_with(']') && error.to_string().ends_with("found null");
    match value {
        Value::Null => {
            " (the row lacks the column, or its value is null): declare the argument as Option to accept it"
        }
        Value::Array(_) if is_aggregate && is_item() => {
            " (the row lacks the column, or its value is null): declare the argument as Vec<Option<…>> to accept it"
        }
        _ => "",
    }
}

/// Implements a trait for functions of the given parameters, with and without a
/// context as the last one.
macro_rules! implement {
    ($Into:ident::$into:ident, $is_aggregate:literal, $($arg:ident: $A:ident => $Type:ty),*) => {
        impl<F, R, M, $($A),*> $Into<(fn($($A),*) -> R, M)> for F
        where
            F: Fn($($Type),*) -> R + Send + Sync + 'static,
            R: Returned<M>,
            $($A: DeserializeOwned + 'static,)*
        {
            fn $into(self) -> FunctionSymbol {
                symbol($is_aggregate, [$(Parameter::of::<$A>()),*], move |_args, _ctx| {
                    $(let $arg = _args.next()?;)*
                    self($($arg),*).returned()
                })
            }
        }

        impl<F, R, M, $($A),*> $Into<(fn($($A,)* &FunctionContext) -> R, M)> for F
        where
            F: Fn($($Type,)* &FunctionContext) -> R + Send + Sync + 'static,
            R: Returned<M>,
            $($A: DeserializeOwned + 'static,)*
        {
            fn $into(self) -> FunctionSymbol {
                symbol($is_aggregate, [$(Parameter::of::<$A>()),*], move |_args, ctx| {
                    $(let $arg = _args.next()?;)*
                    self($($arg,)* ctx).returned()
                })
            }
        }
    };
}

/// Implements both traits for functions of this number of parameters. A literal
/// argument of an aggregate is repeated for each row of the window.
macro_rules! parameters {
    ($($arg:ident: $A:ident),*) => {
        implement!(IntoFunction::into_function, false, $($arg: $A => $A),*);
        implement!(IntoAggregate::into_aggregate, true, $($arg: $A => Vec<$A>),*);
    };
}

implement!(IntoFunction::into_function, false,);
parameters!(a: A);
parameters!(a: A, b: B);
parameters!(a: A, b: B, c: C);
parameters!(a: A, b: B, c: C, d: D);
parameters!(a: A, b: B, c: C, d: D, e: E);
parameters!(a: A, b: B, c: C, d: D, e: E, f: G);
parameters!(a: A, b: B, c: C, d: D, e: E, f: G, g: H);
parameters!(a: A, b: B, c: C, d: D, e: E, f: G, g: H, h: I);

#[cfg(test)]
mod tests;
