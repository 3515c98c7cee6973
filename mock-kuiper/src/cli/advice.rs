//! Phrases findings, errors and advice in the terms of the command: its flags.

use std::fmt::Write as _;

use mock_kuiper::{Advice, Fault, Finding, HostError, Limit};

/// Writes a finding as an error with its help, over several lines; the lines
/// after the first are indented.
pub(super) fn finding(finding: &Finding, during: Option<Fault>) -> String {
    let mut text = match during {
        Some(fault) => format!("fault {fault}: {finding}"),
        None => finding.to_string(),
    };
    match finding.log() {
        None => {}
        Some([]) => text.push_str("; it wrote nothing"),
        Some(lines) => {
            text.push_str("; its last output:");
            for line in lines {
                let _ = write!(text, "\n  {line}");
            }
        }
    }
    add_help(text, &finding.advice())
}

/// Writes an error that is not a finding, in the same way.
pub(super) fn error(error: &HostError) -> String {
    match error.finding() {
        Some(found) => finding(found, None),
        None => add_help(error.to_string(), &error.advice()),
    }
}

fn add_help(mut text: String, advice: &[Advice]) -> String {
    for advice in advice {
        let _ = write!(text, "\n  help: {}", phrase(advice));
    }
    text
}

/// Phrases one piece of advice.
pub(super) fn phrase(advice: &Advice) -> String {
    match advice {
        Advice::RaiseLimit(Limit::InitTimeout) => {
            "allow more time with --init-timeout TIME".to_owned()
        }
        Advice::RaiseLimit(Limit::AnswerTimeout) => {
            "allow more time with --answer-timeout TIME; eKuiper waits an hour".to_owned()
        }
        Advice::ChoosePython => {
            "install Python, or name the interpreter with --python PATH".to_owned()
        }
        Advice::Configure { symbol, property } => format!(
            "set `{property}` with --config '{}={{\"{property}\":…}}'",
            symbol.name
        ),
        other => other.to_string(),
    }
}
