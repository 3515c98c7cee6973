//! The file: head, summary, controls, and the entries by section.

use std::fmt::Write as _;

use super::blocks;
use super::escape::{prose, short};
use super::page::{Entry, Label, Page, Section, Tone};
use super::picture::SHAPES;

/// The bytes that the details of all entries take together.
const DETAILS: usize = 4 << 20;

/// The entries that are listed.
const ENTRIES: usize = 5000;

/// The entries that the list of what went wrong names.
const WRONG: usize = 20;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The SHA-256 of [`STYLE`] and [`SCRIPT`], in Base64: the browser runs nothing
/// else.
const STYLE_HASH: &str = "g9eyZtv/45qOgFmE0nMrfEj2UL7Jp82m4tSc8+oget0=";
const SCRIPT_HASH: &str = "BR3oakuBzMME2aB+2tYRCSiGR/UGiDcA5qx+HX2uxOg=";

impl Page {
    /// Returns the report as one HTML file.
    ///
    /// The size is bounded: 5,000 entries are listed, their details take 4 MiB
    /// together, those with [`Tone::Bad`] first. What is left out is counted or
    /// named where it would be.
    #[must_use]
    pub fn to_html(&self) -> String {
        let counts = self.counts();
        let mut out = String::new();
        self.head(&mut out);
        self.summary(&mut out, &counts);
        self.controls(&mut out, &counts);
        self.wrong(&mut out);
        out.push_str("</header>\n<main>\n");
        let details = self.details();
        let mut numbers = 0..ENTRIES;
        let mut details = details.iter();
        for section in &self.sections {
            write_section(&mut out, section, &self.columns, &mut numbers, &mut details);
        }
        let left_out = self.entries().count().saturating_sub(ENTRIES);
        if left_out > 0 {
            put(
                &mut out,
                format_args!("<p class=\"more\">… and {left_out} more, which are left out</p>"),
            );
        }
        put(
            &mut out,
            format_args!("</main>\n<script>{SCRIPT}</script>\n</body>\n</html>"),
        );
        out
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.sections.iter().flat_map(|section| &section.entries)
    }

    /// Returns the number of entries with each label, the worst first, and those of
    /// one tone as they come. A label that entries have only in a column is counted
    /// as zero.
    fn counts(&self) -> Vec<(Label, usize)> {
        let mut counts: Vec<(Label, usize)> = Vec::new();
        let mut add =
            |of: Label, number: usize| match counts.iter_mut().find(|(label, _)| *label == of) {
                Some((_, count)) => *count += number,
                None => counts.push((of, number)),
            };
        for entry in self.entries() {
            add(entry.label, 1);
        }
        for cell in self.entries().flat_map(|entry| &entry.cells).flatten() {
            add(*cell, 0);
        }
        counts.sort_by_key(|(label, _)| label.tone);
        counts
    }

