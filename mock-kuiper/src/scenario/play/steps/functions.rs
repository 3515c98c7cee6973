//! `call` and `validate`.

use serde_json::Value;

use crate::finding::{Finding, Observed};
use crate::foreign::in_sentence;
use crate::host::Reply;
use crate::scenario::model::{Capture, Expected, Outcome};
use crate::scenario::pattern::Template;
use crate::scenario::play::error::{Played, StepError, Unmet};
use crate::scenario::play::player::Player;
use crate::symbol::{Kind, Meta};
use crate::wire::{Context, Expr};

impl Player<'_> {
    /// Calls a function.
    pub(super) fn call(
        &mut self,
        function: &str,
        args: &[Template],
        outcome: &Outcome,
        capture: &[Capture],
    ) -> Played {
        let args = self.values_of(args)?;
        let context = Context {
            meta: Meta::new("mock", "2_project"),
            func_id: 0,
        };
        let reply = self.live.function(function)?.call(&context, &args)?;
        let call = call_text(function, &args);
        let seen = match &reply {
            Reply::Result(result) => result.clone(),
            Reply::Error(error) => error.as_str().into(),
        };
        let captured = self.capture(capture, &seen);
        match (outcome, &reply) {
            (Outcome::Answered, Reply::Result(_)) => {}
            (Outcome::Result(expected), Reply::Result(_)) => {
                let text = format!("the result of `{call}` is not as expected");
                self.expect(expected, &seen, text)?;
            }
            (Outcome::Error(expected), Reply::Error(_)) => {
                let text = format!("the error of `{call}` is not as expected");
                self.expect(expected, &seen, text)?;
            }
            (Outcome::Error(_), Reply::Result(result)) => {
                let result = in_sentence(&result.to_string());
                return unmet(format!(
                    "`{call}` returned `{result}`, and an error was expected"
                ));
            }
            (Outcome::Answered | Outcome::Result(_), Reply::Error(error)) => {
                let text = error.clone();
                let finding = Finding::new(Observed::FunctionError { text });
                let text = format!("`{call}` failed, and a result was expected");
                return Err(Unmet {
                    finding: Some(finding.of(Kind::Function, function)),
                    ..Unmet::of(text)
                }
                .into());
            }
        }
        captured
    }

    /// Asks a function whether it accepts arguments.
    pub(super) fn validate(
        &mut self,
        function: &str,
        args: &[Template],
        refused: Option<&Expected>,
    ) -> Played {
        let args = self.values_of(args)?;
        let expressions = Expr::of_values(&args);
        let reply = self.live.function(function)?.validate(&expressions)?;
        let call = call_text(function, &args);
        match (refused, reply) {
            (None, Reply::Result(_)) => Ok(()),
            (None, Reply::Error(text)) => {
                unmet(format!("`{call}` was refused: {}", in_sentence(&text)))
            }
            (Some(_), Reply::Result(_)) => unmet(format!("`{call}` was accepted, and not refused")),
            (Some(expected), Reply::Error(text)) => {
                let about = format!("the refusal of `{call}` is not as expected");
                self.expect(expected, &text.into(), about)
            }
        }
    }

    fn values_of(&self, args: &[Template]) -> Result<Vec<Value>, StepError> {
        args.iter().map(|arg| self.value(arg)).collect()
    }
}

fn unmet(text: String) -> Played {
    Err(Unmet::of(text).into())
}

/// Writes a call for a sentence: `echo("hi")`.
fn call_text(function: &str, args: &[Value]) -> String {
    let args: Vec<_> = args.iter().map(Value::to_string).collect();
    in_sentence(&format!("{function}({})", args.join(", ")))
}
