//! What a report says, as data.

use std::time::Duration;

use crate::symbol::Side;

/// A report.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// What the report is about.
    pub title: String,
    /// What is known of the whole, in a few words each: `3 files`, `1.2 s`.
    pub facts: Vec<String>,
    /// What a reader has to know before the results, a sentence each.
    pub notes: Vec<String>,
    /// What each entry was examined under, if that was more than one thing; a reader
    /// can choose one.
    pub columns: Vec<String>,
    /// What a column is, in one word: `release`.
    pub column: String,
    /// The parts.
    pub sections: Vec<Section>,
}

/// A part of a report.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// What it is about, for example a file.
    pub title: String,
    /// What it lists.
    pub entries: Vec<Entry>,
}

/// Something that was examined.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub title: String,
    /// The result; with columns the worst of them.
    pub label: Label,
    /// The results by column, `None` where there is none.
    pub cells: Vec<Option<Label>>,
    /// What is known of it, in a few words each: `eKuiper 2.4`, `31 ms`.
    pub facts: Vec<String>,
    /// The details.
    pub blocks: Vec<Block>,
}

/// A result in one word. A reader can choose which are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// How it is shown, and where it is counted: entries with [`Tone::Bad`] are
    /// open.
    pub tone: Tone,
    /// The word: `failed`.
    pub word: &'static str,
}

/// How good a result is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Something is wrong.
    Bad,
    /// Something may be wrong.
    Doubtful,
    /// Nothing is wrong.
    Good,
    /// Nothing is known.
    Quiet,
}

impl Tone {
    /// Returns the class of the elements that show it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Doubtful => "doubtful",
            Self::Good => "good",
            Self::Quiet => "quiet",
        }
    }
}

/// A part of the details of an entry.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// What is wrong.
    Problem(Problem),
    /// A picture of a conversation.
    Timeline(Timeline),
    /// Lines of a log, messages, steps: the last are shown.
    Lines {
        /// What they are: `Log`.
        title: String,
        /// The lines.
        lines: Vec<Line>,
    },
    /// What is about some of the page's columns only.
    Columns {
        /// The columns, as indices into [`Page::columns`].
        columns: Vec<usize>,
        /// The result in them.
        label: Label,
        /// What is known of it.
        blocks: Vec<Block>,
    },
    /// A command.
    Command {
        /// What it does: `Run it alone`.
        title: String,
        /// The command.
        text: String,
    },
}

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, Default)]
pub struct Problem {
    /// Where: `line 14, rows src`.
    pub place: String,
    /// What was observed.
    pub text: String,
    /// What was expected and what was seen.
    pub differences: Vec<Difference>,
    /// The code of a finding.
    pub code: Option<String>,
    /// What to do, the most likely remedy first.
    pub advice: Vec<String>,
}

/// A part of a value that is not as expected.
#[derive(Debug, Clone, Default)]
pub struct Difference {
    /// Where in the value; empty for the whole.
    pub place: String,
    /// What was expected.
    pub expected: String,
    /// What was seen; `None` if nothing was.
    pub seen: Option<String>,
}

/// A line with its time.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// When; the time since the entry began.
    pub at: Option<Duration>,
    /// Where from: `plugin_mirror from host`, `line 14`.
    pub from: String,
    /// The line.
    pub text: String,
}

/// A conversation between host and plugin over time.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// What was done, one after another.
    pub spans: Vec<Span>,
    /// The messages.
    pub marks: Vec<Mark>,
}

/// Something that was done for a while.
#[derive(Debug, Clone)]
pub struct Span {
    /// What.
    pub title: String,
    /// When it began.
    pub began: Duration,
    /// When it ended.
    pub ended: Duration,
    /// What came of it.
    pub tone: Tone,
}

/// A message.
#[derive(Debug, Clone)]
pub struct Mark {
    /// When it was sent or read.
    pub at: Duration,
    /// The channel, which has a lane of its own.
    pub lane: String,
    /// Who sent it.
    pub from: Side,
    /// The message.
    pub text: String,
}
