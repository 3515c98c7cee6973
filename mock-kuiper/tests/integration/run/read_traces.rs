//! `mock-kuiper trace`: conversations of real eKuipers and of the mock, and files
//! that are no traces.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::common::Plugin;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn trace(file: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    command.arg("trace").arg(file).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A file with these bytes.
fn file(bytes: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = place.path().join("trace");
    fs::write(&path, bytes).unwrap();
    (place, path)
}

#[test]
fn every_recorded_vector_is_shown_line_by_line_and_summarized() {
    let mut files = 0;
    for entry in fs::read_dir(vectors()).unwrap() {
        let path = entry.unwrap().path();
        let lines = fs::read_to_string(&path).unwrap().lines().count();

        let shown = trace(&path, &[]);
        let summary = trace(&path, &["--summary"]);

        assert_eq!(stderr(&shown), "", "{path:?}");
        assert_eq!(stdout(&shown).lines().count(), lines, "{path:?}");
        assert!(!stdout(&shown).contains(" raw "), "{path:?}");
        assert_eq!(stderr(&summary), "", "{path:?}");
        let text = stdout(&summary);
        assert!(!text.contains("unknown:"), "{text}");
        assert!(!text.contains("the time goes back"), "{text}");
        files += 1;
    }
    assert_eq!(files, 14);
}

#[test]
fn a_line_has_the_time_the_channel_the_sender_the_kind_and_what_it_says() {
    let vector = vectors().join("ekuiper-2.4.0-python-errors.jsonl");

    let shown = stdout(&trace(&vector, &["--filter", "t=..1.1786"]));

    assert_eq!(
        shown.lines().collect::<Vec<_>>(),
        [
            "eKuiper 2.4.0 with Python SDK 2.4.2, with refused calls, failed acks and broken rows; \
             449 messages were left out",
            "   0.0000                 launch       with {\"sendTimeout\":1000}",
            "   0.1043  plugin_pyprobe ← connected    dialed by the plugin",
            "   0.1051  plugin_pyprobe ← sp           a REQ socket",
            "   0.1053  plugin_pyprobe → sp           a REP socket",
            "   0.1056  plugin_pyprobe ← greeting     handshake",
            "   1.1339  plugin_pyprobe → order        start function `pfn`",
            "   1.1552  func_pfn       ← connected    dialed by the plugin",
            "   1.1558  func_pfn       ← sp           a REQ socket",
            "   1.1559  func_pfn       → sp           a REP socket",
            "   1.1566  func_pfn       ← greeting     handshake",
            "   1.1569  plugin_pyprobe ← answer       ok after 23.0 ms",
            "   1.1776  func_pfn       → request      IsAggregate()",
            "   1.1782  func_pfn       ← reply        false after 0.6 ms",
            "   1.1785  func_pfn       → request      Validate(n)",
        ]
    );
}

#[test]
fn conditions_of_one_key_match_any_and_those_of_different_keys_all() {
    let vector = vectors().join("ekuiper-2.4.0-python-errors.jsonl");
    let filtered = |conditions: &[&str]| {
        let args = conditions
            .iter()
            .flat_map(|condition| ["--filter", condition]);
        let shown = stdout(&trace(&vector, &args.collect::<Vec<_>>()));
        shown.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };

    let some = filtered(&["kind=order", "kind=answer", "symbol=psrc", "t=0..5"]);
    assert!(
        some[0].contains("start source `psrc` of rule a1"),
        "{some:?}"
    );
    assert!(some[1].contains("ok after 24.6 ms"), "{some:?}");
    assert!(
        some.iter().all(|line| line.contains(" plugin_pyprobe ")),
        "{some:?}"
    );
    let acks = filtered(&["channel=a1_psink*", "from=plugin", "kind=ack"]);
    assert_eq!(acks.len(), 24);
    assert!(
        acks.iter().all(|line| line.contains("_ack ← ack ")),
        "{acks:?}"
    );
}

