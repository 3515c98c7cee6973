//! `mock-kuiper explain`: what a finding means, and what to do.

mod chinese;

use std::env;
use std::fmt::Write as _;

use anstyle::Style;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use mock_kuiper::Code;
use mock_kuiper::engine::finding::{self, Explanation, Language, Quote};

use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::output::{print_results, stdout_width};

const EXAMPLES: &str = "\
Examples:
  mock-kuiper explain
      Lists all codes.
  mock-kuiper explain sink.not-listening ack.missing
      Explains two of them.
  mock-kuiper explain --markdown >docs/troubleshooting.md
      Writes the page on which a search for a line of eKuiper's log ends.
  mock-kuiper explain --lang zh row.not-json
      Explains it in Chinese.";

/// Explain findings: what eKuiper shows, the usual cause, and what to do.
///
/// A finding has a code, which --json and the suite's reports carry. For each
/// code this prints what was observed, what a user of a real eKuiper sees, word
/// for word and with its source, the usual cause, and what to change in a plugin
/// on the Rust, the Python or the Go SDK. Without a code it lists all of them. The
/// language is Chinese if the locale says so.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The codes to explain, for example sink.not-listening
    #[arg(value_name = "CODE", value_parser = codes(), hide_possible_values = true)]
    codes: Vec<Code>,

    /// Print all explanations as a page of Markdown
    #[arg(long, conflicts_with = "codes")]
    markdown: bool,

    /// Explain in this language [default: that of LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, value_name = "LANGUAGE", value_enum, hide_default_value = true)]
    lang: Option<Lang>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Lang {
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// Returns the language of the locale: Chinese or, for any other, English.
fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Language {
    let mut values = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().map(variable);
    let locale = values.find_map(|value| value.filter(|value| !value.is_empty()));
    match locale {
        Some(locale) if locale.starts_with("zh") => Language::Chinese,
        _ => Language::English,
    }
}

/// Reads a code; clap names similar ones if there is none of that name.
fn codes() -> impl clap::builder::TypedValueParser<Value = Code> {
    let names = PossibleValuesParser::new(Code::ALL.map(Code::name));
    names.try_map(|name| name.parse::<Code>())
}

/// Prints the explanations.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let width = stdout_width().unwrap_or(80);
    let language = match args.lang {
        Some(Lang::En) => Language::English,
        Some(Lang::Zh) => Language::Chinese,
        None => of_locale(|name| env::var(name).ok()),
    };
    let text = if args.markdown {
        markdown(language)
    } else if args.codes.is_empty() {
        list(language)
    } else {
        let explanations = args.codes.iter().copied().map(finding::explain);
        let entries = explanations.map(|entry| explain(language, entry, width));
        entries.collect::<Vec<_>>().join("\n")
    };
    print_results(&text)?;
    Ok(Exit::Fine)
}

const BOLD: Style = Style::new().bold();

/// Lists all codes, each with its title.
fn list(language: Language) -> String {
    let names = Code::ALL.map(|code| code.name().len());
    let width = names.into_iter().max().unwrap_or(0);
    let mut text = String::new();
    for code in Code::ALL {
        let title = language.words(finding::explain(code)).title;
        let gap = " ".repeat(width - code.name().len());
        // Writing to a string does not fail.
        let _ = writeln!(text, "{BOLD}{code}{BOLD:#}{gap}  {title}");
    }
    text.push_str(match language {
        Language::Chinese => "\n`mock-kuiper explain CODE` 会详细说明其中一个问题代码。\n",
        _ => "\n`mock-kuiper explain CODE` says more about one of them.\n",
    });
    text
}

