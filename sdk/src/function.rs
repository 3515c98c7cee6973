//! Functions: the trait that a plugin implements, and how it is called.
//!
//! [`Calls::answer`] turns the bytes of a request into the bytes of its answer,
//! without a socket. One thread for each function moves the bytes.
//!
//! Rules: docs/protocol.md, "Functions".

mod context;
mod moved;
pub(crate) mod plain;
pub(crate) mod returned;

use std::sync::Arc;

use ekuiper_sp::{Closer, Options, Req};
use log::{debug, error, warn};
use serde_json::Value;

use crate::given::Given;
use crate::instance::{Instance, StopLimits, Worker};
use crate::short::Short;
use crate::span::Span;
use crate::stop::StopSignal;
use crate::wire::Target;
use crate::{Args, BoxError, Expr, channel, panics, wire};

pub use self::context::FunctionContext;
use self::context::Sites;

/// A function for SQL statements.
///
/// One value serves all rules of a host, one call at a time. A panic fails only
/// the call in which it happens; the value is used for the next call.
///
/// ```
/// use ekuiper::{Args, Function, FunctionContext, Value};
///
/// struct Revert;
///
/// impl Function for Revert {
///     fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
///         let text: &str = args.parse(0)?;
///         Ok(text.chars().rev().collect::<String>().into())
///     }
/// }
/// ```
pub trait Function: Send {
    /// Checks the arguments of a call as they are written in the SQL, before the
    /// rule runs.
    ///
    /// The host validates each call in a statement more than once.
    ///
    /// # Errors
    ///
    /// The host refuses the rule with the error's text.
    fn validate(&mut self, args: &[Expr]) -> crate::Result {
        let _ = args;
        Ok(())
    }

    /// Computes one call. The result may be any JSON value.
    ///
    /// A column that the row lacks is `null`. An argument of an aggregate is
    /// always an array: hosts send `null` for an empty window, which the SDK
    /// turns into an empty array.
    ///
    /// eKuiper waits 5 s for the result (`recvTimeout`), and sends a function
    /// one call at a time.
    ///
    /// Source: [the protocol](crate::reference::protocol), section 7.
    ///
    /// # Errors
    ///
    /// The host reports the error's text for this row.
    fn exec(&mut self, args: Args, ctx: &FunctionContext) -> crate::Result<Value>;

    /// Computes one call with arguments whose texts were not copied. Only functions that
    /// are made from plain ones have another one than this.
    #[doc(hidden)]
    fn exec_given(&mut self, given: Vec<Given<'_>>, ctx: &FunctionContext) -> crate::Result<Value> {
        let values: Vec<Value> = given.into_iter().map(Given::into_value).collect();
        self.exec(Args::from(values), ctx)
    }

    /// Returns whether the function is an aggregate.
    ///
    /// Each argument of an aggregate is an array with the values of a window,
    /// which may be empty.
    fn is_aggregate(&self) -> bool {
        false
    }
}

impl<F: Function + ?Sized> Function for Box<F> {
    fn validate(&mut self, args: &[Expr]) -> crate::Result {
        (**self).validate(args)
    }

    fn exec(&mut self, args: Args, ctx: &FunctionContext) -> crate::Result<Value> {
        (**self).exec(args, ctx)
    }

    fn exec_given(&mut self, given: Vec<Given<'_>>, ctx: &FunctionContext) -> crate::Result<Value> {
        (**self).exec_given(given, ctx)
    }

    fn is_aggregate(&self) -> bool {
        (**self).is_aggregate()
    }
}

/// Answers the requests to one function, and keeps contexts of its calls.
pub(crate) struct Calls {
    symbol: String,
    function: Box<dyn Function>,
    /// Shared by all calls: a function stops when its plugin stops.
    stop: Arc<StopSignal>,
    sites: Sites,
    aggregate: Option<bool>,
}

impl Calls {
    pub(crate) fn new(symbol: &str, function: Box<dyn Function>) -> Self {
        Calls {
            symbol: symbol.to_owned(),
            function,
            stop: Arc::default(),
            sites: Sites::default(),
            aggregate: None,
        }
    }

    /// Carries out a request, and replaces the content of `answer` with its
    /// answer.
    pub(crate) fn answer(&mut self, request: &[u8], answer: &mut Vec<u8>) {
        let outcome = self.carry_out(request);
        if let Err(text) = &outcome {
            debug!(
                "function `{}` answers with an error: {}",
                Short(&self.symbol),
                Short(text)
            );
        }
        wire::write_answer(answer, outcome.as_ref().map_err(String::as_str));
    }

