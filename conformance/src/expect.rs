//! Files of requirements whose results are known: those that fail, and the flaky
//! ones, which may pass or fail.
//!
//! Each line has the number of a requirement, the releases and the reason.
//!
//! ```text
//! # the sink's socket is bound twice
//! CTL-13  all      the SDK refuses a second start of a sink
//! CTL-11  1.13,2.0  it greets when it is idle
//! ```

use std::fmt::Write as _;

use mock_kuiper::Release;

use crate::section;

/// The requirements of a file, with their releases and reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// The number of its line.
    line: usize,
    id: String,
    /// `None` stands for all releases.
    releases: Option<Vec<String>>,
    reason: String,
}

impl Entry {
    fn has(&self, release: &str) -> bool {
        let listed = |releases: &Vec<String>| releases.iter().any(|listed| listed == release);
        self.releases.as_ref().is_none_or(listed)
    }
}

impl Expected {
    /// Parses the text of a file.
    ///
    /// # Errors
    ///
    /// All mistakes of the file, each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse_entry(number, line, &entries) {
                Ok(entry) => entries.push(entry),
                Err(mistake) => mistakes.push(format!("line {number}: {mistake}")),
            }
        }
        match mistakes.is_empty() {
            true => Ok(Self(entries)),
            false => Err(mistakes),
        }
    }

    /// Returns the reason why a requirement is listed for a release, or `None` if it
    /// is not.
    #[must_use]
    pub fn reason(&self, id: &str, release: &str) -> Option<&str> {
        let mut entries = self.0.iter();
        let entry = entries.find(|entry| entry.id == id && entry.has(release));
        entry.map(|entry| entry.reason.as_str())
    }

    /// Returns a mistake, with its line, for each entry that the known failures have
    /// for the same release, too: a requirement cannot be expected to fail and be
    /// allowed to pass.
    #[must_use]
    pub fn contradictions(&self, failures: &Self) -> Vec<String> {
        let both = self.0.iter().filter_map(|entry| {
            let in_both = Release::all().iter().map(|profile| profile.name);
            let in_both: Vec<_> = in_both
                .filter(|name| entry.has(name) && failures.reason(&entry.id, name).is_some())
                .collect();
            let Entry { line, id, .. } = entry;
            let releases = match in_both.len() {
                0 => return None,
                many if many == Release::all().len() => "all releases".to_owned(),
                _ => in_both.join(", "),
            };
            Some(format!(
                "line {line}: {id} is a known failure under {releases}, too; delete one entry"
            ))
        });
        both.collect()
    }

    /// Returns the text of a new file with the failures under the releases that
    /// were tried; each has the number of a requirement and a release. Reasons
    /// are kept, and so are the entries for other releases.
    #[must_use]
    pub fn write(&self, tried: &[&str], failures: &[(&str, &str)]) -> String {
        let all: Vec<_> = Release::all().iter().map(|profile| profile.name).collect();
        let mut text = String::new();
        for requirement in section::all() {
            let id = requirement.id;
            let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
            for release in &all {
                let known = self.reason(id, release);
                let reason = if failures.contains(&(id, release)) {
                    known.unwrap_or("not examined yet")
                } else {
                    match known.filter(|_| !tried.contains(release)) {
                        Some(reason) => reason,
                        None => continue,
                    }
                };
                match reasons.iter_mut().find(|(other, _)| *other == reason) {
                    Some((_, releases)) => releases.push(release),
                    None => reasons.push((reason, vec![release])),
                }
            }
            for (reason, releases) in reasons {
                let whole = releases.len() == all.len();
                let releases = if whole {
                    "all".to_owned()
                } else {
                    releases.join(",")
                };
                // Writing to a string does not fail.
                let _ = writeln!(text, "{id}  {releases}  {reason}");
            }
        }
        text
    }
}

