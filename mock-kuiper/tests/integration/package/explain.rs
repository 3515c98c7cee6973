use std::fs;
use std::path::Path;

use mock_kuiper::Code;
use mock_kuiper::engine::finding;

use super::common::{Done, mock_kuiper};

fn explain(args: &[&str]) -> Done {
    Done::of(mock_kuiper().arg("explain").args(args).env("LC_ALL", "C"))
}

#[test]
fn without_a_code_all_codes_are_listed_with_their_titles() {
    let done = explain(&[]);

    let mut lines = done.stdout.lines();
    for (line, code) in lines.by_ref().zip(Code::ALL) {
        let (name, title) = line.split_once("  ").unwrap();
        assert_eq!(name, code.name());
        assert_eq!(title.trim_start(), finding::explain(code).title);
    }
    let rest: Vec<_> = lines.collect();
    assert_eq!(
        rest,
        ["`mock-kuiper explain CODE` says more about one of them."]
    );
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
}

#[test]
fn an_entry_has_the_text_of_ekuiper_the_cause_and_the_remedies() {
    let done = explain(&["order.greeting"]);

    let expected = "order.greeting\n  An order was answered with a greeting, which the release \
                    takes for an error.\n\nObserved\n";
    assert!(done.stdout.starts_with(expected), "{}", done.stdout);
    for part in [
        "\nUnder a real eKuiper\n  eKuiper before 2.1.3 takes",
        "\n  In the rule's status, 1.x:\n      Stopped: receive error: handshake.\n    Source: \
         eKuiper 1.13.5,",
        "\nUsual cause\n  The plugin greets because it was idle",
        "\nWhat to do\n  - Greet once for each connection",
        "\n  - Rust SDK: The SDK greets once",
        "\n  - mock-kuiper: `--host RELEASE` plays another release",
    ] {
        assert!(done.stdout.contains(part), "{part:?} in {}", done.stdout);
    }
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
}

#[test]
fn several_codes_are_explained_in_the_order_given() {
    let done = explain(&["row.error", "ack.missing"]);

    let second = done
        .stdout
        .find("\n\nack.missing\n  A sink sent no ack in time.\n");
    assert!(done.stdout.starts_with("row.error\n"));
    assert!(second.is_some(), "{}", done.stdout);
    assert_eq!(done.status, 0);
}

#[test]
fn every_code_can_be_explained() {
    let names = Code::ALL.map(Code::name);

    let done = explain(&names);

    for code in Code::ALL {
        for quote in finding::explain(code).quotes {
            assert!(done.stdout.contains(quote.text), "{}", quote.text);
        }
    }
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
}

#[test]
fn an_unknown_code_is_rejected_with_the_known_ones_and_a_similar_one() {
    let done = explain(&["sink.not-listen"]);

    assert_eq!((done.status, done.stdout.as_str()), (2, ""));
    for code in Code::ALL {
        assert!(done.stderr.contains(code.name()), "{}", done.stderr);
    }
    let tip = "a similar value exists: 'sink.not-listening'";
    assert!(done.stderr.contains(tip), "{}", done.stderr);
}

#[test]
fn the_page_and_a_code_exclude_each_other() {
    let done = explain(&["--markdown", "row.error"]);

    assert_eq!((done.status, done.stdout.as_str()), (2, ""));
}

#[test]
fn the_locale_or_an_option_makes_it_chinese() {
    let chinese = explain(&["ack.missing", "--lang", "zh"]);
    let by_locale = Done::of(
        mock_kuiper()
            .args(["explain", "ack.missing"])
            .env("LC_ALL", "zh_CN.UTF-8"),
    );
    let english = explain(&["ack.missing", "--lang", "en"]);

    let beginning =
        "ack.missing\n  目标没有按时发送 ack。\n\n观察到的现象\n  设置了 `requireAck`，";
    assert!(chinese.stdout.starts_with(beginning), "{}", chinese.stdout);
    for quote in finding::explain(Code::AckMissing).quotes {
        assert!(chinese.stdout.contains(quote.text), "{}", quote.text);
    }
    assert_eq!(by_locale.stdout, chinese.stdout);
    assert!(
        english
            .stdout
            .starts_with("ack.missing\n  A sink sent no ack in time.\n")
    );
}

#[test]
fn the_pages_in_docs_are_what_the_command_writes() {
    for (file, option) in [
        ("docs/troubleshooting.md", ""),
        ("docs/zh/troubleshooting.md", " --lang zh"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let page = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let args: Vec<_> = option.split_whitespace().collect();

        let done = explain(&[&["--markdown"], &args[..]].concat());

        let command = format!("mock-kuiper explain --markdown{option}");
        assert!(done.stdout == page, "{file} is not what `{command}` writes");
        let first = page.lines().next().unwrap();
        assert_eq!(first, format!("<!-- Written by `{command}`. -->"));
    }
}
