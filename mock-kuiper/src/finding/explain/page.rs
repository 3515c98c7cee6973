//! The explanations as one page of Markdown.

use std::fmt::Write as _;

use super::entry::{Explanation, OtherText, Quote, Sdk};
use crate::finding::code::Code;
use crate::markdown::{code_span, link};

const INTRODUCTION: &str = "\
# Troubleshooting

What can be wrong with a portable plugin, by the code that mock-kuiper gives it: what a user of a real eKuiper sees, the usual cause, and what to change. If you have only eKuiper's log, search this page for a line of it, or look it up in the first list.

Words in capitals stand for what differs from case to case: `RULE`, `STREAM`, `PLUGIN`, `SYMBOL`, `OP` (an action and its index, such as `file_0`), `PATH`, `STATEMENT`, `ROW`, `TEXT`, `N`. Everything else is verbatim. Each text has its source: where it was read, and whether a run of that release showed it, too. In eKuiper's log a quotation mark inside a text has a backslash.

Not every fault has a text: look at [what eKuiper does not show](#what-ekuiper-does-not-show) as well.
";

/// Writes the page. `hint` gives the line on how the command helps with a code.
pub(super) fn page(
    explanations: &[&Explanation],
    others: &[OtherText],
    hint: impl Fn(Code) -> Option<String>,
) -> String {
    let mut page = String::from(INTRODUCTION);
    write_texts(&mut page, explanations, others);
    write_silent(&mut page, explanations);
    for explanation in explanations {
        write_explanation(&mut page, explanation, hint(explanation.code));
    }
    write_others(&mut page, others);
    page
}

/// The heading of the texts that no code has.
const OTHERS: &str = "Other texts of eKuiper";

/// Lists every text of eKuiper, in alphabetical order, with links to what it
/// means. A text that belongs to several codes stands once.
fn write_texts(page: &mut String, explanations: &[&Explanation], others: &[OtherText]) {
    page.push_str("\n## Texts of eKuiper\n\n");
    let of_codes = explanations.iter().flat_map(|explanation| {
        let quotes = explanation.quotes.iter();
        quotes.map(|quote| (quote.text, link(explanation.code.name())))
    });
    let others = others.iter().map(|other| (other.quote.text, link(OTHERS)));
    let mut texts: Vec<_> = of_codes.chain(others).collect();
    texts.sort_by_key(|(text, _)| text.trim_start_matches('"').to_lowercase());
    for same in texts.chunk_by(|(one, _), (other, _)| one == other) {
        let mut links: Vec<_> = same.iter().map(|(_, link)| link.as_str()).collect();
        links.dedup();
        let _ = writeln!(page, "- {}: {}", code_span(same[0].0), links.join(", "));
    }
}

/// Lists the codes of which eKuiper shows nothing when they happen.
fn write_silent(page: &mut String, explanations: &[&Explanation]) {
    page.push_str("\n## What eKuiper does not show\n\n");
    page.push_str("eKuiper's log has no line about these, at least not when they happen:\n\n");
    for explanation in explanations.iter().filter(|e| e.is_silent()) {
        let link = link(explanation.code.name());
        let _ = writeln!(page, "- {link}: {}", explanation.title);
    }
}

fn write_explanation(page: &mut String, explanation: &Explanation, hint: Option<String>) {
    let Explanation {
        code,
        title,
        observed,
        effect,
        cause,
        quotes,
        remedies,
    } = explanation;
    let _ = writeln!(page, "\n## {code}\n\n**{title}.** {observed}\n");
    let _ = writeln!(page, "**Under a real eKuiper.** {effect}");
    for quote in *quotes {
        write_quote(page, quote);
    }
    let _ = writeln!(page, "\n**Usual cause.** {cause}\n\n**What to do.**\n");
    for remedy in *remedies {
        let _ = match remedy.sdk {
            Sdk::Any => writeln!(page, "- {}", remedy.text),
            sdk => writeln!(page, "- {}: {}", sdk.name(), remedy.text),
        };
    }
    if let Some(hint) = hint {
        let _ = writeln!(page, "- mock-kuiper: {hint}");
    }
}

fn write_quote(page: &mut String, quote: &Quote) {
    let place = quote.place.heading();
    let Quote {
        releases,
        text,
        source,
        ..
    } = quote;
    let _ = writeln!(
        page,
        "\n{place}, {releases}:\n\n```text\n{text}\n```\n\nSource: {source}"
    );
}

fn write_others(page: &mut String, others: &[OtherText]) {
    let _ = writeln!(
        page,
        "\n## {OTHERS}\n\nThey are about the machine or the package, and no finding has them."
    );
    for OtherText { quote, meaning } in others {
        write_quote(page, quote);
        let _ = writeln!(page, "\n{meaning}");
    }
}
