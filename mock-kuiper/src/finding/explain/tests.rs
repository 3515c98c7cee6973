//! What holds for every entry.

use super::*;

fn all() -> Vec<&'static Explanation> {
    Code::ALL.map(explain).to_vec()
}

/// Every text of an entry, the quotes with their releases and sources.
fn texts(entry: &Explanation) -> Vec<&'static str> {
    let mut texts = vec![entry.title, entry.observed, entry.effect, entry.cause];
    for quote in entry.quotes {
        texts.extend([quote.releases, quote.text, quote.source]);
    }
    texts.extend(entry.remedies.iter().map(|remedy| remedy.text));
    texts
}

/// The texts that are not a code's.
fn of_no_code() -> Vec<&'static str> {
    let texts = other_texts().iter().flat_map(|other| {
        let quote = other.quote;
        [quote.releases, quote.text, quote.source, other.meaning]
    });
    texts.collect()
}

#[test]
fn every_code_has_the_entry_with_its_own_code() {
    for code in Code::ALL {
        assert_eq!(explain(code).code, code);
    }
}

#[test]
fn every_text_is_one_line_that_is_not_empty() {
    let texts = all().into_iter().flat_map(texts).chain(of_no_code());
    for text in texts {
        assert!(!text.is_empty());
        assert_eq!(text.trim(), text);
        assert!(!text.contains('\n'), "{text}");
    }
}

#[test]
fn every_entry_quotes_ekuiper_or_says_that_it_shows_nothing() {
    for entry in all() {
        let is_silent = entry.effect.starts_with(NOTHING);

        assert!(is_silent || !entry.quotes.is_empty(), "{}", entry.code);
    }
}

#[test]
fn every_quote_names_a_release_or_an_issue_as_its_source() {
    let quotes = all().into_iter().flat_map(|entry| entry.quotes.iter());
    for quote in quotes.chain(other_texts().iter().map(|other| &other.quote)) {
        let source = quote.source;
        let is_file = source.starts_with("eKuiper ") && source.contains('/');
        let is_issue = source.starts_with("issue") && source.contains("lf-edge/ekuiper #");

        assert!(is_file || is_issue, "{source}");
    }
}

#[test]
fn no_entry_quotes_the_same_text_twice_for_one_place() {
    for entry in all() {
        for (index, quote) in entry.quotes.iter().enumerate() {
            let is_same = |other: &&Quote| (other.place, other.text) == (quote.place, quote.text);
            let before = entry.quotes[..index].iter().find(is_same);

            assert_eq!(before, None, "{}", entry.code);
        }
    }
}

#[test]
fn every_entry_has_a_remedy_for_every_plugin_first_and_one_for_each_sdk_at_most() {
    for entry in all() {
        let sdks: Vec<_> = entry.remedies.iter().map(|remedy| remedy.sdk).collect();

        let order = [Sdk::Any, Sdk::Rust, Sdk::Python, Sdk::Go];
        let expected: Vec<_> = order.into_iter().filter(|sdk| sdks.contains(sdk)).collect();
        assert_eq!(sdks, expected, "{}", entry.code);
        assert_eq!(sdks.first(), Some(&Sdk::Any), "{}", entry.code);
    }
}

