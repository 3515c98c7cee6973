//! Made-up results, one for each verdict, for the tests of all reports.

use std::time::Duration;

use mock_kuiper::scenario::{
    CaseResult, Difference, Failure, LogLine, Place, Results, StepTime, Verdict,
};
use mock_kuiper::{Finding, Frame, Kind, Observed, Side};

/// Text that a terminal, HTML, XML, Markdown or a workflow command acts on.
pub(super) const HOSTILE: &str = "\x1b[2J</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&|`]]>%0A::error::\
     \u{202e}\r\nhttp://127.0.0.1:9/x.png \u{0}\u{1}\u{fffe}";

const ECHO: &str = "tests/echo.test.yaml";
const SINK: &str = "tests/sink.test.yaml";

fn at(line: usize) -> Place {
    Place { line, column: 3 }
}

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

fn difference(pointer: &str, expected: &str, seen: Option<&str>) -> Difference {
    Difference {
        pointer: pointer.to_owned(),
        expected: expected.to_owned(),
        seen: seen.map(str::to_owned),
    }
}

fn frame(at: u64, channel: &str, from: Side, meaning: &'static str, body: &str) -> Frame {
    Frame {
        at: ms(at),
        channel: channel.to_owned(),
        from,
        id: None,
        body: body.into(),
        meaning,
    }
}

fn step(step: &str, line: usize, began: u64, ended: u64) -> StepTime {
    StepTime {
        step: step.to_owned(),
        place: at(line),
        began: ms(began),
        ended: ms(ended),
    }
}

fn case(file: &str, line: usize, name: &str, verdict: Verdict) -> CaseResult {
    CaseResult::new(file, at(line), name, "2.4", verdict)
}

/// A case that passed.
pub(super) fn passed() -> CaseResult {
    let mut case = case(ECHO, 5, "mean is an aggregate", Verdict::Passed);
    case.took = ms(31);
    case.steps = vec![step("call mean([1, 2])", 7, 20, 31)];
    case.frames = vec![
        frame(
            21,
            "mean",
            Side::Host,
            "request",
            r#"{"func":"IsAggregate"}"#,
        ),
        frame(
            22,
            "mean",
            Side::Plugin,
            "reply",
            r#"{"state":true,"result":true}"#,
        ),
    ];
    case
}

