//! The details of an entry.

use std::fmt::Write as _;

use super::escape::{html, prose, short};
use super::page::{Block, Difference, Label, Line, Problem};
use super::picture;
use crate::foreign;

/// The lines of one block that are shown.
const LINES: usize = 200;

/// The lines that are shown at once; more are shown on demand.
const UNFOLDED: usize = 12;

/// The differences of one problem that are shown.
const DIFFERENCES: usize = 50;

/// The lines of one paragraph that are shown.
const PARAGRAPH: usize = 60;

/// Writes a block of a page with these columns.
pub(super) fn block(out: &mut String, block: &Block, columns: &[String]) {
    // Writing to a string does not fail.
    let _ = match block {
        Block::Text(text) => writeln!(out, "<p>{}</p>", paragraph(text)),
        Block::Problem(found) => {
            problem(out, found);
            Ok(())
        }
        Block::Timeline(timeline) => {
            picture::draw(out, timeline);
            Ok(())
        }
        Block::Lines { title, lines } => {
            list(out, title, lines);
            Ok(())
        }
        Block::Columns {
            columns: of,
            label,
            blocks,
        } => {
            part(out, of, *label, blocks, columns);
            Ok(())
        }
        Block::Command { title, text } => writeln!(
            out,
            "<p class=\"command\"><span>{}</span> <code>{}</code></p>",
            short(title),
            html(&foreign::line(text))
        ),
    };
}

/// Writes blocks that are about some columns.
fn part(out: &mut String, of: &[usize], label: Label, blocks: &[Block], columns: &[String]) {
    let indices: Vec<_> = of.iter().map(usize::to_string).collect();
    let names = of.iter().filter_map(|index| columns.get(*index));
    let names: Vec<_> = names.map(|name| short(name)).collect();
    let _ = writeln!(
        out,
        "<section class=\"part\" data-columns=\"{}\">\n<h4><span class=\"label {}\">{}</span> {}</h4>",
        indices.join(" "),
        label.tone.class(),
        short(label.word),
        names.join(", ")
    );
    for one in blocks {
        block(out, one, columns);
    }
    out.push_str("</section>\n");
}

/// Escapes a text of several lines.
fn paragraph(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().take(PARAGRAPH).map(prose).collect();
    let more = text.lines().count() - lines.len();
    if more > 0 {
        lines.push(format!("… and {more} more lines"));
    }
    lines.join("\n")
}