    fn head(&self, out: &mut String) {
        put(
            out,
            format_args!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
                 style-src 'sha256-{STYLE_HASH}'; script-src 'sha256-{SCRIPT_HASH}'; \
                 base-uri 'none'; form-action 'none'\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                 <meta name=\"color-scheme\" content=\"light dark\">\n\
                 <meta name=\"referrer\" content=\"no-referrer\">\n\
                 <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{SHAPES}<header>",
                short(&self.title)
            ),
        );
    }

    fn summary(&self, out: &mut String, counts: &[(Label, usize)]) {
        put(out, format_args!("<h1>{}</h1>", short(&self.title)));
        facts(out, "p", &self.facts);
        let all = self.entries().count().max(1) as f64;
        let mut left = 0.0;
        out.push_str("\n<svg class=\"bar\" width=\"100%\" height=\"10\" aria-hidden=\"true\">");
        for (label, count) in counts {
            let width = *count as f64 / all * 100.0;
            let tone = label.tone.class();
            let _ = write!(
                out,
                "<rect class=\"{tone}\" x=\"{left:.2}%\" width=\"{width:.2}%\" height=\"10\"/>"
            );
            left += width;
        }
        out.push_str("</svg>\n<ul class=\"counts\">\n");
        for (label, count) in counts.iter().filter(|(_, count)| *count > 0) {
            put(
                out,
                format_args!(
                    "<li class=\"label {}\">{count} {}</li>",
                    label.tone.class(),
                    short(label.word)
                ),
            );
        }
        out.push_str("</ul>\n");
        for note in &self.notes {
            put(out, format_args!("<p class=\"note\">{}</p>", prose(note)));
        }
    }

    /// Writes the filter and the search, which a script makes visible.
    fn controls(&self, out: &mut String, counts: &[(Label, usize)]) {
        out.push_str(
            "<div class=\"controls\" role=\"search\" hidden>\n<fieldset class=\"choices\"><legend>Show\
         </legend>\n",
        );
        for (label, count) in counts {
            let word = short(label.word);
            put(
                out,
                format_args!(
                    "<label class=\"label {}\"><input type=\"checkbox\" value=\"{word}\" checked> \
                     {count} {word}</label>",
                    label.tone.class()
                ),
            );
        }
        out.push_str("</fieldset>\n");
        if !self.columns.is_empty() {
            let noun = short(&self.column);
            put(
                out,
                format_args!(
                    "<select aria-label=\"{noun}\">\n<option value=\"\">All {noun}s</option>"
                ),
            );
            for (index, column) in self.columns.iter().enumerate() {
                put(
                    out,
                    format_args!("<option value=\"{index}\">{}</option>", short(column)),
                );
            }
            out.push_str("</select>\n");
        }
        out.push_str(
            "<input type=\"search\" aria-label=\"Search\" placeholder=\"Search\">\n\
             <button type=\"button\">Open all</button>\n<output></output>\n</div>\n",
        );
    }

    /// Writes links to what went wrong, if it is not all there is.
    fn wrong(&self, out: &mut String) {
        let numbered = self.entries().zip(1..=ENTRIES);
        let wrong: Vec<_> = (numbered.filter(|(entry, _)| entry.label.tone == Tone::Bad)).collect();
        if wrong.is_empty() || self.entries().count() == wrong.len() {
            return;
        }
        out.push_str(
            "<nav aria-labelledby=\"wrong\">\n<h2 id=\"wrong\">What went wrong</h2>\n<ul>\n",
        );
        for (entry, number) in wrong.iter().take(WRONG) {
            let title = prose(&entry.title);
            let _ = write!(out, "<li><a href=\"#e{number}\">{title}</a>");
            facts(out, "span", &entry.facts);
            out.push_str("</li>\n");
        }
        if wrong.len() > WRONG {
            put(
                out,
                format_args!("<li>… and {} more</li>", wrong.len() - WRONG),
            );
        }
        out.push_str("</ul>\n</nav>\n");
    }

    /// Returns the details of the entries that are listed; `None` where they are
    /// left out.
    fn details(&self) -> Vec<Option<String>> {
        let entries: Vec<_> = self.entries().take(ENTRIES).collect();
        let mut details = vec![None; entries.len()];
        let mut order: Vec<_> = (0..entries.len()).collect();
        order.sort_by_key(|index| entries[*index].label.tone);
        let mut size = 0;
        for index in order {
            if size >= DETAILS {
                break;
            }
            let mut text = String::new();
            for block in &entries[index].blocks {
                blocks::block(&mut text, block, &self.columns);
            }
            if size + text.len() <= DETAILS {
                size += text.len();
                details[index] = Some(text);
            }
        }
        details
    }
}

fn write_section<'a>(
    out: &mut String,
    section: &Section,
    columns: &[String],
    numbers: &mut impl Iterator<Item = usize>,
    details: &mut impl Iterator<Item = &'a Option<String>>,
) {
    let mut title = Some(&section.title);
    for (entry, (number, details)) in section.entries.iter().zip(numbers.zip(details)) {
        if let Some(title) = title.take() {
            put(out, format_args!("<section>\n<h2>{}</h2>", short(title)));
        }
        write_entry(out, entry, columns, number + 1, details.as_deref());
    }
    if title.is_none() {
        out.push_str("</section>\n");
    }
}