    fn carry_out(&mut self, request: &[u8]) -> Result<Value, String> {
        let request =
            wire::read_request(request).map_err(|error| format!("malformed request: {error}"))?;
        match &*request.func {
            "Validate" => {
                let trees = request.arg.into_iter().map(Given::into_value);
                let args: Vec<Expr> = trees.map(Expr::read).collect();
                self.validate(&args)?;
                Ok(Value::from(""))
            }
            "IsAggregate" => self.is_aggregate().map(Value::from),
            "Exec" => self.exec(request.arg),
            other => Err(format!(
                "unknown request `{other}`: expected `Validate`, `IsAggregate` or `Exec`"
            )),
        }
    }

    pub(crate) fn validate(&mut self, args: &[Expr]) -> Result<(), String> {
        self.run("validate", |function| function.validate(args))
    }

    pub(crate) fn is_aggregate(&mut self) -> Result<bool, String> {
        if let Some(aggregate) = self.aggregate {
            return Ok(aggregate);
        }
        let aggregate = self.run("is_aggregate", |function| Ok(function.is_aggregate()))?;
        self.aggregate = Some(aggregate);
        Ok(aggregate)
    }

    /// Calls the function with the values of an `Exec` request, the last of
    /// which holds the ids of the call.
    pub(crate) fn exec(&mut self, mut given: Vec<Given<'_>>) -> Result<Value, String> {
        let last = given.pop();
        let Some(text) = last.as_ref().and_then(Given::as_str) else {
            return Err(
                "malformed request: expected a string with the ids of the call as last argument"
                    .to_owned(),
            );
        };
        let ctx = self
            .sites
            .context(&self.symbol, text, &self.stop)
            .map_err(|error| format!("malformed request: invalid ids of the call: {error}"))?;
        if self.is_aggregate()? {
            // A host sends null for an empty window.
            for empty in given.iter_mut().filter(|given| given.is_null()) {
                *empty = Given::Value(Value::Array(Vec::new()));
            }
        }
        let (identity, id) = ctx.key();
        let outcome = Span::exec(&self.symbol, identity, id)
            .within(|| self.run("exec", |function| function.exec_given(given, &ctx)));
        // A context that is not kept takes its state with it.
        panics::discard(format_args!("function `{}`", Short(&self.symbol)), ctx);
        outcome
    }

    /// Runs code of the function. An error and a panic both become text; a panic
    /// is also logged.
    fn run<T>(
        &mut self,
        step: &str,
        code: impl FnOnce(&mut dyn Function) -> crate::Result<T>,
    ) -> Result<T, String> {
        let outcome = panics::outcome(|| code(&mut *self.function));
        if let Err(panic) = &outcome {
            error!("function `{}`: {step} {panic}", Short(&self.symbol));
        }
        outcome?
    }
}

/// Starts a function: a new thread serves its channel, which is dialed in the
/// background.
pub(crate) fn start(
    function: Box<dyn Function>,
    target: &Target,
) -> Result<Box<dyn Instance>, BoxError> {
    let mut req = Req::dial(&wire::function_url(&target.symbol), Options::default())?;
    let closer = req.closer();
    let mut calls = Calls::new(&target.symbol, function);
    let symbol = target.symbol.clone();
    let name = symbol.clone();
    let stop = Arc::clone(&calls.stop);
    let worker = Worker::spawn(&target.symbol, move || {
        let served = channel::serve(&mut req, None, |request, answer| {
            calls.answer(request, answer);
        });
        if let Err(cause) = served {
            error!("function `{}` ended: {cause}", Short(&name));
        }
        panics::discard(format_args!("function `{}`", Short(&name)), calls);
    })?;
    Ok(Box::new(RunningFunction {
        symbol,
        stop,
        closer,
        worker,
    }))
}

struct RunningFunction {
    symbol: String,
    stop: Arc<StopSignal>,
    closer: Closer,
    worker: Worker,
}

impl Instance for RunningFunction {
    fn is_running(&self) -> bool {
        !self.worker.is_finished()
    }

    fn begin_stop(&self) {
        self.stop.set_with(|| self.closer.close());
    }

    fn finish_stop(self: Box<Self>, limits: &StopLimits) {
        match self.worker.join_until(limits.end) {
            Ok(()) => debug!("function `{}` has stopped", Short(&self.symbol)),
            Err(_) => warn!(
                "function `{}` did not return from a call in time: abandoned on its thread",
                Short(&self.symbol)
            ),
        }
    }
}

#[cfg(test)]
mod tests;