/// A case with a row that is not as expected.
pub(super) fn failed() -> CaseResult {
    let mut case = case(ECHO, 12, "echo returns its argument", Verdict::Failed);
    case.took = ms(2014);
    let mut failure = Failure::new("rows src", at(14), "1 row is not as expected");
    failure.differences = vec![
        difference("/0/message/count", r#"{"$gte":50}"#, Some("12")),
        difference("/0/message/unit", "nothing", Some(r#""K""#)),
        difference("/0/meta", "null", None),
    ];
    case.failures = vec![failure];
    case.notes = vec!["`acks` is ignored: eKuiper 1.13 has no acks".to_owned()];
    let line = |number| LogLine {
        at: ms(number),
        text: format!("INFO line {number}"),
    };
    case.log = (0..12).map(line).collect();
    let row = r#"{"message":{"count":12,"unit":"K"}}"#;
    case.frames = vec![
        frame(1, "plugin_mirror", Side::Plugin, "greeted", "handshake"),
        frame(
            2,
            "plugin_mirror",
            Side::Host,
            "order",
            r#"{"cmd":"start","arg":"…"}"#,
        ),
        frame(4, "plugin_mirror", Side::Plugin, "answer", "ok"),
        frame(14, "mirror_rule1_src", Side::Plugin, "row", row),
    ];
    case.steps = vec![
        step("start source random", 13, 1, 4),
        step("rows src", 14, 4, 2014),
    ];
    case.command = "mock-kuiper test tests/echo.test.yaml --filter 'echo returns its argument' \
                    --release 2.4"
        .to_owned();
    case
}

/// A case that failed with a finding.
pub(super) fn finding() -> CaseResult {
    let name = "random starts";
    let mut case = CaseResult::new(ECHO, at(31), name, "1.13", Verdict::Failed);
    case.took = ms(12);
    let finding = Finding::new(Observed::OrderRefused {
        command: mock_kuiper::engine::wire::Command::Start,
        text: "missing field `url`".to_owned(),
    });
    let finding = finding.of(Kind::Source, "random");
    let mut failure = Failure::new("start source random", at(33), finding.to_string());
    failure.finding = Some(finding);
    case.failures = vec![failure];
    case
}

/// A case that passed at the second attempt, with what was seen of the first.
pub(super) fn flaky() -> CaseResult {
    let mut case = case(SINK, 3, "append survives a crash", Verdict::Flaky);
    case.attempts = 2;
    case.took = ms(412);
    case.failures = vec![Failure::new("send out", at(9), "no ack came within 5s")];
    let (host, plugin) = (Side::Host, Side::Plugin);
    case.frames = vec![
        frame(28, "plugin_mirror", plugin, "greeted", "handshake"),
        frame(
            29,
            "plugin_mirror",
            host,
            "order",
            r#"{"cmd":"start","arg":"…"}"#,
        ),
        frame(33, "plugin_mirror", plugin, "answer", "ok"),
    ];
    for number in 0..60 {
        let at = 60 + number * 4 + number % 7;
        let row = format!(r#"[{{"a":{number}}}]"#);
        case.frames
            .push(frame(at, "mirror_rule1_out", host, "sink_row", &row));
        case.frames
            .push(frame(at + 1, "mirror_rule1_out_ack", plugin, "ack", "{}"));
    }
    case.frames.extend([
        frame(
            380,
            "plugin_mirror",
            host,
            "order",
            r#"{"cmd":"stop","arg":"…"}"#,
        ),
        frame(381, "plugin_mirror", plugin, "answer", "ok"),
    ]);
    case.steps = vec![
        step("start sink append", 5, 28, 34),
        step("send out", 9, 34, 190),
        step("fault kill=200ms", 10, 190, 230),
        step("send out", 11, 230, 378),
        step("stop out", 12, 378, 382),
        step("file ${tmp}/rows", 13, 382, 412),
    ];
    case
}

/// A case whose plugin cannot be built.
pub(super) fn invalid() -> CaseResult {
    let mut case = case(SINK, 20, "the plugin is built", Verdict::Invalid);
    let text =
        "the plugin cannot be built:\nerror[E0425]: cannot find value `x`\n --> src/main.rs:3:5";
    case.failures = vec![Failure::new("plugin", at(1), text)];
    case
}

/// A case that a system error stopped.
pub(super) fn error() -> CaseResult {
    let mut case = case(SINK, 28, "a port is free", Verdict::Error);
    let text = "cannot bind 127.0.0.1: permission denied";
    case.failures = vec![Failure::new("setup", at(29), text)];
    case
}

/// A case that did not run.
pub(super) fn skipped() -> CaseResult {
    let mut case = case(SINK, 40, "comes last", Verdict::Skipped);
    case.attempts = 0;
    case
}

/// A case in which everything foreign is hostile or endless.
pub(super) fn hostile() -> CaseResult {
    let long = format!("{HOSTILE}{}", "x".repeat(1 << 16));
    let mut case = case(
        &format!("tests/{HOSTILE}.test.yaml"),
        1,
        HOSTILE,
        Verdict::Failed,
    );
    case.took = ms(10_000);
    let finding = Finding::new(Observed::AckError { text: long.clone() });
    let mut failure = Failure::new(HOSTILE, at(2), format!("{HOSTILE}\n").repeat(1000));
    failure.differences = vec![difference(HOSTILE, HOSTILE, Some(HOSTILE)); 1000];
    failure.differences[0] = difference(&long, &long, Some(&long));
    failure.finding = Some(finding.of(Kind::Sink, HOSTILE));
    case.failures = vec![failure];
    case.notes = vec![long.clone()];
    case.output = vec![long.clone(); 20];
    case.log = vec![
        LogLine {
            at: ms(1),
            text: long.clone()
        };
        200
    ];
    let channels = [
        "plugin_mirror",
        "mirror_rule1_src",
        "mirror_out",
        "echo",
        HOSTILE,
    ];
    case.frames = (0..10_000)
        .map(|number| {
            let side = [Side::Host, Side::Plugin][number % 2];
            let body = format!("{number} {HOSTILE}");
            let channel = channels[number * 7 / 5 % channels.len()];
            frame(number as u64, channel, side, "row", &body)
        })
        .collect();
    case.steps = (0..1000)
        .map(|number| step(HOSTILE, number as usize + 3, number * 10, number * 10 + 8))
        .collect();
    case.command = format!("mock-kuiper test {HOSTILE}");
    case
}

/// All of them.
pub(super) fn all() -> Results {
    let mut results = Results::default();
    results.plugins = vec!["mirror".to_owned()];
    results.cases = vec![
        passed(),
        failed(),
        finding(),
        flaky(),
        invalid(),
        error(),
        skipped(),
        hostile(),
    ];
    results.took = ms(1234);
    results.seed = Some(7);
    results
}

/// The hostile case alone.
pub(super) fn hostile_alone() -> Results {
    let mut results = all();
    results.plugins = vec![HOSTILE.to_owned()];
    results.cases.retain(|case| case.name == HOSTILE);
    results
}