#[test]
fn a_wrong_condition_is_refused_with_the_possible_ones() {
    let vector = vectors().join("ekuiper-2.4.0-go.jsonl");
    for (condition, text) in [
        (
            "rows",
            "there is no `rows` to filter by; the keys are channel, kind, symbol, from, t, for example kind=order",
        ),
        (
            "kind=rows",
            "there is no kind `rows`; the kinds are launch, exit, connected, closed, event, sp, greeting, order, answer, request, reply, row, invalid_row, sink_row, ack, stale, resent, late, cut, raw",
        ),
        ("from=me", "`from` is `host` or `plugin`, not `me`"),
        (
            "t=5",
            "`t` is a range of seconds such as 1.5..3, 1.5.. or ..3, not `5`",
        ),
        (
            "t=3..2",
            "`t` is a range of seconds such as 1.5..3, 1.5.. or ..3, not `3..2`",
        ),
        ("symbol=", "`symbol` needs a value: symbol=…"),
    ] {
        let output = trace(&vector, &["--filter", condition]);

        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(text), "{}", stderr(&output));
    }
}

#[test]
fn a_filter_that_no_line_matches_is_refused_with_what_the_trace_has() {
    let vector = vectors().join("ekuiper-2.4.0-python-errors.jsonl");
    let shown = vector.display();
    for (args, text) in [
        (
            &["--filter", "symbol=nope"][..],
            "no line matches symbol=nope; the symbols are pfn, psink, psrc",
        ),
        (
            &[
                "--filter",
                "symbol=nope",
                "--filter",
                "symbol=x*",
                "--summary",
            ],
            "no line matches symbol=nope, symbol=x*; the symbols are pfn, psink, psrc",
        ),
        (
            &["--filter", "t=900..", "--html", "-"],
            "no line matches t=900..; the lines are from 0 s to 17.4895 s",
        ),
        (
            &["--filter", "kind=row", "--filter", "symbol=psink"],
            "no line matches kind=row, symbol=psink; each of these keys matches other lines",
        ),
    ] {
        let output = trace(&vector, args);

        assert_eq!(output.status.code(), Some(2));
        assert_eq!(stderr(&output), format!("error: {shown}: {text}\n"));
    }
    let other = vectors().join("ekuiper-1.14.7-python-errors.jsonl");
    let other = other.to_str().unwrap();
    let none = trace(&vector, &["--filter", "symbol=nope", "--diff", other]);
    assert_eq!(none.status.code(), Some(2));
    assert_eq!(
        stderr(&none),
        format!(
            "error: {shown} and {other}: no line matches symbol=nope; the symbols are pfn, psink, \
             psrc\n"
        )
    );
}

#[test]
fn the_findings_of_a_summary_are_those_that_match() {
    let vector = vectors().join("ekuiper-1.14.7-python-errors.jsonl");
    for (conditions, status, found) in [
        (&["symbol=pfn"][..], 1, "\n2 findings\n  function.error: "),
        (
            &["symbol=pfn", "t=..2"],
            1,
            "\n1 finding\n  function.error: ",
        ),
        (&["symbol=pfn", "t=..0.5"], 0, "\nno findings\n"),
        (&["kind=row"], 0, "\nno findings\n"),
        (
            &["kind=ack", "symbol=psink"],
            1,
            "\n18 findings\n  ack.error: ",
        ),
    ] {
        let args = conditions
            .iter()
            .flat_map(|condition| ["--filter", condition])
            .chain(["--summary"]);

        let output = trace(&vector, &args.collect::<Vec<_>>());

        let text = stdout(&output);
        assert!(text.contains(found), "{text}");
        assert_eq!(output.status.code(), Some(status), "{text}");
        let line = |code| text.contains(&format!("  {code}: line "));
        assert!(!line("row.not-json") && !line("order.greeting"), "{text}");
    }
}