fn write_entry(
    out: &mut String,
    entry: &Entry,
    columns: &[String],
    number: usize,
    details: Option<&str>,
) {
    let open = if entry.label.tone == Tone::Bad {
        " open"
    } else {
        ""
    };
    let class = entry.label.tone.class();
    let word = short(entry.label.word);
    let _ = write!(
        out,
        "<details class=\"entry {class}\" id=\"e{number}\" data-word=\"{word}\"{open}>\n\
         <summary><span class=\"label {class}\">{word}</span> <h3>{}</h3> ",
        prose(&entry.title)
    );
    facts(out, "span", &entry.facts);
    cells(out, &entry.cells, columns);
    put(
        out,
        format_args!(
            "</summary>\n<div class=\"body\">\n{}</div>\n</details>",
            details.unwrap_or("<p class=\"more\">Left out: the file would become too large.</p>\n")
        ),
    );
}

/// Writes the results by column.
fn cells(out: &mut String, cells: &[Option<Label>], columns: &[String]) {
    if cells.is_empty() {
        return;
    }
    out.push_str("\n<span class=\"cells\">");
    for (cell, column) in cells.iter().zip(columns) {
        let column = short(column);
        let (class, word) = match cell {
            Some(label) => (label.tone.class(), short(label.word)),
            None => ("none", "no result".to_owned()),
        };
        let _ = write!(
            out,
            "<span class=\"cell {class}\" data-word=\"{word}\" title=\"{column}: {word}\">{column}\
             <span class=\"unseen\"> {word} </span></span>"
        );
    }
    out.push_str("</span>");
}

fn facts(out: &mut String, element: &str, facts: &[String]) {
    let _ = write!(out, "<{element} class=\"facts\">");
    for fact in facts {
        let _ = write!(out, "<span>{}</span>", short(fact));
    }
    let _ = write!(out, "</{element}>");
}

