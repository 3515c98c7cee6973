//! Functions: asked about, and called.
//!
//! Rules: protocol.md section 7.

use std::sync::Arc;

use serde_json::Value;

use super::channel::{Failure, Manner, Outgoing, RequestChannel};
use super::inner::Inner;
use super::{Host, HostError};
use crate::event::{Meaning, What};
use crate::go_json::Numbers;
use crate::profile::Profile;
use crate::symbol::{Channel, Meta};
use crate::wire::{self, Context, Expr, FunctionAnswer, Order};

/// A running function, and the host's end of its channel.
///
/// eKuiper never stops one, and keeps its channel for as long as it lives.
#[derive(Debug)]
pub struct Function {
    symbol: String,
    pub(super) channel: RequestChannel,
    pub(super) host: Arc<Inner>,
}

/// What a function answered: a value, or its own error text.
pub type Call = Result<Value, String>;

impl Host {
    /// Opens a function's channel and starts it.
    ///
    /// # Errors
    ///
    /// [`HostError::AddressInUse`], those of an order, and
    /// [`HostError::NoReply`] where the release waits for a greeting on the
    /// channel and none comes.
    pub fn function(&self, symbol: &str) -> Result<Function, HostError> {
        let host = &self.inner;
        let channel = Channel::function(symbol);
        let channel = RequestChannel::open(channel.clone(), symbol, &host.shared)
            .map_err(|error| HostError::transport(&channel, error))?;
        let mut function = Function {
            symbol: symbol.to_owned(),
            channel,
            host: Arc::clone(host),
        };
        host.start(&Order::function(symbol))?;
        let profile = host.shared.profile;
        if profile.wait_function_greeting
            && let Err(failure) = function.channel.wait_greeting(profile.function_timeout)
        {
            return Err(function.failed("with a greeting", failure));
        }
        Ok(function)
    }
}

impl Function {
    /// Returns the symbol's name.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Calls the function, as the only call of the rule `mock`.
    ///
    /// # Errors
    ///
    /// [`HostError::CallFailed`] with the function's own text, and those of
    /// [`exec_in`](Self::exec_in).
    pub fn exec(&mut self, args: &[Value]) -> Result<Value, HostError> {
        let context = Context {
            meta: Meta::new("mock", "2_project"),
            func_id: 0,
        };
        self.exec_in(&context, args)?.map_err(|text| {
            self.host.note(HostError::CallFailed {
                symbol: self.symbol.clone(),
                text,
            })
        })
    }

    /// Asks whether the function is an aggregate.
    ///
    /// # Errors
    ///
    /// [`HostError::NoReply`], [`HostError::BadReply`] for anything but a
    /// boolean, and the plugin's end.
    pub fn is_aggregate(&mut self) -> Result<bool, HostError> {
        let request = wire::is_aggregate();
        let text = match self.request("IsAggregate", &request)? {
            Ok(Value::Bool(aggregate)) => return Ok(aggregate),
            Ok(other) => format!("expected true or false, got `{other}`"),
            Err(text) => text,
        };
        Err(self.host.note(HostError::BadReply {
            symbol: self.symbol.clone(),
            request: "IsAggregate",
            text,
        }))
    }

    /// Asks whether a call may have these arguments. `Err` within is the
    /// function's own text.
    ///
    /// # Errors
    ///
    /// As [`exec_in`](Self::exec_in).
    pub fn validate(&mut self, args: &[Expr]) -> Result<Result<(), String>, HostError> {
        let request = wire::validate(self.host.shared.profile, args);
        let answer = self.request("Validate", &request)?;
        Ok(answer.map(|_| ()))
    }

    /// Calls the function at a place in a rule. `Err` within is the function's
    /// own text.
    ///
    /// # Errors
    ///
    /// [`HostError::NoReply`] at eKuiper's limit, [`HostError::BadReply`] for
    /// an answer of another shape, and the plugin's end.
    pub fn exec_in(&mut self, context: &Context, args: &[Value]) -> Result<Call, HostError> {
        let mut request = Vec::new();
        wire::exec(&mut request, args, context, Numbers::Exact);
        let outcome = self.request("Exec", &request)?;
        self.host.shared.tell(What::Called {
            function: &self.symbol,
            args,
            outcome: outcome.as_ref().map_err(String::as_str),
        });
        Ok(outcome)
    }

    fn request(&mut self, name: &'static str, request: &[u8]) -> Result<Call, HostError> {
        let answer = self.exchange(name, request, false)?;
        let bad = |text| {
            self.host.note(HostError::BadReply {
                symbol: self.symbol.clone(),
                request: name,
                text,
            })
        };
        match FunctionAnswer::parse(&answer) {
            Ok(FunctionAnswer::Done(value)) => Ok(Ok(value)),
            Ok(FunctionAnswer::Failed(text)) => Ok(Err(text)),
            Ok(FunctionAnswer::Greeting) => Err(bad("with a greeting".to_owned())),
            Err(error) => Err(bad(error.to_string())),
        }
    }

    pub(super) fn exchange(
        &mut self,
        name: &'static str,
        request: &[u8],
        raw: bool,
    ) -> Result<Vec<u8>, HostError> {
        self.host.ensure_function(&self.symbol)?;
        let profile: &Profile = self.host.shared.profile;
        let meaning = match raw {
            true => Meaning::Raw,
            false => Meaning::Request {
                function: &self.symbol,
                request: name,
            },
        };
        let outgoing = Outgoing {
            bytes: request,
            meaning,
            manner: Manner::Plain,
        };
        let limit = profile.function_timeout;
        self.channel
            .exchange(outgoing, limit, profile.regreet_on_functions, || {})
            .map_err(|failure| self.failed(name, failure))
    }

    /// Sends a request under an id that the plugin has given up.
    pub(super) fn send_stale(&mut self, request: &[u8]) -> Result<(), HostError> {
        let limit = self.host.shared.profile.function_timeout;
        let sent = self.channel.send_stale(request, limit);
        sent.map_err(|failure| self.failed("Exec", failure))
    }

    pub(super) fn failed(&self, request: &'static str, failure: Failure) -> HostError {
        self.host.note(match failure {
            Failure::TimedOut => HostError::NoReply {
                symbol: self.symbol.clone(),
                request,
                limit: self.host.shared.profile.function_timeout,
            },
            Failure::Exited => self.host.exited(),
            Failure::Interrupted => HostError::Interrupted,
            Failure::Transport(error) => HostError::transport(self.channel.channel(), error),
        })
    }
}
