//! Functions: what an author writes, and how it is called.
//!
//! [`Calls::answer`] turns the bytes of a request into the bytes of its answer,
//! without a socket; a thread for each function moves the bytes.
//!
//! Rules: docs/protocol.md, "Functions".

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ekuiper_sp::{Closer, Options, Req};
use log::{debug, error, warn};
use serde_json::Value;

use crate::context::{self, Identity, StopSignal, instance_methods, stop_methods};
use crate::instance::{Instance, StopLimits, Worker};
use crate::wire::Target;
use crate::{Args, BoxError, Expr, channel, panics, wire};

/// A function of SQL.
///
/// One value serves all rules of a host, one call after the other. It is used
/// on after a panic, which is the error of that call alone.
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
    /// Checks the arguments of a call as the SQL says them, before any row.
    ///
    /// Each call in a statement is validated, more than once.
    ///
    /// # Errors
    ///
    /// The rule is refused with the error's text.
    fn validate(&mut self, args: &[Expr]) -> crate::Result {
        let _ = args;
        Ok(())
    }

    /// Computes one call: any JSON.
    ///
    /// A column that the row lacks is `null`. An aggregate's argument is always
    /// an array: hosts send `null` where the window is empty.
    ///
    /// Source: docs/protocol.md, section 7.
    ///
    /// eKuiper waits 5 s for the result (`recvTimeout`), and for one call of a
    /// function at a time.
    ///
    /// # Errors
    ///
    /// The host gets the error's text for this row.
    fn exec(&mut self, args: Args, ctx: &FunctionContext) -> crate::Result<Value>;

    /// Returns whether the function is an aggregate: each argument is then an
    /// array with the values of a window, which may be empty.
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

    fn is_aggregate(&self) -> bool {
        (**self).is_aggregate()
    }
}

/// Which call of which rule's statement is computed.
///
/// A call has one context for as long as the plugin runs, so that it can be the
/// key of what a function keeps between rows, as in
/// `HashMap<FunctionContext, f64>`: contexts are equal where their four ids are.
/// A clone is a handle to the same.
#[derive(Clone)]
pub struct FunctionContext {
    shared: Arc<Call>,
}

struct Call {
    instance: Arc<context::Instance>,
    function_id: i64,
}

impl FunctionContext {
    pub(crate) fn new(
        symbol: &str,
        identity: Identity,
        function_id: i64,
        stop: &Arc<StopSignal>,
    ) -> Self {
        FunctionContext {
            shared: Arc::new(Call {
                instance: context::Instance::with_stop(symbol, identity, Arc::clone(stop)),
                function_id,
            }),
        }
    }

    fn instance(&self) -> &context::Instance {
        &self.shared.instance
    }

    fn key(&self) -> (&Identity, i64) {
        (&self.shared.instance.identity, self.shared.function_id)
    }

    instance_methods!();
    stop_methods!();

    /// Returns the number of the call in the statement. All calls are counted,
    /// built-in functions' too, so there are gaps.
    pub fn function_id(&self) -> i64 {
        self.shared.function_id
    }
}

impl PartialEq for FunctionContext {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for FunctionContext {}

impl Hash for FunctionContext {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Debug for FunctionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity {
            rule_id,
            op_id,
            instance_id,
        } = &self.shared.instance.identity;
        f.debug_struct("FunctionContext")
            .field("rule_id", rule_id)
            .field("op_id", op_id)
            .field("instance_id", instance_id)
            .field("function_id", &self.shared.function_id)
            .finish()
    }
}

/// A running function and the contexts of its calls.
pub(crate) struct Calls {
    symbol: String,
    function: Box<dyn Function>,
    /// One for all calls: a function stops when its plugin does.
    stop: Arc<StopSignal>,
    /// By the four ids, and by the text that held them: a host sends the same
    /// text for the same call, which spares parsing it for each row.
    contexts: HashMap<(Identity, i64), FunctionContext>,
    by_text: HashMap<String, FunctionContext>,
    aggregate: Option<bool>,
}

impl Calls {
    pub(crate) fn new(symbol: &str, function: Box<dyn Function>) -> Self {
        Calls {
            symbol: symbol.to_owned(),
            function,
            stop: Arc::default(),
            contexts: HashMap::new(),
            by_text: HashMap::new(),
            aggregate: None,
        }
    }

