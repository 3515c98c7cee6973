//! The cases without running them: for people, editors and other test runners.

use mock_kuiper::engine::foreign;
use mock_kuiper::scenario::Selected;
use mock_kuiper::serde_json::json;

/// Returns a line for each case and release: `FILE:LINE: NAME (eKuiper 2.4)`.
pub(super) fn text(cases: &[Selected]) -> String {
    let line = |case: &Selected| {
        format!(
            "{}:{}: {} (eKuiper {})\n",
            foreign::line(&case.file.to_string_lossy()),
            case.place.line,
            foreign::line(&case.name),
            case.release
        )
    };
    cases.iter().map(line).collect()
}

/// Returns `{"cases":[{"file":…,"line":…,"column":…,"name":…,"release":…}]}`.
pub(super) fn json(cases: &[Selected]) -> String {
    let case = |case: &Selected| {
        json!({
            "file": case.file.to_string_lossy(),
            "line": case.place.line,
            "column": case.place.column,
            "name": case.name,
            "release": case.release,
        })
    };
    let cases: Vec<_> = cases.iter().map(case).collect();
    format!("{}\n", json!({"cases": cases}))
}
