//! Functions: started, validated, called.
//!
//! Rules: docs/protocol.md, section 7.

use std::sync::Arc;

use serde_json::Value;

use super::channel::{Manner, Outgoing, RequestChannel};
use super::error::HostError;
use super::failure::Failure;
use super::inner::Inner;
use crate::event::{Meaning, What};
use crate::finding::{Finding, Observed};
use crate::go_json::Numbers;
use crate::symbol::{Channel, Kind, Meta};
use crate::wire::{self, Context, Expr, FunctionAnswer, Order};

/// A running function, and the host's end of its channel.
///
/// eKuiper never stops a function, and keeps its channel for as long as it
/// lives.
#[derive(Debug)]
pub struct Function {
    symbol: String,
    pub(super) channel: RequestChannel,
    pub(super) host: Arc<Inner>,
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// `state` was true, and this was `result`.
    Result(Value),
    /// `state` was false, and this was the text of `result`.
    Error(String),
}

impl Reply {
    /// Returns the result, or the function's error text.
    ///
    /// # Errors
    ///
    /// The text of [`Reply::Error`].
    pub fn into_result(self) -> Result<Value, String> {
        match self {
            Self::Result(value) => Ok(value),
            Self::Error(text) => Err(text),
        }
    }
}

impl Function {
    /// Opens a function's channel.
    pub(super) fn open(host: &Arc<Inner>, symbol: &str) -> Result<Self, HostError> {
        let channel = Channel::function(symbol);
        Ok(Self {
            symbol: symbol.to_owned(),
            channel: RequestChannel::open(channel, symbol, &host.shared)?,
            host: Arc::clone(host),
        })
    }

    /// Opens a function's channel and starts the function.
    pub(super) fn start(host: &Arc<Inner>, symbol: &str) -> Result<Self, HostError> {
        let mut function = Self::open(host, symbol)?;
        host.start(&Order::function(symbol))?;
        let profile = host.shared.profile;
        if profile.wait_function_greeting
            && let Err(failure) = function.channel.wait_greeting(host.shared.function_limit())
        {
            return Err(function.error("with a greeting", failure));
        }
        Ok(function)
    }

    /// Returns the symbol's name.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Calls the function, as the only call of the rule `mock`, and returns its
    /// result.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::FunctionError`](crate::Code::FunctionError) with the
    /// function's own error text, and those of [`call`](Self::call).
    pub fn exec(&mut self, args: &[Value]) -> Result<Value, HostError> {
        let context = Context {
            meta: Meta::new("mock", "2_project"),
            func_id: 0,
        };
        match self.call(&context, args)? {
            Reply::Result(value) => Ok(value),
            Reply::Error(text) => Err(self.finding(Observed::FunctionError { text })),
        }
    }

    /// Asks whether the function is an aggregate.
    ///
    /// # Errors
    ///
    /// A finding if there is no answer in time, if the answer is not a boolean,
    /// or if the plugin exits.
    pub fn is_aggregate(&mut self) -> Result<bool, HostError> {
        const REQUEST: &str = "IsAggregate";
        let reason = match self.request(REQUEST, &wire::is_aggregate())? {
            Reply::Result(Value::Bool(aggregate)) => return Ok(aggregate),
            Reply::Result(other) => format!("expected true or false, got `{other}`"),
            Reply::Error(text) => text,
        };
        Err(self.finding(Observed::InvalidAnswer {
            request: REQUEST,
            reason,
        }))
    }

    /// Asks whether a call may have these arguments. [`Reply::Result`] accepts
    /// them, [`Reply::Error`] refuses them with the function's text.
    ///
    /// # Errors
    ///
    /// Those of [`call`](Self::call).
    pub fn validate(&mut self, args: &[Expr]) -> Result<Reply, HostError> {
        let request = wire::validate(self.host.shared.profile, args);
        self.request("Validate", &request)
    }

    /// Calls the function at a place in a rule, and returns what it answers.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::FunctionUnanswered`](crate::Code::FunctionUnanswered)
    /// at eKuiper's limit,
    /// [`Code::FunctionInvalidAnswer`](crate::Code::FunctionInvalidAnswer), or
    /// the plugin's exit. Or [`SystemError::TooDeep`](super::SystemError::TooDeep).
    pub fn call(&mut self, context: &Context, args: &[Value]) -> Result<Reply, HostError> {
        let mut request = Vec::new();
        wire::exec(&mut request, args, context, Numbers::Exact);
        let reply = self.request("Exec", &request)?;
        self.host.shared.tell(What::Called {
            function: &self.symbol,
            args,
            outcome: match &reply {
                Reply::Result(value) => Ok(value),
                Reply::Error(text) => Err(text),
            },
        });
        Ok(reply)
    }

    fn request(&mut self, name: &'static str, request: &[u8]) -> Result<Reply, HostError> {
        let meaning = Meaning::Request {
            function: &self.symbol.clone(),
            request: name,
        };
        let answer = self.answer_to(name, request, meaning)?;
        let reason = match FunctionAnswer::parse(&answer) {
            Ok(FunctionAnswer::Done(value)) => return Ok(Reply::Result(value)),
            Ok(FunctionAnswer::DoneDeep(_)) => {
                let what = format!("the result of function `{}`", self.symbol);
                return Err(self.host.note(HostError::too_deep(what)));
            }
            Ok(FunctionAnswer::Failed(text)) => return Ok(Reply::Error(text)),
            Ok(FunctionAnswer::Greeting) => "it is a greeting".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(self.finding(Observed::InvalidAnswer {
            request: name,
            reason,
        }))
    }

    /// Sends bytes as a request, and returns the answer's bytes.
    pub(super) fn answer_to(
        &mut self,
        name: &'static str,
        bytes: &[u8],
        meaning: Meaning<'_>,
    ) -> Result<Vec<u8>, HostError> {
        self.host.ensure_function(&self.symbol)?;
        let profile = self.host.shared.profile;
        let outgoing = Outgoing {
            bytes,
            meaning,
            manner: Manner::Plain,
        };
        let (limit, regreet) = (
            self.host.shared.function_limit(),
            profile.regreet_on_functions,
        );
        let answered = self.channel.round_trip(outgoing, limit, regreet, || {});
        answered.map_err(|failure| self.error(name, failure))
    }

    /// Sends a request under an id that the plugin has given up.
    pub(super) fn send_stale(&mut self, request: &[u8]) -> Result<(), HostError> {
        let limit = self.host.shared.function_limit();
        let sent = self.channel.send_stale(request, limit);
        sent.map_err(|failure| self.error("Exec", failure))
    }

    pub(super) fn error(&self, request: &'static str, failure: Failure) -> HostError {
        let limit = self.host.shared.function_limit();
        let late = || {
            let seen = self.host.look(self.channel.peers());
            self.about(Observed::FunctionUnanswered {
                request,
                limit,
                seen,
            })
        };
        let error = self.host.error(failure, late);
        let error = error.named(Kind::Function, &self.symbol, None);
        self.host.note(error)
    }

    fn finding(&self, observed: Observed) -> HostError {
        self.host.note(self.about(observed).into())
    }

    pub(super) fn about(&self, observed: Observed) -> Finding {
        let finding = Finding::new(observed).of(Kind::Function, &self.symbol);
        finding.on(self.channel.channel())
    }
}
