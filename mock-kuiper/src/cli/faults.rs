//! `run --fault`: faults, one after another, on what runs.

use std::fmt::Write as _;
use std::str::FromStr;

use anstyle::Style;
use mock_kuiper::engine::fault::{Amount, FaultError};
use mock_kuiper::engine::wire::write_sink_value;
use mock_kuiper::{Fault, Function, Host, HostError, Sink, Source, Stage, What};
use serde_json::json;

use super::findings::Findings;
use super::input::Input;
use super::output::stdout_width;
use super::stream::Stream;

/// The value of `--fault`.
#[derive(Debug, Clone, Copy)]
pub(super) enum FaultArg {
    Help,
    All,
    One(Fault),
}

impl FromStr for FaultArg {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "help" => Self::Help,
            "all" => Self::All,
            other => Self::One(other.parse()?),
        })
    }
}

/// Returns the faults that the command line names, in its order.
pub(super) fn chosen(args: &[FaultArg]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for arg in args {
        match arg {
            FaultArg::Help => {}
            FaultArg::All => faults.extend(Fault::all()),
            FaultArg::One(fault) => faults.push(*fault),
        }
    }
    faults
}

/// Returns the list of `--fault help`.
pub(super) fn help() -> String {
    const INDENT: &str = "      ";
    const NAME: Style = Style::new().bold();
    let width = stdout_width().unwrap_or(80);
    let options = textwrap::Options::new(width)
        .initial_indent(INDENT)
        .subsequent_indent(INDENT);
    let mut text = String::from("--fault NAME[=VALUE], and --fault all for all of them:\n");
    for fault in Fault::all() {
        let described = fault.describe();
        let value = match fault.amount() {
            Amount::Time(time) => {
                format!("[=TIME]  default {}", humantime::format_duration(time))
            }
            Amount::Times(times) => format!("[=TIMES]  default {times}"),
            _ => String::new(),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n  {NAME}{}{NAME:#}{value}", described.name);
        for (what, sentence) in [
            ("Happens", described.happens),
            ("Survival", described.survival),
        ] {
            let paragraph = format!("{what}: {sentence}.");
            for line in textwrap::wrap(&paragraph, &options) {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

/// The faults to play, and what they need.
pub(super) struct Play<'a> {
    pub(super) faults: &'a [Fault],
    pub(super) host: &'a Host,
    pub(super) input: &'a Input,
    pub(super) send_single: bool,
    pub(super) stream: &'a Stream,
    pub(super) findings: &'a Findings,
}

impl Play<'_> {
    /// Plays one fault after another.
    ///
    /// A finding is reported, and the next fault is played on a new process.
    ///
    /// # Errors
    ///
    /// What does not work before the first fault, and what ends the run.
    pub(super) fn act<'i>(
        &self,
        sources: impl IntoIterator<Item = &'i mut Source>,
        sinks: impl IntoIterator<Item = &'i mut Sink>,
        functions: impl IntoIterator<Item = &'i mut Function>,
    ) -> Result<(), HostError>
    where
        Self: 'i,
    {
        let row = sink_row(self.input, self.send_single);
        // The handles live as long as the host that they belong to.
        let mut stage = Stage::set(self.host, sources, sinks, functions, row)?;
        for &fault in self.faults {
            self.stream.tell(What::Fault {
                fault,
                outcome: None,
            });
            match fault.play(&mut stage) {
                Ok(outcome) => self.stream.tell(What::Fault {
                    fault,
                    outcome: Some(outcome),
                }),
                Err(HostError::Finding(finding)) => {
                    self.findings.report(&finding, Some(fault));
                    // The next fault must not be blamed for this one. Nobody but its
                    // author can start an attached plugin anew.
                    if self.host.attach_command().is_none() {
                        stage.renew()?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Returns the row that sinks get during faults: the first of `--send`, or a default
/// one.
pub(super) fn sink_row(input: &Input, single: bool) -> Vec<u8> {
    let row = match input {
        Input::Given(rows) => rows.first().cloned(),
        Input::Sources | Input::File(_) | Input::Stdin => None,
    };
    let row = row.unwrap_or_else(|| json!({"mock": 1}));
    let mut bytes = Vec::new();
    write_sink_value(&mut bytes, &row, single);
    bytes
}
