//! Functions: asked about, and called.
//!
//! Rules: protocol.md section 7.

use serde_json::Value;

use super::channel::{Failure, RequestChannel};
use super::{Host, HostError};
use crate::event::{Meaning, What};
use crate::go_json::Numbers;
use crate::profile::Profile;
use crate::symbol::Channel;
use crate::wire::{self, Context, Expr, FunctionAnswer, Order};

/// A running function, and the host's end of its channel.
///
/// eKuiper never stops one, and keeps its channel for as long as it lives.
#[derive(Debug)]
pub struct Function {
    symbol: String,
    channel: RequestChannel,
}

impl Function {
    /// The symbol's name.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.symbol
    }
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
    pub fn start_function(&mut self, symbol: &str) -> Result<Function, HostError> {
        let channel = Channel::function(symbol);
        let channel = RequestChannel::open(channel.clone(), symbol, &self.shared)
            .map_err(|error| HostError::transport(&channel, error))?;
        let mut function = Function {
            symbol: symbol.to_owned(),
            channel,
        };
        self.start(&Order::function(symbol))?;
        let profile = self.shared.profile;
        if profile.wait_function_greeting
            && let Err(failure) = function.channel.wait_greeting(profile.function_timeout)
        {
            return Err(self.failed(&function, "with a greeting", failure));
        }
        Ok(function)
    }

    /// Asks whether a function is an aggregate.
    ///
    /// # Errors
    ///
    /// [`HostError::NoReply`], [`HostError::BadReply`] for anything but a
    /// boolean, and the plugin's end.
    pub fn is_aggregate(&mut self, function: &mut Function) -> Result<bool, HostError> {
        let request = wire::is_aggregate();
        match self.request(function, "IsAggregate", &request)? {
            Ok(Value::Bool(aggregate)) => Ok(aggregate),
            Ok(other) => Err(HostError::BadReply {
                symbol: function.symbol.clone(),
                request: "IsAggregate",
                text: format!("expected true or false, got `{other}`"),
            }),
            Err(text) => Err(HostError::BadReply {
                symbol: function.symbol.clone(),
                request: "IsAggregate",
                text,
            }),
        }
    }

    /// Asks whether a call may have these arguments. `Err` within is the
    /// function's own text.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec).
    pub fn validate(
        &mut self,
        function: &mut Function,
        args: &[Expr],
    ) -> Result<Result<(), String>, HostError> {
        let request = wire::validate(self.shared.profile, args);
        let answer = self.request(function, "Validate", &request)?;
        Ok(answer.map(|_| ()))
    }

    /// Calls a function. `Err` within is the function's own text.
    ///
    /// # Errors
    ///
    /// [`HostError::NoReply`] at eKuiper's limit, [`HostError::BadReply`] for
    /// an answer of another shape, and the plugin's end.
    pub fn exec(
        &mut self,
        function: &mut Function,
        args: &[Value],
        context: &Context,
    ) -> Result<Call, HostError> {
        let mut request = Vec::new();
        wire::exec(&mut request, args, context, Numbers::Exact);
        let outcome = self.request(function, "Exec", &request)?;
        self.shared.tell(What::Called {
            function: &function.symbol,
            args,
            outcome: outcome.as_ref().map_err(String::as_str),
        });
        Ok(outcome)
    }

    fn request(
        &mut self,
        function: &mut Function,
        name: &'static str,
        request: &[u8],
    ) -> Result<Call, HostError> {
        let profile: &Profile = self.shared.profile;
        let answer = function.channel.exchange(
            request,
            Meaning::Request {
                function: &function.symbol,
                request: name,
            },
            profile.function_timeout,
            profile.regreet_on_functions,
        );
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return Err(self.failed(function, name, failure)),
        };
        let bad = |text| HostError::BadReply {
            symbol: function.symbol.clone(),
            request: name,
            text,
        };
        match FunctionAnswer::parse(&answer) {
            Ok(FunctionAnswer::Done(value)) => Ok(Ok(value)),
            Ok(FunctionAnswer::Failed(text)) => Ok(Err(text)),
            Ok(FunctionAnswer::Greeting) => Err(bad("with a greeting".to_owned())),
            Err(error) => Err(bad(error.to_string())),
        }
    }

    fn failed(
        &mut self,
        function: &Function,
        request: &'static str,
        failure: Failure,
    ) -> HostError {
        match failure {
            Failure::TimedOut => HostError::NoReply {
                symbol: function.symbol.clone(),
                request,
                limit: self.shared.profile.function_timeout,
            },
            Failure::Exited => self.exited(false),
            Failure::Interrupted => HostError::Interrupted,
            Failure::Transport(error) => HostError::transport(function.channel.channel(), error),
        }
    }
}