/// Explains one code. Paragraphs are broken to the width, texts of eKuiper never.
fn explain(language: Language, entry: &Explanation, width: usize) -> String {
    // Chinese has no spaces: a terminal breaks it anywhere.
    let width = match language {
        Language::Chinese => usize::MAX,
        _ => width,
    };
    let (labels, words) = (language.labels(), language.words(entry));
    let mut text = String::new();
    let _ = writeln!(text, "{BOLD}{}{BOLD:#}", entry.code);
    write_paragraph(
        &mut text,
        width,
        "  ",
        &format!("{}{}", words.title, labels.stop),
    );
    write_section(&mut text, width, labels.observed, words.observed);
    write_section(&mut text, width, labels.effect, words.effect);
    for quote in entry.quotes {
        write_quote(&mut text, language, width, quote);
    }
    write_section(&mut text, width, labels.cause, words.cause);
    let _ = writeln!(text, "\n{BOLD}{}{BOLD:#}", labels.remedies);
    for remedy in &words.remedies {
        write_item(&mut text, width, &language.remedy(remedy));
    }
    if let Some(hint) = hint_in(language, entry.code) {
        write_item(
            &mut text,
            width,
            &format!("mock-kuiper{}{hint}", labels.colon),
        );
    }
    text
}

fn write_section(text: &mut String, width: usize, heading: &str, paragraph: &str) {
    let _ = writeln!(text, "\n{BOLD}{heading}{BOLD:#}");
    write_paragraph(text, width, "  ", paragraph);
}

fn write_quote(text: &mut String, language: Language, width: usize, quote: &Quote) {
    let labels = language.labels();
    let _ = writeln!(
        text,
        "\n  {}{}",
        language.place(quote),
        labels.colon.trim_end()
    );
    let _ = writeln!(text, "      {}", quote.text);
    let source = format!(
        "{}{}{}",
        labels.source,
        labels.colon,
        language.source(quote)
    );
    write_paragraph(text, width, "    ", &source);
}

fn write_paragraph(text: &mut String, width: usize, indent: &str, paragraph: &str) {
    write_wrapped(text, width, indent, indent, paragraph);
}

fn write_item(text: &mut String, width: usize, item: &str) {
    write_wrapped(text, width, "  - ", "    ", item);
}

fn write_wrapped(text: &mut String, width: usize, first: &str, rest: &str, paragraph: &str) {
    let options = textwrap::Options::new(width)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    for line in textwrap::wrap(paragraph, options) {
        let _ = writeln!(text, "{line}");
    }
}

/// All explanations as the page `docs/troubleshooting.md`, or that in `docs/zh/`.
fn markdown(language: Language) -> String {
    let hint = |code| hint_in(language, code).map(str::to_owned);
    let page = finding::troubleshooting(language, hint);
    let option = match language {
        Language::Chinese => " --lang zh",
        _ => "",
    };
    format!("<!-- Written by `mock-kuiper explain --markdown{option}`. -->\n\n{page}")
}

/// How the command helps with a finding, in a language.
fn hint_in(language: Language, code: Code) -> Option<&'static str> {
    match language {
        Language::Chinese => chinese::hint(code),
        _ => hint(code),
    }
}