#[test]
fn no_text_names_a_command_line_flag() {
    let texts = all().into_iter().flat_map(texts).chain(of_no_code());
    for text in texts {
        let words = text.split(|c: char| c.is_whitespace() || "`([".contains(c));
        let flags: Vec<_> = words.filter(|word| word.starts_with("--")).collect();

        assert_eq!(flags, Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn sentences_end_with_a_full_stop_and_titles_do_not() {
    for entry in all() {
        assert!(!entry.title.ends_with('.'), "{}", entry.title);
        let sentences = [entry.observed, entry.effect, entry.cause];
        let remedies = entry.remedies.iter().map(|remedy| remedy.text);
        for text in sentences.into_iter().chain(remedies) {
            assert!(text.ends_with('.'), "{text}");
        }
    }
}

#[test]
fn the_page_has_a_heading_for_each_code_and_each_text_in_a_block() {
    let page = troubleshooting(Language::English, |_| None);

    for entry in all() {
        let heading = format!("\n## {}\n", entry.code);
        assert_eq!(page.matches(&heading).count(), 1, "{heading}");
        for quote in entry.quotes {
            let block = format!("```text\n{}\n```\n", quote.text);
            assert!(page.contains(&block), "{block}");
        }
    }
    for other in other_texts() {
        assert!(page.contains(other.meaning));
    }
}

#[test]
fn every_link_of_the_page_leads_to_one_of_its_headings() {
    for language in [Language::English, Language::Chinese] {
        let page = troubleshooting(language, |_| None);
        let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
        let headings =
            headings.map(|heading| heading.to_lowercase().replace('.', "").replace(' ', "-"));
        let given = page.split("\n<a id=\"").skip(1);
        let given = given.filter_map(|rest| Some(rest.split('"').next()?.to_owned()));
        let anchors: Vec<_> = headings.chain(given).collect();

        let links = page.split("](#").skip(1);
        let links: Vec<_> = links.filter_map(|rest| rest.split(')').next()).collect();

        assert!(links.len() > 100, "{}", links.len());
        for link in links {
            assert!(anchors.iter().any(|anchor| anchor == link), "{link}");
        }
    }
}

/// The texts of an entry in Chinese, without its quotes.
fn in_chinese(entry: &Explanation) -> Vec<&'static str> {
    let words = Language::Chinese.words(entry);
    let remedies = words.remedies.iter().map(|remedy| remedy.text);
    let texts = [words.title, words.observed, words.effect, words.cause];
    texts.into_iter().chain(remedies).collect()
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

#[test]
fn every_entry_is_translated_with_all_its_remedies_in_whole_sentences() {
    for entry in all() {
        let texts = in_chinese(entry);

        assert_eq!(texts.len(), 4 + entry.remedies.len(), "{}", entry.code);
        assert!(!texts[0].ends_with('。'), "{}", texts[0]);
        for text in &texts {
            assert!(text.contains(is_chinese), "{text}");
            assert_eq!(text.trim(), *text);
        }
        for sentence in &texts[1..] {
            assert!(sentence.ends_with('。'), "{sentence}");
        }
    }
    let meanings = Language::Chinese.meanings(other_texts());
    assert_eq!(meanings.len(), other_texts().len());
}

/// What stands between backticks, sorted, each once.
fn code_in(text: &str) -> Vec<&str> {
    let mut spans: Vec<_> = text.split('`').skip(1).step_by(2).collect();
    spans.sort_unstable();
    spans.dedup();
    spans
}

#[test]
fn a_translation_names_the_same_code_as_the_original() {
    for entry in all() {
        let remedies = entry.remedies.iter().map(|remedy| remedy.text);
        let original = [entry.title, entry.observed, entry.effect, entry.cause];
        let original = original.into_iter().chain(remedies);

        for (english, chinese) in original.zip(in_chinese(entry)) {
            assert_eq!(
                code_in(english),
                code_in(chinese),
                "{}: {chinese}",
                entry.code
            );
        }
    }
    let meanings = Language::Chinese.meanings(other_texts());
    for (other, chinese) in other_texts().iter().zip(meanings) {
        assert_eq!(code_in(other.meaning), code_in(chinese), "{chinese}");
    }
}

#[test]
fn the_releases_of_every_quote_are_translated() {
    let quotes = all().into_iter().flat_map(|entry| entry.quotes.iter());
    for quote in quotes.chain(other_texts().iter().map(|other| &other.quote)) {
        assert!(zh::releases(quote.releases).is_some(), "{}", quote.releases);
        assert!(!Language::Chinese.source(quote).contains("seen in a run"));
    }
}

#[test]
fn a_text_of_several_codes_is_listed_once_with_all_of_them() {
    let page = troubleshooting(Language::English, |_| None);

    let line = "- `Operation OP error send time out`: [sink.row-not-taken](#sinkrow-not-taken), \
                [sink.unread](#sinkunread), [sink.unreachable](#sinkunreachable), \
                [sink.hung-up](#sinkhung-up)\n";
    assert_eq!(page.matches(line).count(), 1);
    assert_eq!(page.matches("- `Operation OP error send").count(), 1);
}

#[test]
fn the_page_names_what_ekuiper_does_not_show() {
    let page = troubleshooting(Language::English, |_| None);
    let list = page.split("## What eKuiper does not show").nth(1).unwrap();
    let list = list.split("\n## ").next().unwrap();

    for code in [Code::RowNoMessage, Code::AckMissing, Code::ChannelProtocol] {
        assert!(list.contains(&format!("[{code}]")), "{code}");
    }
    assert!(!list.contains("[row.not-json]"));
}

#[test]
fn a_hint_is_the_last_remedy_of_its_code() {
    let page = troubleshooting(Language::English, |code| {
        (code == Code::AckMissing).then(|| "wait longer.".to_owned())
    });

    assert_eq!(page.matches("- mock-kuiper: wait longer.\n").count(), 1);
    let entry = page.split("\n## ack.missing\n").nth(1).unwrap();
    let entry = entry.split("\n## ").next().unwrap();
    assert!(entry.ends_with("- mock-kuiper: wait longer.\n"));
}
