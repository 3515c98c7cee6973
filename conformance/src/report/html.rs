//! The results as a page of mock-kuiper's report renderer: an entry for each
//! requirement, with the releases as columns.

use mock_kuiper::engine::finding::{self, Remedy};
use mock_kuiper::engine::html::{Block, Entry, Label, Line, Page, Problem, Section, Tone};

use super::conclusion;
use super::results::{Results, STALE, Standing, code, seen, transcript};
use crate::requirement::{Requirement, SECTIONS};
use crate::run::Trial;
use crate::section;
use crate::verdict::Verdict;

/// Returns the results under all releases as one HTML file, which needs no network.
/// Each requirement is explained; what did not pass has what was observed and the last
/// messages.
#[must_use]
pub fn html(all: &[Results<'_>]) -> String {
    page(all).to_html()
}

fn page(all: &[Results<'_>]) -> Page {
    let plugin = all.first().map_or("", |results| &results.plugin);
    let seconds: f64 = all.iter().map(|results| results.took.as_secs_f64()).sum();
    let sections = SECTIONS.map(|(prefix, title)| {
        let of_section = section::all().into_iter();
        let of_section = of_section.filter(|requirement| requirement.id.starts_with(prefix));
        Section {
            title: title.to_owned(),
            entries: (of_section.filter_map(|requirement| entry(all, requirement))).collect(),
        }
    });
    let columns: Vec<_> = all
        .iter()
        .map(|results| results.release.to_owned())
        .collect();
    let (releases, columns) = match columns.as_slice() {
        [release] => (format!("eKuiper {release}"), Vec::new()),
        several => (format!("{} eKuiper releases", several.len()), columns),
    };
    let entries: usize = sections.iter().map(|section| section.entries.len()).sum();
    Page {
        title: format!("Conformance of {plugin}"),
        facts: vec![
            releases,
            match entries {
                1 => "1 requirement".to_owned(),
                many => format!("{many} requirements"),
            },
            format!("{seconds:.1} s"),
        ],
        notes: notes(all),
        columns,
        column: "release".to_owned(),
        sections: sections.into(),
    }
}

/// Returns the notes about all results, and the conclusions of interrupted runs.
fn notes(all: &[Results<'_>]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let interrupted = all.iter().filter(|results| results.unexamined > 0);
    let interrupted = interrupted.map(conclusion::plain);
    for note in interrupted.chain(all.iter().flat_map(|results| results.notes.clone())) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// A result of one requirement under one release.
struct Outcome<'r> {
    column: usize,
    trial: &'r Trial,
    standing: Standing<'r>,
}

/// Returns the entry of a requirement, or `None` if it was not tried under any release.
fn entry(all: &[Results<'_>], requirement: &'static Requirement) -> Option<Entry> {
    let mut outcomes = Vec::new();
    for (column, results) in all.iter().enumerate() {
        let mut trials = results.trials.iter();
        if let Some(trial) = trials.find(|trial| trial.requirement.id == requirement.id) {
            let standing = results.standing(trial);
            outcomes.push(Outcome {
                column,
                trial,
                standing,
            });
        }
    }
    let worst = outcomes.iter().map(|outcome| outcome.standing);
    let worst = worst.min_by_key(|standing| rank(*standing))?;
    let mut cells = vec![None; all.len()];
    for outcome in &outcomes {
        cells[outcome.column] = Some(label(outcome.standing));
    }
    let Requirement {
        id, rule, level, ..
    } = requirement;
    let mut facts = vec![level.to_string()];
    let mut blocks = explanation(requirement);
    match outcomes.as_slice() {
        [outcome] if all.len() == 1 => {
            cells.clear();
            facts.push(format!("{:.1} s", outcome.trial.took.as_secs_f64()));
            blocks.extend(details(outcome));
        }
        outcomes => blocks.extend(grouped(outcomes)),
    }
    Some(Entry {
        title: format!("{id}  {rule}"),
        label: label(worst),
        cells,
        facts,
        blocks,
    })
}

fn explanation(requirement: &Requirement) -> Vec<Block> {
    let Requirement {
        why,
        how,
        expected,
        releases,
        source,
        ..
    } = requirement;
    vec![Block::Text(format!(
        "Why it matters: {why}\nHow it is observed: {how}\nExpected: {expected}\nReleases with the \
         rule: {releases}\nSource: {source}"
    ))]
}

/// Returns the details of results under several releases, the worst first. What is alike
/// under several releases is shown once, with the messages under the latest.
fn grouped(outcomes: &[Outcome<'_>]) -> Vec<Block> {
    let mut groups: Vec<Vec<&Outcome<'_>>> = Vec::new();
    for outcome in outcomes {
        let alike = |group: &&mut Vec<&Outcome<'_>>| {
            group[0].standing == outcome.standing
                && seen(&group[0].trial.verdict) == seen(&outcome.trial.verdict)
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(outcome),
            None => groups.push(vec![outcome]),
        }
    }
    // The cells say as much about what passed.
    groups.retain(|group| group[0].standing != Standing::Passed);
    groups.sort_by_key(|group| rank(group[0].standing));
    let parts = groups.iter().map(|group| Block::Columns {
        columns: group.iter().map(|outcome| outcome.column).collect(),
        label: label(group[0].standing),
        blocks: details(group[group.len() - 1]),
    });
    parts.collect()
}

/// Returns what was observed.
fn details(outcome: &Outcome<'_>) -> Vec<Block> {
    let verdict = &outcome.trial.verdict;
    let text = |text: String| Block::Text(text);
    match outcome.standing {
        Standing::Passed => Vec::new(),
        Standing::NotApplicable => vec![text(format!("Because: {}", seen(verdict)))],
        Standing::Stale => vec![problem(verdict, STALE)],
        Standing::Flaky {
            reason,
            passed: true,
        } => vec![text(format!("Flaky: {reason}. It passed this time."))],
        Standing::Flaky {
            reason,
            passed: false,
        } => {
            let mut blocks = vec![text(format!("Flaky: {reason}. It failed this time:"))];
            blocks.extend(observed(verdict));
            blocks
        }
        Standing::KnownFailure(reason) => {
            let mut blocks = vec![text(format!("Known: {reason}"))];
            blocks.extend(observed(verdict));
            blocks
        }
        Standing::Failed | Standing::Warning | Standing::Untested { .. } | Standing::Error => {
            observed(verdict)
        }
    }
}

fn observed(verdict: &Verdict) -> Vec<Block> {
    let lines = transcript(verdict).iter().map(|line| Line {
        text: line.clone(),
        ..Line::default()
    });
    vec![
        problem(verdict, seen(verdict)),
        Block::Lines {
            title: "Last messages and log lines".to_owned(),
            lines: lines.collect(),
        },
    ]
}

fn problem(verdict: &Verdict, text: &str) -> Block {
    let code = code(verdict);
    let cause = match verdict {
        Verdict::NotTestable(evidence) => evidence.cause.as_ref(),
        _ => None,
    };
    let see = cause.map(|cause| format!("{}: see {}", cause.text, cause.see));
    let remedies = code.map_or(&[][..], |code| finding::explain(code).remedies);
    let remedies = remedies
        .iter()
        .map(|Remedy { sdk, text, .. }| match sdk.name() {
            "" => (*text).to_owned(),
            sdk => format!("{sdk}: {text}"),
        });
    Block::Problem(Problem {
        place: match verdict {
            Verdict::NotTestable(_) => "The rule could not be observed".to_owned(),
            _ => "Seen".to_owned(),
        },
        text: text.to_owned(),
        differences: Vec::new(),
        code: code.map(|code| code.to_string()),
        advice: see.into_iter().chain(remedies).collect(),
    })
}

/// Returns the place of a standing among the others: the worst has the lowest.
fn rank(standing: Standing<'_>) -> u8 {
    match standing {
        Standing::Failed => 0,
        Standing::Untested { counts: true } => 1,
        Standing::Stale => 2,
        Standing::Error => 3,
        Standing::Warning => 4,
        Standing::Untested { counts: false } => 5,
        Standing::Flaky { passed: false, .. } => 6,
        Standing::Flaky { passed: true, .. } => 7,
        Standing::KnownFailure(_) => 8,
        Standing::Passed => 9,
        Standing::NotApplicable => 10,
    }
}

fn label(standing: Standing<'_>) -> Label {
    let (tone, word) = match standing {
        Standing::Failed => (Tone::Bad, "failed"),
        Standing::Untested { counts: true } => (Tone::Bad, "untested"),
        Standing::Stale => (Tone::Bad, "stale"),
        Standing::Error => (Tone::Bad, "error"),
        Standing::Warning | Standing::Untested { counts: false } => (Tone::Doubtful, "warning"),
        Standing::Flaky { .. } => (Tone::Doubtful, "flaky"),
        Standing::KnownFailure(_) => (Tone::Quiet, "known failure"),
        Standing::Passed => (Tone::Good, "passed"),
        Standing::NotApplicable => (Tone::Quiet, "not applicable"),
    };
    Label { tone, word }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;
    use std::{env, fs};

    use mock_kuiper::Code;

    use super::*;
    use crate::expect::Expected;
    use crate::verdict::{Cause, Evidence};

    /// Returns the results of made-up runs: the verdict on the first requirements, in
    /// their order.
    fn results<'a>(
        release: &'a str,
        (expected, flaky): (&'a Expected, &'a Expected),
        verdicts: Vec<Verdict>,
    ) -> Results<'a> {
        let trials = section::all().into_iter().zip(verdicts);
        Results {
            plugin: "mirror".to_owned(),
            release,
            trials: trials
                .map(|(requirement, verdict)| Trial {
                    requirement,
                    verdict,
                    took: Duration::from_millis(1500),
                })
                .collect(),
            notes: vec!["of 7 functions, `a` and `b` were examined".to_owned()],
            took: Duration::from_secs(2),
            expected,
            flaky,
            strict: false,
            unexamined: 0,
        }
    }

    fn evidence(seen: &str, code: Option<Code>) -> Evidence {
        Evidence {
            seen: seen.to_owned(),
            code,
            transcript: vec![
                r#"0.012 plugin_mirror from host: {"cmd":"start"}"#.to_owned(),
                "0.020 [plugin] <b>no license</b>".to_owned(),
            ],
            cause: None,
            configure: None,
        }
    }

    fn failed(seen: &str) -> Verdict {
        Verdict::Failed(evidence(seen, Some(Code::PluginExitedEarly)))
    }

    fn not_applicable() -> Verdict {
        Verdict::NotApplicable {
            reason: "the plugin has no zip".to_owned(),
        }
    }

    fn untested() -> Verdict {
        let cause = Cause {
            text: "the plugin exited before it greeted".to_owned(),
            see: "CTL-01",
        };
        Verdict::NotTestable(Evidence {
            cause: Some(cause),
            ..evidence("the plugin exited", None)
        })
    }

    /// Each kind of result under two releases.
    fn sample() -> String {
        let expected = Expected::parse("PKG-02 all no metadata\nPKG-03 1.13 once\n").unwrap();
        let flaky = Expected::parse("PKG-04 all it depends on the disk\n").unwrap();
        let known = (&expected, &flaky);
        let error = Verdict::Error {
            text: "no room on the disk".to_owned(),
        };
        let old = vec![
            Verdict::Passed,
            failed("sources/a.yaml: it is missing"),
            Verdict::Passed,
            Verdict::Passed,
            not_applicable(),
            failed("exit status 3"),
            untested(),
            error,
        ];
        let new = vec![
            failed("it is no JSON"),
            failed("sources/a.yaml: it is missing"),
            Verdict::Passed,
            failed("it cannot be run"),
            not_applicable(),
            failed("exit status 3"),
            Verdict::Passed,
        ];
        html(&[results("1.13", known, old), results("2.4", known, new)])
    }

    #[test]
    fn each_requirement_is_an_entry_with_its_worst_result_and_the_releases_as_columns() {
        let html = sample();

        let entries = html.split("<details class=\"entry ").skip(1);
        let mut heads = Vec::new();
        for entry in entries {
            let word = entry.split("data-word=\"").nth(1).unwrap();
            let title = entry.split("<h3>").nth(1).unwrap();
            let cells = entry.split("title=\"").skip(1);
            let cells: Vec<_> = cells.map(|cell| cell.split('"').next().unwrap()).collect();
            heads.push(format!(
                "{} {}: {}",
                &title[..6],
                word.split('"').next().unwrap(),
                cells.join(", ")
            ));
        }
        assert_eq!(
            heads,
            [
                "PKG-01 failed: 1.13: passed, 2.4: failed",
                "PKG-02 known failure: 1.13: known failure, 2.4: known failure",
                "PKG-03 stale: 1.13: stale, 2.4: passed",
                "PKG-04 flaky: 1.13: flaky, 2.4: flaky",
                "PKG-05 not applicable: 1.13: not applicable, 2.4: not applicable",
                "CTL-01 failed: 1.13: failed, 2.4: failed",
                "CTL-02 untested: 1.13: untested, 2.4: passed",
                "CTL-03 error: 1.13: error, 2.4: no result",
            ]
        );
        for expected in [
            "<title>Conformance of mirror</title>",
            "<span>2 eKuiper releases</span><span>8 requirements</span><span>4.0 s</span>",
            "<p class=\"note\">of 7 functions, <code>a</code> and <code>b</code> were examined</p>",
        ] {
            assert!(html.contains(expected), "{expected}");
        }
    }

    #[test]
    fn a_failure_is_explained_and_the_same_one_under_two_releases_is_shown_once() {
        let html = sample();

        let (_, entry) = html.split_once("<h3>CTL-01").unwrap();
        let (entry, _) = entry.split_once("</details>\n</section>\n</div>").unwrap();
        for expected in [
            "<p>Why it matters: Otherwise no rule can use the plugin: ",
            "\nExpected: A message comes within the release&#39;s <code>initTimeout</code>",
            "<section class=\"part\" data-columns=\"0 1\">\n<h4><span class=\"label bad\">failed</span> \
             1.13, 2.4</h4>",
            "<p class=\"text\">exit status 3</p>",
            "<p class=\"code\">Finding <code>plugin.exited-early</code></p>",
            "<code>0.020 [plugin] &lt;b&gt;no license&lt;/b&gt;</code>",
        ] {
            assert!(entry.contains(expected), "{expected}\n{entry}");
        }
        assert_eq!(entry.matches("class=\"part\"").count(), 1, "{entry}");
        let (_, flaky) = html.split_once("<h3>PKG-04").unwrap();
        let (flaky, _) = flaky.split_once("<h3>").unwrap();
        assert!(
            flaky.contains("Flaky: it depends on the disk. It passed this time."),
            "{flaky}"
        );
        assert!(
            flaky.contains("Flaky: it depends on the disk. It failed this time:"),
            "{flaky}"
        );
        assert!(html.contains("<li>the plugin exited before it greeted: see CTL-01</li>"));
    }

    #[test]
    fn one_release_needs_no_columns() {
        let known = (&Expected::default(), &Expected::default());

        let html = html(&[results("2.4", known, vec![Verdict::Passed])]);

        assert!(html.contains("<span>eKuiper 2.4</span><span>1 requirement</span>"));
        assert!(
            html.contains("<span>MUST</span><span>1.5 s</span>"),
            "{html}"
        );
        assert!(!html.contains("class=\"cell") && !html.contains("<select"));
    }

    #[test]
    #[ignore = "ci/html runs it, and opens the file in a browser"]
    fn writes_the_page_that_ci_html_opens() {
        let path = env::var_os("HTML_PAGE").expect("HTML_PAGE names the file");

        fs::write(path, sample()).unwrap();
    }
}