#[test]
fn a_summary_has_rates_and_durations_and_fails_with_what_is_proven() {
    let (_place, path) = file(concat!(
        "{\"host\":\"eKuiper 2.4.0\",\"plugin\":\"p\"}\n",
        "{\"t\":0,\"event\":\"launch\"}\n",
        "{\"t\":0.5,\"channel\":\"plugin_p\",\"from\":\"plugin\",\"id\":\"80000001\",\"text\":\"handshake\"}\n",
        "{\"t\":1,\"channel\":\"r_s_0\",\"from\":\"plugin\",\"text\":\"{\\\"message\\\":{}}\"}\n",
        "{\"t\":1.5,\"channel\":\"r_s_0\",\"from\":\"plugin\",\"text\":\"{\\\"message\\\":{}}\"}\n",
        "{\"t\":3,\"channel\":\"r_s_0\",\"from\":\"plugin\",\"text\":\"no row\"}\n",
        "{\"t\":3,\"channel\":\"func_f\",\"from\":\"host\",\"id\":\"80000001\",\"text\":\"{\\\"func\\\":\\\"IsAggregate\\\",\\\"arg\\\":null}\"}\n",
        "{\"t\":3.25,\"channel\":\"func_f\",\"from\":\"plugin\",\"id\":\"80000002\",\"text\":\"{\\\"state\\\":true,\\\"result\\\":false}\"}\n",
        "{\"t\":4,\"channel\":\"r_s_0\"",
    ));

    let output = trace(&path, &["--summary"]);

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stdout(&output),
        "eKuiper 2.4.0 with p\n\
         6 messages in 3.25 s, 1 launch\n  \
         plugin_p  control: 0 orders\n  \
         r_s_0     source: 3 rows, 1 invalid, 1.0 per second, longest pause 1500.0 ms before line 6\n  \
         func_f    function f: 1 request, answer in 250.0 ms\n\
         1 finding\n  \
         row.not-json: line 6, 3.0000 s: the plugin sent an invalid row: expected a row \
         {\"message\":{…},\"meta\":{…}}, got `no row`, which is not JSON: expected ident at line 1 column 2\n\
         `mock-kuiper explain row.not-json` says what to do\n"
    );
    assert_eq!(
        stderr(&output),
        format!(
            "note: {}: the last line is incomplete and was left out\n",
            path.display()
        )
    );
}

#[test]
fn what_is_not_a_trace_is_refused_with_its_line() {
    let header = "{\"host\":\"h\",\"plugin\":\"p\"}\n";
    for (bytes, text) in [
        (
            Vec::new(),
            "line 1: the file is empty; a trace begins with the line",
        ),
        (
            vec![0; 10 << 20],
            "line 1: this is not a trace: it is not JSON: expected value (column 1): \\u{0}",
        ),
        (
            b"\x7fELF\x02\x01\x01".to_vec(),
            "line 1: this is not a trace: it is not JSON",
        ),
        (
            [header.as_bytes(), &[b'x'; 10 << 20], b"\n"].concat(),
            "line 2: it is not JSON: expected value (column 1): xxx",
        ),
        (
            format!("{header}{{\"t\":1,\"event\":\"\x1b[2J\"}}\n").into_bytes(),
            "line 2: it is not JSON: control character",
        ),
    ] {
        let (_place, path) = file(&bytes);

        let output = trace(&path, &[]);

        let shown = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{shown}");
        assert!(
            shown.starts_with(&format!("error: {}: {text}", path.display())),
            "{shown}"
        );
        assert!(shown.lines().count() == 1 && shown.len() < 1000, "{shown}");
        assert!(!shown.contains('\x1b'), "{shown}");
    }
    let directory = trace(&vectors(), &[]);
    assert_eq!(directory.status.code(), Some(2));
    assert!(
        stderr(&directory).contains("Is a directory"),
        "{}",
        stderr(&directory)
    );
}

