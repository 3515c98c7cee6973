//! The texts of the probe's panics.

const PROBE: &str = include_str!("../probe/plugin.rs");

/// Returns the text of the probe's panic in a step.
pub(crate) fn asked_to_panic(step: &str) -> String {
    let message = format!("asked to panic in {step}");
    let code = match step {
        "configure" | "open" | "close" => r#"panic!("asked to panic in {name}")"#.to_owned(),
        _ => format!("panic!({message:?})"),
    };
    panicked(&code, &message)
}

/// Returns the text of the panic that `code`, a macro call in the probe, causes.
pub(crate) fn panicked(code: &str, message: &str) -> String {
    let (before, _) = PROBE.split_once(code).expect("the probe has the call");
    let (lines, start) = before.rsplit_once('\n').unwrap();
    let (line, column) = (lines.lines().count() + 1, start.len() + 1);
    format!("panicked at sdk/tests/probe/plugin.rs:{line}:{column}: {message}")
}
