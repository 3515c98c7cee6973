//! Details of a finding as texts.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// Writes a number of rows: `1 row`, `2 rows`.
pub(super) fn counted(rows: u64) -> String {
    match rows {
        1 => "1 row".to_owned(),
        rows => format!("{rows} rows"),
    }
}

/// Returns the last line that is not empty: a traceback ends with its cause.
pub(super) fn last_line(text: &str) -> &str {
    text.trim().lines().next_back().unwrap_or(text)
}

/// Whether the answer to a start says that there is no such symbol, in the words
/// of one of the SDKs.
pub(crate) fn says_unknown(answer: &str, symbol: &str) -> bool {
    let cause = last_line(answer);
    // Go, and Python for a symbol without a constructor.
    cause == "symbol not found"
        // Python: the end of a traceback.
        || cause == format!("KeyError: '{symbol}'")
        // Rust.
        || cause.starts_with("unknown ")
            && cause.contains(&format!(" `{symbol}`: this plugin has no "))
}

/// Describes how a process ended: `exit status 3`, `signal 9 (SIGKILL)`.
#[must_use]
pub fn describe_status(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => {
            let name = match signal {
                1 => " (SIGHUP)",
                2 => " (SIGINT)",
                4 => " (SIGILL)",
                6 => " (SIGABRT)",
                7 => " (SIGBUS)",
                8 => " (SIGFPE)",
                9 => " (SIGKILL)",
                11 => " (SIGSEGV)",
                13 => " (SIGPIPE)",
                15 => " (SIGTERM)",
                _ => "",
            };
            format!("signal {signal}{name}")
        }
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_each_sdk_to_an_unknown_symbol_is_recognized() {
        for (answer, is_unknown) in [
            ("symbol not found", true),
            (
                "Traceback (most recent call last):\n  File \"plugin.py\", line 82, in \
                 command_reply\nKeyError: 'tcp'\n",
                true,
            ),
            (
                "unknown source `tcp`: this plugin has no source of that name",
                true,
            ),
            (
                "Traceback (most recent call last):\nKeyError: 'url'\n",
                false,
            ),
            ("symbol rule_op_0_tcp not found", false),
            ("host not found", false),
            ("", false),
        ] {
            assert_eq!(says_unknown(answer, "tcp"), is_unknown, "{answer}");
        }
    }
}