#[test]
fn nothing_in_a_trace_reaches_the_terminal_as_a_command() {
    let evil = "\\u001b[2J\\u202e\\n";
    let (_place, path) = file(format!(
        "{{\"host\":\"{evil}\",\"plugin\":\"{evil}\"}}\n\
         {{\"t\":0,\"event\":\"{evil}\"}}\n\
         {{\"t\":0,\"event\":\"launch\",\"argument\":\"{evil}\"}}\n\
         {{\"t\":0,\"event\":\"exit\",\"status\":\"{evil}\"}}\n\
         {{\"t\":0,\"channel\":\"{evil}\",\"from\":\"plugin\",\"text\":\"{evil}\"}}\n\
         {{\"t\":0,\"channel\":\"func_{evil}\",\"from\":\"host\",\"text\":\"{evil}\"}}\n\
         {{\"t\":0,\"channel\":\"func_{evil}\",\"from\":\"plugin\",\"text\":\"{evil}\"}}\n\
         {{\"t\":0,\"channel\":\"c_ack\",\"from\":\"plugin\",\"text\":\"{{\\\"error\\\":\\\"{evil}\\\"}}\"}}\n\
         {{\"t\":0,\"channel\":\"c\",\"from\":\"plugin\",\"sp\":\"{evil}\"}}\n"
    ));

    for args in [&[][..], &["--bodies"], &["--summary"]] {
        let shown = stdout(&trace(&path, args));

        assert!(shown.contains("\\u{1b}[2J\\u{202e}"), "{shown}");
        assert!(!shown.contains(['\x1b', '\u{202e}']), "{shown}");
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let line = "{\"t\":0,\"channel\":\"r_s_0\",\"from\":\"plugin\",\"text\":\"{}\"}\n";
    let (_place, path) = file(format!(
        "{{\"host\":\"h\",\"plugin\":\"p\"}}\n{}",
        line.repeat(20_000)
    ));
    let mut child = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"))
        .arg("trace")
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    drop(out);

    let output = child.wait_with_output().unwrap();

    assert_eq!(first, "h with p\n");
    assert_eq!(
        (output.status.code(), stderr(&output).as_str()),
        (Some(0), "")
    );
}

#[test]
fn a_run_of_the_mock_is_understood_and_proves_nothing() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let path = plugin.place().join("trace");
    let call = format!("{}(1)", plugin.function("echo"));
    let args = ["--count", "3", "--require-ack", "--call", &call, "--trace"];
    let done = plugin.run(&[&args[..], &[path.to_str().unwrap()]].concat());
    done.assert_status(0);

    let output = trace(&path, &["--summary"]);
    let calls = stdout(&trace(
        &path,
        &["--filter", "kind=request", "--filter", "kind=reply"],
    ));

    let text = stdout(&output);
    assert!(text.contains("source random: "), "{text}");
    assert!(text.contains("acks of sink append: "), "{text}");
    assert!(text.ends_with("no findings\n"), "{text}");
    assert_eq!(output.status.code(), Some(0));
    assert!(calls.contains("Exec(1) in rule "), "{calls}");
}

#[test]
fn every_recorded_vector_is_a_page_and_does_not_differ_from_itself() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let page = place.path().join("page.html");
    for entry in fs::read_dir(vectors()).unwrap() {
        let path = entry.unwrap().path();

        let html = trace(&path, &["--html", page.to_str().unwrap()]);
        let diff = trace(&path, &["--diff", path.to_str().unwrap()]);

        assert_eq!(
            (html.status.code(), stdout(&html).as_str()),
            (Some(0), ""),
            "{path:?}"
        );
        let text = fs::read_to_string(&page).unwrap();
        assert!(
            text.starts_with("<!doctype html>") && text.len() < 4 << 20,
            "{path:?}"
        );
        assert!(text.contains("Conversation"), "{path:?}");
        assert_eq!(diff.status.code(), Some(0), "{}", stdout(&diff));
        assert!(
            stdout(&diff).contains("\nno differences of "),
            "{}",
            stdout(&diff)
        );
    }
}

#[test]
fn two_traces_differ_in_the_messages_that_only_one_has() {
    let old = vectors().join("ekuiper-1.14.7-python-errors.jsonl");
    let new = vectors().join("ekuiper-2.4.0-python-errors.jsonl");

    let output = trace(
        &old,
        &["--diff", new.to_str().unwrap(), "--filter", "kind=order"],
    );

    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains(
            "- line 27: control: order start source `psrc` with dataSource {\"a\":number,"
        ),
        "{text}"
    );
    assert!(
        text.contains("+ line 28: control: order start source `psrc` {\"datasource\":string,"),
        "{text}"
    );
}

#[test]
fn nothing_in_a_trace_is_markup() {
    let (_place, path) = file(concat!(
        "{\"host\":\"<b>h\",\"plugin\":\"<script>p\"}\n",
        "{\"t\":1e300,\"channel\":\"<i>r_s_0\",\"from\":\"plugin\",\"text\":\"<script>alert(1)</script>\"}\n",
        "{\"t\":-5,\"channel\":\"<i>r_s_0\",\"event\":\"closed\"}\n",
    ));

    let output = trace(&path, &["--html", "-"]);

    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0));
    for foreign in ["<b>h", "<script>p", "<i>r", "<script>alert"] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    assert!(text.contains("&lt;script&gt;alert(1)"), "{text}");
}

#[test]
fn lengths_that_no_message_has_are_no_panic() {
    let line = format!(
        r#"{{"t":1,"channel":"c","from":"host","text":"a","length":{}}}"#,
        u64::MAX
    );
    let (_place, path) = file(format!(
        "{{\"host\":\"eKuiper 2.4.0\",\"plugin\":\"p\"}}\n{line}\n{line}\n"
    ));

    for args in [["--summary"], ["--html=-"]] {
        let output = trace(&path, &args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}