    /// Carries out a request and writes its answer over `answer`.
    pub(crate) fn answer(&mut self, request: &[u8], answer: &mut Vec<u8>) {
        let outcome = self.carry_out(request);
        if let Err(text) = &outcome {
            debug!("function `{}` answers an error: {text}", self.symbol);
        }
        wire::write_answer(answer, outcome.as_ref().map_err(String::as_str));
    }

    fn carry_out(&mut self, request: &[u8]) -> Result<Value, String> {
        let request =
            wire::read_request(request).map_err(|error| format!("malformed request: {error}"))?;
        match &*request.func {
            "Validate" => {
                let args: Vec<Expr> = request.arg.into_iter().map(Expr::read).collect();
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
        panics::attempt(|| self.function.validate(args))
    }

    pub(crate) fn is_aggregate(&mut self) -> Result<bool, String> {
        if let Some(aggregate) = self.aggregate {
            return Ok(aggregate);
        }
        let aggregate = panics::catch(|| self.function.is_aggregate())?;
        self.aggregate = Some(aggregate);
        Ok(aggregate)
    }

    /// Calls the function with the values of an `Exec`, its ids the last.
    pub(crate) fn exec(&mut self, mut values: Vec<Value>) -> Result<Value, String> {
        let Some(Value::String(text)) = values.pop() else {
            return Err(
                "malformed request: expected the call's ids as JSON in the last argument"
                    .to_owned(),
            );
        };
        let ctx = self.context(&text)?;
        if self.is_aggregate()? {
            // A host sends null for the column of an empty window.
            for value in values.iter_mut().filter(|value| value.is_null()) {
                *value = Value::Array(Vec::new());
            }
        }
        panics::attempt(|| self.function.exec(Args::from(values), &ctx))
    }

    fn context(&mut self, text: &str) -> Result<FunctionContext, String> {
        if let Some(ctx) = self.by_text.get(text) {
            return Ok(ctx.clone());
        }
        let call = wire::read_call(text)
            .map_err(|error| format!("malformed request: the call's ids: {error}"))?;
        let (symbol, stop) = (&self.symbol, &self.stop);
        let ctx = self
            .contexts
            .entry(call)
            .or_insert_with_key(|(identity, id)| {
                FunctionContext::new(symbol, identity.clone(), *id, stop)
            })
            .clone();
        self.by_text.insert(text.to_owned(), ctx.clone());
        Ok(ctx)
    }
}

/// Starts a function: its channel is dialed, and served, on a thread.
pub(crate) fn start(
    function: Box<dyn Function>,
    target: &Target,
) -> Result<Box<dyn Instance>, BoxError> {
    let mut req = Req::dial(&wire::function_url(&target.symbol), Options::default())?;
    let closer = req.closer();
    let mut calls = Calls::new(&target.symbol, function);
    let symbol = target.symbol.clone();
    let stop = Arc::clone(&calls.stop);
    let worker = Worker::spawn(&target.symbol, move || {
        let served = channel::serve(&mut req, None, |request, answer| {
            calls.answer(request, answer);
        });
        if let Err(cause) = served {
            error!("function `{}` ended: {cause}", calls.symbol);
        }
        let _ = panics::catch(move || drop(calls));
    })?;
    Ok(Box::new(Running {
        symbol,
        stop,
        closer,
        worker,
    }))
}

struct Running {
    symbol: String,
    stop: Arc<StopSignal>,
    closer: Closer,
    worker: Worker,
}

impl Instance for Running {
    fn is_running(&self) -> bool {
        !self.worker.is_finished()
    }

    fn begin_stop(&self) {
        self.stop.set();
        self.closer.close();
    }

    fn finish_stop(self: Box<Self>, limits: &StopLimits) {
        match self.worker.join_until(limits.end) {
            Ok(()) => debug!("function `{}` is stopped", self.symbol),
            Err(_) => warn!(
                "function `{}` is still in a call: left behind on its thread",
                self.symbol
            ),
        }
    }
}

#[cfg(test)]
mod tests;
