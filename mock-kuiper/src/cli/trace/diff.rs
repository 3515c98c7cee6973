//! Shows how two traces differ in shape.

use std::fmt::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::engine::trace::{Shape, Shapes};

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::{NOTE, labelled, print_results, say};
use super::super::text::{count, count_or_no};
use super::filter::Filter;
use super::opened::Opened;
use super::width::{fitted, width};

const ONLY_FIRST: Style = AnsiColor::Red.on_default();
const ONLY_SECOND: Style = AnsiColor::Green.on_default();

/// Prints which shapes only one of two traces has; fails if there are any.
pub(super) fn print_diff(
    first: &mut Opened,
    other: &Path,
    filter: &mut Filter<'_>,
) -> Result<Exit, CliError> {
    let mut second = Opened::open(other)?;
    let one = shapes(first, filter)?;
    let two = shapes(&mut second, filter)?;
    filter.check(&[&first.path, other])?;
    let (only_one, only_two): (Vec<_>, Vec<_>) =
        (one.without(&two).collect(), two.without(&one).collect());
    let mut text = format!("- {}\n+ {}\n", first.title(), second.title());
    write(&mut text, ONLY_FIRST, '-', &only_one);
    write(&mut text, ONLY_SECOND, '+', &only_two);
    let all = (only_one.len() + only_two.len()) as u64;
    let same = (one.len() - only_one.len()) as u64;
    let _ = writeln!(
        text,
        "{} of {} compared",
        count_or_no(all, "difference"),
        count(same + all, "shape")
    );
    print_results(&text)?;
    for (trace, shapes) in [(&*first, &one), (&second, &two)] {
        trace.say_notes();
        if trace.header().dropped > 0 {
            let text = format!(
                "{}: messages were left out, and some of their shapes may be",
                trace.path.display()
            );
            say(&labelled(NOTE, "note", &text));
        }
        if shapes.more > 0 {
            let text = format!("{}: too many shapes to compare all", trace.path.display());
            say(&labelled(NOTE, "note", &text));
        }
    }
    Ok(match all {
        0 => Exit::Fine,
        _ => Exit::Finding,
    })
}

fn shapes(trace: &mut Opened, filter: &mut Filter<'_>) -> Result<Shapes, CliError> {
    let mut shapes = Shapes::default();
    while trace
        .next(|number, line, read| {
            if filter.matches(line, &read) {
                shapes.add(number, line, &read);
            }
        })?
        .is_some()
    {}
    Ok(shapes)
}

fn write(text: &mut String, style: Style, sign: char, shapes: &[&Shape]) {
    for shape in shapes {
        let more = match shape.times {
            1 => String::new(),
            times => format!(" ({})", count(times, "time")),
        };
        let line = format!(
            "{sign} line {}: {}: {}{more}",
            shape.line,
            in_sentence(&shape.of),
            in_sentence(&shape.text)
        );
        // Writing to a string does not fail.
        let _ = writeln!(text, "{style}{}{style:#}", fitted(line, width(), 0));
    }
}