fn parse_entry(number: usize, line: &str, before: &[Entry]) -> Result<Entry, String> {
    let (id, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim_start();
    let (releases, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if !section::all()
        .iter()
        .any(|requirement| requirement.id == id)
    {
        return Err(section::unknown(id));
    }
    let mut names = Vec::new();
    if releases != "all" {
        for name in releases.split(',') {
            let profile = Release::find(name).map_err(|_| {
                format!("{id}: expected a release, e.g. 2.4 or 1.13,2.0 or all, got `{name}`")
            })?;
            // The results have the name without the patch level.
            names.push(profile.name.to_owned());
        }
    }
    let entry = Entry {
        line: number,
        id: id.to_owned(),
        releases: (releases != "all").then_some(names),
        reason: reason.trim().to_owned(),
    };
    if entry.reason.is_empty() {
        return Err(format!("{id}: missing reason after the releases"));
    }
    let twice = Release::all().iter().any(|profile| {
        let is = |other: &Entry| other.id == id && other.has(profile.name);
        entry.has(profile.name) && before.iter().any(is)
    });
    match twice {
        true => Err(format!(
            "{id} is listed twice for one release; delete one entry"
        )),
        false => Ok(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_number_releases_and_a_reason() {
        let text = "# known\n\nCTL-13  all  refuses it\nCTL-11 1.13,2.0 greets\n";
        let expected = Expected::parse(text).unwrap();

        assert_eq!(expected.reason("CTL-13", "2.4"), Some("refuses it"));
        assert_eq!(expected.reason("CTL-11", "2.0"), Some("greets"));
        assert_eq!(expected.reason("CTL-11", "2.4"), None);
        assert_eq!(expected.reason("CTL-14", "2.4"), None);
    }

    #[test]
    fn all_mistakes_are_reported_at_once_with_their_lines() {
        let text = "CTL-99 all x\nCTL-13\nCTL-14 all\nSNK-01 all a\nSNK-01 2.4 b\nSNK-02 3.7 c\n";

        assert_eq!(
            Expected::parse(text).unwrap_err(),
            [
                "line 1: unknown requirement `CTL-99`; did you mean `CTL-09`? `--list` shows all \
                 of them",
                "line 2: CTL-13: expected a release, e.g. 2.4 or 1.13,2.0 or all, got ``",
                "line 3: CTL-14: missing reason after the releases",
                "line 5: SNK-01 is listed twice for one release; delete one entry",
                "line 6: SNK-02: expected a release, e.g. 2.4 or 1.13,2.0 or all, got `3.7`",
            ]
        );
    }

    #[test]
    fn a_requirement_in_both_files_is_a_mistake_only_for_the_same_release() {
        let failures = "CTL-13 all x\nCTL-11 1.13 x\nSNK-13 1.12,1.14 x\nSNK-02 all x\n";
        let flaky = "# f\nCTL-13 2.4 y\nCTL-11 2.4 y\nSNK-13 1.13,1.14 y\nSNK-02 all y\n";

        let flaky = Expected::parse(flaky).unwrap();

        assert_eq!(
            flaky.contradictions(&Expected::parse(failures).unwrap()),
            [
                "line 2: CTL-13 is a known failure under 2.4, too; delete one entry",
                "line 4: SNK-13 is a known failure under 1.14, too; delete one entry",
                "line 5: SNK-02 is a known failure under all releases, too; delete one entry",
            ]
        );
    }

    #[test]
    fn a_new_file_keeps_old_reasons_and_drops_what_passes() {
        let old = Expected::parse("CTL-13 all known\nCTL-11 1.13,2.4 greets\nSNK-01 2.4 x\n");
        let failures = [("CTL-13", "2.4"), ("SNK-02", "2.4")];

        let text = old.unwrap().write(&["2.4"], &failures);

        assert_eq!(
            text,
            "CTL-11  1.13  greets\nCTL-13  all  known\nSNK-02  2.4  not examined yet\n"
        );
        assert!(Expected::parse(&text).is_ok());
    }
}
