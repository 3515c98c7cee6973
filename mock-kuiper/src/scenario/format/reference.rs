//! The format as a reference in Markdown, for docs/testing-a-plugin.md.

use std::fmt::Write as _;

use super::table::FILE;
use super::{Form, Rule, Shape, either};
use crate::markdown::{code_span, link_as};
use crate::scenario::pattern::MATCHERS;

/// Writes a reference of all keys, steps and matchers of a test file.
///
/// Its headings are those of a part of a page.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for form in FILE.all() {
        write_form(&mut page, form);
    }
    write_matchers(&mut page);
    page
}

const INTRODUCTION: &str = "\
A file is YAML 1.2: `yes` and `on` are texts, and a release needs quotation marks. An unknown key is a mistake, and all mistakes of a file are reported at once.

A text may have variables: `${tmp}`, an empty directory; `${port}`, a free port of 127.0.0.1; and what an earlier step of the case has captured. A text that is nothing but a variable becomes its value, which need not be a text. `$${` stands for `${`. Each attempt of a case has its own `${tmp}` and `${port}`; one that the `setup` or `teardown` of the file uses is the same for all cases, and with `process: file` both are. In place of a value that is sent, `{$file: PATH}` and `{$base64: PATH}` give the contents of a file.
";

/// The heading of the part about matchers.
const MATCHERS_HEADING: &str = "Expected values";

fn write_form(page: &mut String, form: &Form) {
    let Form {
        name,
        doc,
        keys,
        rules,
        example,
    } = form;
    let _ = writeln!(page, "\n### {name}\n\n{doc}\n");
    page.push_str("| key | value | meaning |\n|---|---|---|\n");
    for key in *keys {
        let required = if key.is_required { "Required. " } else { "" };
        let value = value(&key.shape);
        let _ = writeln!(page, "| `{}` | {value} | {required}{} |", key.name, key.doc);
    }
    let rules: Vec<_> = rules.iter().map(sentence).collect();
    if !rules.is_empty() {
        let _ = writeln!(page, "\n{}", rules.join(" "));
    }
    let _ = writeln!(page, "\n```yaml\n{example}```");
}

fn sentence(rule: &Rule) -> String {
    match rule {
        Rule::ExactlyOne(names) => format!("Exactly one of {} is required.", either(names)),
        Rule::AtMostOne(names) => format!("At most one of {} is allowed.", either(names)),
        Rule::Needs(name, other) => format!("`{name}` needs `{other}`."),
    }
}

/// Describes a value, with links to the forms that it may have.
fn value(shape: &Shape) -> String {
    let form = |form: &Form| link_as(&form.in_sentence(), form.name);
    match shape {
        Shape::Pattern => link_as("an expected value", MATCHERS_HEADING),
        Shape::List(item) | Shape::Filled(item) => format!("a list; each item: {}", value(item)),
        Shape::Map(of) => format!("a mapping; each value: {}", value(of)),
        Shape::Form(of) => form(of),
        Shape::OneOf(_, forms) => {
            let links: Vec<_> = forms.iter().map(|of| form(of)).collect();
            links.join(" or ")
        }
        Shape::Or(one, other) => format!("{}, or {}", value(one), value(other)),
        _ => shape.describe(),
    }
}

fn write_matchers(page: &mut String) {
    let _ = write!(
        page,
        "\n### {MATCHERS_HEADING}\n\nA value is expected exactly: an object has these fields and \
         no others, a list these items in this order. Numbers are equal if they are the same \
         number, however many digits they have. A mapping whose keys begin with `$` has matchers \
         instead of fields, and all of them must match. A field whose name begins with `$` is \
         written with another `$`.\n\n| matcher | matches | example |\n|---|---|---|\n"
    );
    for matcher in MATCHERS {
        let example = code_span(matcher.example).replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {} | {example} |", matcher.name, matcher.doc);
    }
}