/// How the command helps with a finding, in terms of its flags.
fn hint(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::PluginExitedEarly => {
            "`run` prints the exit status and the last lines; `--python PATH` chooses the interpreter."
        }
        Code::PluginNoGreeting => "`--init-timeout 120s` allows more time.",
        Code::PluginLeak => "`run --fault churn` stops and starts everything and measures.",
        Code::ChannelNotDialed => {
            "`run --fault redial` and `--fault restart` close connections and wait for new ones."
        }
        Code::OrderUnanswered => "`--answer-timeout 60s` allows more time.",
        Code::OrderRefused => {
            "`--config SYMBOL='{\"url\":\"…\"}'` sets properties, `--conf-key` and `--datasource` choose what a stream has."
        }
        Code::OrderGreeting => {
            "`--host RELEASE` plays another release; `mock-kuiper hosts` lists them."
        }
        Code::OrderAnsweredTwice => "`run --fault stale` sends such an order.",
        Code::OrderNonsenseAccepted => "`run --fault orders` sends such bytes.",
        Code::SourceStartedTwice => "`run --fault start-again` sends the second start.",
        Code::RowMissing => {
            "`run --source SYMBOL -v` prints every message and the plugin's output."
        }
        Code::SinkStillListening => "`run --fault stale-file` stops the sink and looks.",
        Code::SinkRowNotTaken => "`run --fault acks-unread` sends rows and reads no ack.",
        Code::AckMissing => {
            "`--answer-timeout 60s` allows more time; without `--require-ack` no ack is awaited."
        }
        Code::AckInvalid | Code::AckError => {
            "`--require-ack` reads the acks, as the action's property does."
        }
        Code::FunctionError => "`run --call 'SYMBOL(null)'` tries a call.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};
    use mock_kuiper::Fault;

    use super::*;

    /// The words of all hints, without the marks around them.
    fn words() -> Vec<&'static str> {
        let chinese = Code::ALL.into_iter().filter_map(chinese::hint);
        let hints = Code::ALL.into_iter().filter_map(hint).chain(chinese);
        let words = hints.flat_map(|hint| hint.split(|c: char| " `;,.".contains(c)));
        words.filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn hints_name_flags_that_run_has() {
        let run = super::super::run::Args::augment_args(Command::new("run"));
        let known: Vec<_> = run
            .get_arguments()
            .filter_map(|arg| arg.get_long())
            .collect();

        let flags = words()
            .into_iter()
            .filter_map(|word| word.strip_prefix("--"));
        let flags: Vec<_> = flags.collect();

        assert!(flags.len() > 10, "{flags:?}");
        for flag in flags {
            assert!(known.contains(&flag), "--{flag}");
        }
    }

    #[test]
    fn the_same_codes_have_hints_with_the_same_commands_in_chinese() {
        let code_in =
            |hint: &'static str| -> Vec<_> { hint.split('`').skip(1).step_by(2).collect() };
        for code in Code::ALL {
            let (english, chinese) = (hint(code).map(code_in), chinese::hint(code).map(code_in));

            assert_eq!(english, chinese, "{code}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_first_variable_that_is_set() {
        let of = |all: &str, messages: &str, lang: &str| {
            of_locale(|name| {
                Some(match name {
                    "LC_ALL" => all.to_owned(),
                    "LC_MESSAGES" => messages.to_owned(),
                    _ => lang.to_owned(),
                })
            })
        };

        assert_eq!(of("", "", "zh_CN.UTF-8"), Language::Chinese);
        assert_eq!(of("", "zh_TW", "en_US.UTF-8"), Language::Chinese);
        assert_eq!(of("C", "zh_CN", "zh_CN"), Language::English);
        assert_eq!(of("", "", ""), Language::English);
        assert_eq!(of_locale(|_| None), Language::English);
    }

    #[test]
    fn hints_name_faults_that_exist() {
        let words = words();
        let faults: Vec<_> = words
            .windows(2)
            .filter(|pair| pair[0] == "--fault")
            .collect();

        assert!(faults.len() > 5, "{faults:?}");
        for fault in faults {
            assert!(fault[1].parse::<Fault>().is_ok(), "{}", fault[1]);
        }
    }

    #[test]
    fn paragraphs_fit_the_width_and_texts_of_ekuiper_are_not_broken() {
        for code in Code::ALL {
            let entry = finding::explain(code);
            let text =
                anstream::adapter::strip_str(&explain(Language::English, entry, 60)).to_string();

            for quote in entry.quotes {
                assert!(text.contains(quote.text), "{}", quote.text);
            }
            let paragraphs = text.lines().filter(|line| !line.starts_with("      "));
            // A word that is longer than the line stays whole.
            let mut long = paragraphs.filter(|line| line.chars().count() > 60);
            assert_eq!(long.find(|line| line.trim().contains("  ")), None);
        }
    }
}
