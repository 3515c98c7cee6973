//! Calls functions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mock_kuiper::engine::save::SavedStep;
use mock_kuiper::engine::wire::{Context, Expr};
use mock_kuiper::{Function, Host, HostError, Kind, Meta, Reply};
use serde_json::{Value, json};

use super::gate::Inside;
use super::plugin::Plugin;
use super::problem::Problem;

/// The operator of a rule that calls functions.
const OPERATOR: &str = "2_project";

impl Plugin {
    /// Starts a function, unless it runs, and tells whether it is an aggregate.
    pub(in crate::cli::serve) fn start_function(&self, symbol: &str) -> Result<Value, Problem> {
        let (inside, host) = self.inside_for(symbol)?;
        self.function(&inside, &host, symbol)?;
        let is_aggregate = self.live().aggregates.get(symbol).copied();
        Ok(json!({"name": symbol, "aggregate": is_aggregate.unwrap_or_default()}))
    }

    /// Lets a function validate arguments, and calls it if it accepts them.
    pub(in crate::cli::serve) fn call(
        &self,
        symbol: &str,
        args: &[Value],
        rule: &str,
    ) -> Result<Value, Problem> {
        let (inside, host) = self.inside_for(symbol)?;
        let function = self.function(&inside, &host, symbol)?;
        let mut function = in_turn(&inside, &function)?;
        let begun = Instant::now();
        let validated = function.validate(&Expr::of_values(args));
        if let Reply::Error(text) = validated.map_err(|error| self.found(error))? {
            let answer = json!({"error": text, "refused": true, "ms": milliseconds(begun)});
            self.note(refusal(symbol, args, text), args);
            return Ok(answer);
        }
        let context = Context {
            meta: Meta::new(rule, OPERATOR),
            func_id: 0,
        };
        let begun = Instant::now();
        let reply = function.call(&context, args);
        let ms = milliseconds(begun);
        let outcome = reply.map_err(|error| self.found(error))?.into_result();
        let answer = match &outcome {
            Ok(result) => json!({"result": result, "ms": ms}),
            Err(text) => json!({"error": text, "ms": ms}),
        };
        let step = SavedStep::Call {
            function: symbol.to_owned(),
            args: args.to_vec(),
            outcome,
        };
        self.note(step, &[args, std::slice::from_ref(&answer)].concat());
        Ok(answer)
    }

    /// Asks a function whether it accepts arguments.
    pub(in crate::cli::serve) fn validate(
        &self,
        symbol: &str,
        args: &[Value],
    ) -> Result<Value, Problem> {
        let (inside, host) = self.inside_for(symbol)?;
        let function = self.function(&inside, &host, symbol)?;
        let mut function = in_turn(&inside, &function)?;
        let validated = function.validate(&Expr::of_values(args));
        Ok(match validated.map_err(|error| self.found(error))? {
            Reply::Result(_) => json!({"ok": true}),
            Reply::Error(text) => {
                let answer = json!({"ok": false, "error": text});
                self.note(refusal(symbol, args, text), args);
                answer
            }
        })
    }

    fn inside_for(&self, symbol: &str) -> Result<(Inside<'_>, Arc<Host>), Problem> {
        self.check_symbol(Kind::Function, symbol)?;
        self.inside()
    }

    /// Returns a function; before its first use it is started.
    pub(super) fn function(
        &self,
        inside: &Inside<'_>,
        host: &Host,
        symbol: &str,
    ) -> Result<Arc<Mutex<Function>>, Problem> {
        // Two requests must not start it both.
        let _starting = in_turn(inside, &self.starting)?;
        if let Some(function) = self.live().functions.get(symbol) {
            return Ok(Arc::clone(function));
        }
        let started = host.function(symbol).and_then(|mut function| {
            let is_aggregate = function.is_aggregate()?;
            Ok((function, is_aggregate))
        });
        let (function, is_aggregate) = started.map_err(|error| self.found(error))?;
        let function = Arc::new(Mutex::new(function));
        let mut live = self.live();
        live.aggregates.insert(symbol.to_owned(), is_aggregate);
        live.functions
            .insert(symbol.to_owned(), Arc::clone(&function));
        drop(live);
        Ok(function)
    }

    fn note(&self, step: SavedStep, values: &[Value]) {
        let bytes = values.iter().map(|value| value.to_string().len()).sum();
        self.live().steps.push(step, bytes);
    }
}

/// Waits for what one request uses at a time. Afterwards there may be no time left.
fn in_turn<'a, T>(inside: &Inside<'_>, of: &'a Mutex<T>) -> Result<MutexGuard<'a, T>, Problem> {
    let held = of.lock().unwrap_or_else(PoisonError::into_inner);
    match inside.must_leave() {
        true => Err(HostError::Interrupted.into()),
        false => Ok(held),
    }
}

fn refusal(symbol: &str, args: &[Value], text: String) -> SavedStep {
    SavedStep::Refusal {
        function: symbol.to_owned(),
        args: args.to_vec(),
        text,
    }
}

/// Returns the time since then, in milliseconds with two decimals.
fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e5).round() / 100.0
}
