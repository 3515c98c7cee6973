//! The table of a run.

use std::fmt;

/// Whether a bound was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Kept,
    Broken,
    /// The run was too short to tell.
    TooShort,
}

impl Verdict {
    pub(crate) fn of(is_kept: bool) -> Self {
        match is_kept {
            true => Self::Kept,
            false => Self::Broken,
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Line {
    name: String,
    figures: String,
    verdict: Verdict,
}

impl Line {
    pub(crate) fn new(
        name: impl Into<String>,
        figures: impl Into<String>,
        verdict: Verdict,
    ) -> Self {
        Self {
            name: name.into(),
            figures: figures.into(),
            verdict,
        }
    }
}

/// The lines, each section after its title.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sections: Vec<(String, Vec<Line>)>,
}

impl Report {
    pub(crate) fn section(&mut self, title: &str) {
        self.sections.push((title.to_owned(), Vec::new()));
    }

    pub(crate) fn add(&mut self, line: Line) {
        if let Some((_, lines)) = self.sections.last_mut() {
            lines.push(line);
        }
    }

    /// Whether no bound was broken.
    pub(crate) fn is_kept(&self) -> bool {
        let mut lines = self.sections.iter().flat_map(|(_, lines)| lines);
        lines.all(|line| line.verdict != Verdict::Broken)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, lines) in &self.sections {
            writeln!(f, "\n{title}")?;
            for line in lines {
                let verdict = match line.verdict {
                    Verdict::Kept => "kept",
                    Verdict::Broken => "BROKEN",
                    Verdict::TooShort => "too short",
                };
                writeln!(f, "{verdict:<10} {:<22} {}", line.name, line.figures)?;
            }
        }
        writeln!(f)
    }
}