/// Writes a line.
fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::super::page::Block;
    use super::*;

    const BAD: Label = Label {
        tone: Tone::Bad,
        word: "failed",
    };
    const GOOD: Label = Label {
        tone: Tone::Good,
        word: "passed",
    };

    fn entry(title: &str, label: Label, blocks: Vec<Block>) -> Entry {
        Entry {
            title: title.to_owned(),
            label,
            cells: Vec::new(),
            facts: vec!["eKuiper 2.4".to_owned(), "31 ms".to_owned()],
            blocks,
        }
    }

    fn page(entries: Vec<Entry>) -> Page {
        Page {
            title: "mirror <x>".to_owned(),
            facts: vec!["1 file".to_owned(), "1.2 s".to_owned()],
            notes: Vec::new(),
            columns: Vec::new(),
            column: "release".to_owned(),
            sections: vec![Section {
                title: "echo.test.yaml".to_owned(),
                entries,
            }],
        }
    }

    /// Returns the SHA-256 of a text, in Base64.
    fn hash(text: &str) -> String {
        let mut child = Command::new("sha256sum");
        let child = child.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = child.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap().stdout;
        let hex = std::str::from_utf8(&output[..64]).unwrap();
        let bits: String = (hex.chars())
            .map(|digit| format!("{:04b}", digit.to_digit(16).unwrap()))
            .collect();
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let six = |bits: &[u8]| {
            let bits = format!("{:0<6}", std::str::from_utf8(bits).unwrap());
            char::from(digits[usize::from_str_radix(&bits, 2).unwrap()])
        };
        bits.as_bytes().chunks(6).map(six).collect::<String>() + "="
    }

    #[test]
    fn the_policy_names_the_style_and_the_script() {
        assert_eq!(STYLE_HASH, hash(STYLE), "the new value of STYLE_HASH");
        assert_eq!(SCRIPT_HASH, hash(SCRIPT), "the new value of SCRIPT_HASH");
    }

    #[test]
    fn the_file_has_a_summary_and_the_entries_by_section() {
        let text = vec![Block::Text("why".to_owned())];
        let page = page(vec![
            entry("good", GOOD, Vec::new()),
            entry("bad & ugly", BAD, text),
        ]);

        let html = page.to_html();

        let (_, body) = html.split_once("<header>\n").unwrap();
        let (body, _) = body.split_once("<script>").unwrap();
        assert_eq!(
            body,
            r##"<h1>mirror &lt;x&gt;</h1>
<p class="facts"><span>1 file</span><span>1.2 s</span></p>
<svg class="bar" width="100%" height="10" aria-hidden="true"><rect class="bad" x="0.00%" width="50.00%" height="10"/><rect class="good" x="50.00%" width="50.00%" height="10"/></svg>
<ul class="counts">
<li class="label bad">1 failed</li>
<li class="label good">1 passed</li>
</ul>
<div class="controls" role="search" hidden>
<fieldset class="choices"><legend>Show</legend>
<label class="label bad"><input type="checkbox" value="failed" checked> 1 failed</label>
<label class="label good"><input type="checkbox" value="passed" checked> 1 passed</label>
</fieldset>
<input type="search" aria-label="Search" placeholder="Search">
<button type="button">Open all</button>
<output></output>
</div>
<nav aria-labelledby="wrong">
<h2 id="wrong">What went wrong</h2>
<ul>
<li><a href="#e2">bad &amp; ugly</a><span class="facts"><span>eKuiper 2.4</span><span>31 ms</span></span></li>
</ul>
</nav>
</header>
<main>
<section>
<h2>echo.test.yaml</h2>
<details class="entry good" id="e1" data-word="passed">
<summary><span class="label good">passed</span> <h3>good</h3> <span class="facts"><span>eKuiper 2.4</span><span>31 ms</span></span></summary>
<div class="body">
</div>
</details>
<details class="entry bad" id="e2" data-word="failed" open>
<summary><span class="label bad">failed</span> <h3>bad &amp; ugly</h3> <span class="facts"><span>eKuiper 2.4</span><span>31 ms</span></span></summary>
<div class="body">
<p>why</p>
</div>
</details>
</section>
</main>
"##
        );
    }

    #[test]
    fn an_entry_has_its_result_in_each_column_and_one_column_can_be_chosen() {
        let mut page = page(vec![entry("echo", BAD, Vec::new())]);
        page.notes = vec!["of 7 functions, `a` was examined".to_owned()];
        page.columns = ["1.13", "2.0", "2.4"].map(str::to_owned).to_vec();
        page.sections[0].entries[0].cells = vec![Some(GOOD), None, Some(BAD)];

        let html = page.to_html();

        for expected in [
            r#"<p class="note">of 7 functions, <code>a</code> was examined</p>"#,
            "<select aria-label=\"release\">\n<option value=\"\">All releases</option>\n\
             <option value=\"0\">1.13</option>\n<option value=\"1\">2.0</option>\n\
             <option value=\"2\">2.4</option>\n</select>\n",
            r#"<span class="cells"><span class="cell good" data-word="passed" title="1.13: passed">1.13<span class="unseen"> passed </span></span>"#,
            r#"<span class="cell none" data-word="no result" title="2.0: no result">2.0<span class="unseen"> no result </span></span>"#,
            r#"<span class="cell bad" data-word="failed" title="2.4: failed">2.4<span class="unseen"> failed </span></span></span></summary>"#,
        ] {
            assert!(html.contains(expected), "{expected}\n{html}");
        }
    }

    #[test]
    fn the_details_of_what_went_wrong_have_precedence_if_there_are_too_many() {
        let text = || vec![Block::Text("x".repeat(600)); 100];
        let mut entries: Vec<_> = (0..100).map(|_| entry("good", GOOD, text())).collect();
        entries.push(entry("bad", BAD, text()));

        let html = page(entries).to_html();

        let (_, bad) = html.split_once("id=\"e101\"").unwrap();
        assert!(bad.contains("<p>xxx"), "{bad}");
        assert!(html.contains("Left out: the file would become too large."));
        assert!(html.len() < 5 << 20, "{} bytes", html.len());
    }

    #[test]
    fn of_very_many_entries_the_rest_is_counted() {
        let entries = (0..5010).map(|_| entry("good", GOOD, Vec::new()));

        let html = page(entries.collect()).to_html();

        assert_eq!(html.matches("<details").count(), 5000);
        assert!(html.contains("… and 10 more, which are left out"));
        assert!(html.contains("5010 passed"));
    }
}