fn problem(out: &mut String, problem: &Problem) {
    let _ = writeln!(
        out,
        "<div class=\"problem\">\n<p class=\"place\">{}</p>\n<p class=\"text\">{}</p>",
        short(&problem.place),
        paragraph(&problem.text)
    );
    for one in problem.differences.iter().take(DIFFERENCES) {
        difference(out, one);
    }
    let more = problem.differences.len().saturating_sub(DIFFERENCES);
    if more > 0 {
        let _ = writeln!(out, "<p class=\"more\">… and {more} more differences</p>");
    }
    if let Some(code) = &problem.code {
        let _ = writeln!(
            out,
            "<p class=\"code\">Finding <code>{}</code></p>",
            short(code)
        );
    }
    if !problem.advice.is_empty() {
        out.push_str("<ul class=\"advice\">\n");
        for advice in &problem.advice {
            let _ = writeln!(out, "<li>{}</li>", prose(advice));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</div>\n");
}

fn difference(out: &mut String, difference: &Difference) {
    let Difference {
        place,
        expected,
        seen,
    } = difference;
    out.push_str("<dl class=\"difference\">\n");
    if !place.is_empty() {
        let _ = writeln!(out, "<dt>at</dt><dd><code>{}</code></dd>", short(place));
    }
    let expected = foreign::line(expected);
    let (expected, seen) = match seen {
        None => (html(&expected), "<i>nothing</i>".to_owned()),
        Some(seen) => {
            let seen = foreign::line(seen);
            let (before, after) = common(&expected, &seen);
            (
                marked(&expected, before, after),
                marked(&seen, before, after),
            )
        }
    };
    let _ = writeln!(
        out,
        "<dt>expected</dt><dd class=\"expected\"><code>{expected}</code></dd>\n\
         <dt>seen</dt><dd class=\"seen\"><code>{seen}</code></dd>\n</dl>"
    );
}

/// Returns how many bytes at the beginning, and at the end, two texts share.
fn common(one: &str, other: &str) -> (usize, usize) {
    let same = |(a, b): &(char, char)| a == b;
    let pairs = one.chars().zip(other.chars()).take_while(same);
    let before = pairs.map(|(a, _)| a.len_utf8()).sum();
    let (one, other) = (&one[before..], &other[before..]);
    let pairs = one.chars().rev().zip(other.chars().rev()).take_while(same);
    (before, pairs.map(|(a, _)| a.len_utf8()).sum())
}

/// Marks what is between the beginning and the end that two texts share, if they
/// share anything.
fn marked(text: &str, before: usize, after: usize) -> String {
    let end = text.len() - after;
    if before + after == 0 || before == end {
        return html(text);
    }
    format!(
        "{}<mark>{}</mark>{}",
        html(&text[..before]),
        html(&text[before..end]),
        html(&text[end..])
    )
}

fn list(out: &mut String, title: &str, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let skip = lines.len().saturating_sub(LINES);
    let number = match skip {
        0 => lines.len().to_string(),
        _ => format!("the last {LINES} of {}", lines.len()),
    };
    let open = if lines.len() <= UNFOLDED { " open" } else { "" };
    let _ = writeln!(
        out,
        "<details class=\"lines\"{open}>\n<summary><h4>{}</h4> <span>{number}</span></summary>\n<ol>",
        short(title)
    );
    for line in &lines[skip..] {
        out.push_str("<li>");
        if let Some(at) = line.at {
            let _ = write!(out, "<time>{:.4}</time> ", at.as_secs_f64());
        }
        if !line.from.is_empty() {
            let _ = write!(out, "<b>{}</b> ", short(&line.from));
        }
        let _ = writeln!(out, "<code>{}</code></li>", short(&line.text));
    }
    out.push_str("</ol>\n</details>\n");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::page::Tone;
    use super::*;

    fn written(of: Block) -> String {
        let mut out = String::new();
        block(&mut out, &of, &[]);
        out
    }

    #[test]
    fn a_problem_shows_its_differences_its_code_and_its_advice() {
        let difference = |place: &str, expected: &str, seen: Option<&str>| Difference {
            place: place.to_owned(),
            expected: expected.to_owned(),
            seen: seen.map(str::to_owned),
        };
        let problem = Problem {
            place: "line 14, call echo".to_owned(),
            text: "the result\nis <other>".to_owned(),
            differences: vec![
                difference("", r#""hi you""#, Some(r#""ho you""#)),
                difference("/a", "1", Some("2")),
                difference("/b", "1", None),
            ],
            code: Some("function.error".to_owned()),
            advice: vec!["return `hi`".to_owned()],
        };

        assert_eq!(
            written(Block::Problem(problem)),
            r#"<div class="problem">
<p class="place">line 14, call echo</p>
<p class="text">the result
is &lt;other&gt;</p>
<dl class="difference">
<dt>expected</dt><dd class="expected"><code>&quot;h<mark>i</mark> you&quot;</code></dd>
<dt>seen</dt><dd class="seen"><code>&quot;h<mark>o</mark> you&quot;</code></dd>
</dl>
<dl class="difference">
<dt>at</dt><dd><code>/a</code></dd>
<dt>expected</dt><dd class="expected"><code>1</code></dd>
<dt>seen</dt><dd class="seen"><code>2</code></dd>
</dl>
<dl class="difference">
<dt>at</dt><dd><code>/b</code></dd>
<dt>expected</dt><dd class="expected"><code>1</code></dd>
<dt>seen</dt><dd class="seen"><code><i>nothing</i></code></dd>
</dl>
<p class="code">Finding <code>function.error</code></p>
<ul class="advice">
<li>return <code>hi</code></li>
</ul>
</div>
"#
        );
    }

    #[test]
    fn the_shared_parts_of_two_texts_do_not_overlap() {
        assert_eq!(common("aa", "aaa"), (2, 0));
        assert_eq!(common("aé", "bé"), (0, 2));
        assert_eq!(common("é", "è"), (0, 0));
        assert_eq!(marked("aaa", 2, 0), "aa<mark>a</mark>");
        assert_eq!(marked("aa", 2, 0), "aa");
    }

    #[test]
    fn the_last_lines_are_shown_and_all_are_counted() {
        let line = |number: u64| Line {
            at: Some(Duration::from_millis(number)),
            from: "plugin_mirror from host".to_owned(),
            text: format!("<{number}>"),
        };
        let title = "Messages".to_owned();
        let lines = vec![line(1)];
        let few = Block::Lines { title, lines };
        let title = "Messages".to_owned();
        let lines = (0..1000).map(line).collect();
        let many = written(Block::Lines { title, lines });

        assert_eq!(
            written(few),
            "<details class=\"lines\" open>\n<summary><h4>Messages</h4> <span>1</span></summary>\n\
             <ol>\n<li><time>0.0010</time> <b>plugin_mirror from host</b> <code>&lt;1&gt;</code></li>\n\
             </ol>\n</details>\n"
        );
        assert!(many.starts_with(
            "<details class=\"lines\">\n<summary><h4>Messages</h4> <span>the last 200 of 1000</span>"
        ));
        assert_eq!(many.matches("<li>").count(), 200);
        assert!(many.contains("&lt;800&gt;") && !many.contains("&lt;799&gt;"));
    }

    #[test]
    fn what_is_about_some_columns_names_them() {
        let columns = ["1.13", "1.14", "2.4"].map(str::to_owned);
        let part = Block::Columns {
            columns: vec![0, 2],
            label: Label {
                tone: Tone::Bad,
                word: "failed",
            },
            blocks: vec![Block::Text("why".to_owned())],
        };

        let mut out = String::new();
        block(&mut out, &part, &columns);

        assert_eq!(
            out,
            "<section class=\"part\" data-columns=\"0 2\">\n\
             <h4><span class=\"label bad\">failed</span> 1.13, 2.4</h4>\n<p>why</p>\n</section>\n"
        );
    }

    #[test]
    fn a_paragraph_is_cut_after_sixty_lines() {
        let shown = written(Block::Text("<\n".repeat(62)));

        assert!(shown.ends_with("&lt;\n… and 2 more lines</p>\n"), "{shown}");
    }
}
