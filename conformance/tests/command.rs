//! The command `ekuiper-conformance` on plugins that are shell scripts: its
//! reports and its exit statuses.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A plugin with a source `ticks` that is a shell script.
struct Script {
    directory: TempDir,
}

impl Script {
    fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let plugin = directory.path().join("script");
        fs::create_dir(&plugin).unwrap();
        let executable = plugin.join("script");
        fs::write(&executable, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).unwrap();
        let this = Self { directory };
        this.manifest(
            r#"{"version":"1","language":"go","executable":"script","sources":["ticks"],"sinks":[],"functions":[]}"#,
        );
        this
    }

    /// A plugin that exits at once.
    fn exiting() -> Self {
        Self::new("echo no license >&2; exit 3")
    }

    fn manifest(&self, text: &str) {
        fs::write(self.plugin().join("script.json"), text).unwrap();
    }

    fn plugin(&self) -> PathBuf {
        self.directory.path().join("script")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn command(plugin: Option<&Path>, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ekuiper-conformance"));
    command.args(plugin).args(args).env_remove("GITHUB_ACTIONS");
    command
}

fn run(plugin: &Path, args: &[&str]) -> (i32, String, String) {
    said(command(Some(plugin), args).output().unwrap())
}

fn said(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    (status, text(output.stdout), text(output.stderr))
}

#[test]
fn a_plugin_that_is_started_by_hand_is_refused() {
    let script = Script::exiting();

    let (status, out, error) = run(&script.plugin(), &["--attach", "--release", "all"]);
    let help = said(command(None, &["--help"]).output().unwrap());

    assert_eq!((status, &*out), (2, ""));
    assert!(
        error.contains("--attach cannot be used here: each requirement"),
        "{error}"
    );
    assert!(!help.1.contains("--attach"));
}

#[test]
fn the_hidden_flag_pages_writes_completions_and_a_man_page() {
    let place = tempfile::tempdir().unwrap();
    let pages = place.path().join("pages");

    let done = said(
        command(None, &["--pages", pages.to_str().unwrap()])
            .output()
            .unwrap(),
    );

    assert_eq!(done, (0, String::new(), String::new()));
    for (file, text) in [
        ("completions/ekuiper-conformance.bash", "--expect-fail"),
        ("completions/ekuiper-conformance.fish", "-l expect-fail"),
        ("completions/_ekuiper-conformance", "--expect-fail"),
        ("man/man1/ekuiper-conformance.1", "\\-\\-expect\\-fail"),
    ] {
        let content = fs::read_to_string(pages.join(file)).unwrap();
        assert!(content.contains(text), "{file}: {content}");
        assert!(!content.contains("pages"), "{file}: {content}");
    }
    let (_, help, _) = said(command(None, &["--help"]).output().unwrap());
    assert!(!help.contains("--pages"), "{help}");
}

#[test]
fn pages_that_cannot_be_written_are_a_system_error() {
    let done = said(
        command(None, &["--pages", "/dev/null/pages"])
            .output()
            .unwrap(),
    );

    let error = "error: cannot write to /dev/null/pages: Not a directory (os error 20)\n";
    assert_eq!(done, (3, String::new(), error.to_owned()));
}

#[test]
fn a_plugin_that_exits_at_once_fails_with_its_exit_status_and_its_log() {
    let (status, out, err) = run(
        Script::exiting().plugin().as_path(),
        &["--filter", "CTL-01"],
    );

    let line = "FAILED   CTL-01 under eKuiper 2.4: the plugin exited before its greeting: exit \
                status 3\n";
    assert_eq!((status, err.as_str()), (1, line));
    assert!(out.contains("FAILED   CTL-01  The plugin dials"), "{out}");
    assert!(out.contains("exit status 3"), "{out}");
    assert!(out.contains("[plugin] no license"), "{out}");
    let lines: Vec<_> = out.lines().map(str::trim).collect();
    assert_eq!(
        lines[2],
        "tried      The plugin is launched as the release launches it."
    );
    assert_eq!(
        lines[3],
        "expected   A message comes within the release's `initTimeout`: 5 s in 1.x, 60 s in 2.x."
    );
    assert!(
        lines[4].starts_with("seen       the plugin exited"),
        "{out}"
    );
    assert!(
        lines[5].starts_with("why        Otherwise no rule"),
        "{out}"
    );
    assert!(
        out.contains("script under eKuiper 2.4: 1 failed, 0 passed, in 0."),
        "{out}"
    );
}

#[test]
fn untested_requirements_are_counted_apart_from_failures_and_name_their_cause_once() {
    let (status, out, _) = run(Script::exiting().plugin().as_path(), &["--filter", "SRC"]);

    assert_eq!(status, 1);
    assert!(out.contains("UNTESTED SRC-01"), "{out}");
    assert_eq!(out.matches("exit status 3").count(), 1, "{out}");
    let conclusion = "script under eKuiper 2.4: 0 failed, 12 untested (the plugin exited before \
                      it greeted, see CTL-01), 0 passed, 1 not applicable, in";
    assert!(out.contains(conclusion), "{out}");
}

#[test]
fn a_plugin_that_cannot_be_opened_is_judged_by_its_files() {
    let script = Script::exiting();
    script
        .manifest(r#"{"version":"1","language":"rust","executable":"script","sources":["ticks"]}"#);

    let (status, out, err) = run(
        &script.plugin(),
        &["--filter", "PKG-01", "--filter", "CTL-01"],
    );

    assert_eq!(status, 1, "{err}");
    assert!(out.contains("FAILED   PKG-01"), "{out}");
    assert!(out.contains("UNTESTED CTL-01"), "{out}");
}

#[test]
fn of_many_symbols_a_sample_is_examined_and_named_and_a_symbol_can_be_selected() {
    let script = Script::exiting();
    script.manifest(
        r#"{"version":"1","language":"go","executable":"script",
            "functions":["a","b","c","d","e","f","g"]}"#,
    );

    let (_, all, _) = run(&script.plugin(), &["--filter", "FUN-03"]);
    let (_, one, _) = run(&script.plugin(), &["--filter", "FUN-03", "--symbol", "f"]);
    let (status, _, unknown) = run(&script.plugin(), &["--symbol", "z"]);

    let sample = "note: of 7 functions, a, c, e, g were examined; `--symbol NAME` examines others";
    assert!(all.starts_with(sample), "{all}");
    assert!(!one.contains("note:"), "{one}");
    assert_eq!(status, 2);
    assert!(
        unknown.contains("--symbol: the plugin has no symbol `z`; it has `a`, `b`"),
        "{unknown}"
    );
}

#[test]
fn all_mistakes_of_the_input_are_reported_at_once_with_status_2() {
    let script = Script::exiting();
    let known = script.file("known");
    fs::write(&known, "XXX-01 all why\nCTL-01 9.9 why\n").unwrap();
    let known = known.to_str().unwrap();
    let promises = script.file("promises");
    fs::write(&promises, "# mine\ncall echo(1)=1\ncounter n\n").unwrap();
    let wrong = script.file("wrong");
    fs::write(&wrong, "counter\nresult 1\n").unwrap();
    let in_file = |promises: &Path| {
        let args = ["--promises", promises.to_str().unwrap()];
        run(&script.plugin(), &args).2
    };

    let unknown = in_file(&promises);
    let wrong = in_file(&wrong);
    let (status, out, err) = run(
        &script.plugin(),
        &[
            "--expect-fail",
            known,
            "--config",
            "tocks={}",
            "--config-file",
            "/nowhere",
        ],
    );

    assert!(
        unknown.ends_with("promises: line 2: the plugin has no function `echo`\n"),
        "{unknown}"
    );
    assert!(
        wrong.contains("wrong: line 1: expected a column"),
        "{wrong}"
    );
    assert!(wrong.contains("wrong: line 2: expected `call`"), "{wrong}");
    assert_eq!((status, out.as_str()), (2, ""));
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 4, "{err}");
    assert!(
        lines[0].contains("line 1: unknown requirement `XXX-01`"),
        "{err}"
    );
    assert!(
        lines[1].contains("line 2: CTL-01: expected a release"),
        "{err}"
    );
    assert!(
        lines[2].starts_with("error: cannot read /nowhere: "),
        "{err}"
    );
    assert!(
        lines[3].contains("no source or sink `tocks`; it has `ticks`"),
        "{err}"
    );
}

#[test]
fn a_missing_plugin_and_an_unknown_requirement_are_wrong_input() {
    assert_eq!(run(Path::new("/nowhere"), &[]).0, 2);
    assert_eq!(run(Path::new("."), &["--filter", "ABC"]).0, 2);
    let explained = command(None, &["--explain", "ABC-01"]).output().unwrap();
    assert_eq!(said(explained).0, 2);
}

#[test]
fn a_known_failure_does_not_count_and_one_that_passes_is_stale() {
    let script = Script::exiting();
    let known = script.file("known");
    let args = [
        "--filter",
        "CTL-01",
        "--write-expect-fail",
        known.to_str().unwrap(),
    ];
    assert_eq!(run(&script.plugin(), &args).0, 1);
    let written = fs::read_to_string(&known).unwrap();
    assert_eq!(written, "CTL-01  2.4  not examined yet\n");

    let args = [
        "--filter",
        "CTL-01",
        "--expect-fail",
        known.to_str().unwrap(),
    ];
    let (status, out, _) = run(&script.plugin(), &args);
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("reason     not examined yet"), "{out}");

    fs::write(&known, "PKG-01 2.4 it is there\n").unwrap();
    let args = [
        "--filter",
        "PKG-01",
        "--expect-fail",
        known.to_str().unwrap(),
    ];
    let (status, out, _) = run(&script.plugin(), &args);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("STALE    PKG-01"), "{out}");
}

#[test]
fn a_flaky_requirement_may_pass_or_fail_and_every_report_shows_it_as_flaky() {
    let script = Script::exiting();
    let flaky = script.file("flaky");
    fs::write(&flaky, "CTL-01 2.4 sometimes late\nPKG-01 all it varies\n").unwrap();
    let files = ["results.json", "junit.xml", "summary.md", "known"].map(|name| script.file(name));
    let [json, junit, summary, known] = &files;
    let path = |path: &Path| path.to_str().unwrap().to_owned();

    let mut command = command(
        Some(&script.plugin()),
        &["--filter=CTL-01", "--filter=PKG-01"],
    );
    command.args(["--expect-flaky", &path(&flaky), "--json", &path(json)]);
    command.args(["--junit", &path(junit), "--write-expect-fail", &path(known)]);
    let command = command.env("GITHUB_ACTIONS", "true");
    let command = command.env("GITHUB_STEP_SUMMARY", summary);
    let (status, out, err) = said(command.output().unwrap());

    let seen = "the plugin exited before its greeting: exit status 3";
    assert_eq!(status, 0, "{out}");
    assert_eq!(err, format!("flaky    CTL-01 under eKuiper 2.4: {seen}\n"));
    let lines: Vec<_> = out.lines().map(str::trim).collect();
    assert!(lines[1].starts_with("flaky    PKG-01  "), "{out}");
    assert_eq!(lines[2], "reason     it varies");
    assert_eq!(lines[3], "seen       it passed this time");
    assert!(lines[5].starts_with("flaky    CTL-01  "), "{out}");
    assert_eq!(lines[6], "reason     sometimes late");
    assert_eq!(lines[9], format!("seen       {seen}"));
    assert!(
        out.contains("2.4: 0 failed, 2 flaky (1 failed), 0 passed, in"),
        "{out}"
    );
    let notice =
        "::notice title=CTL-01 under eKuiper 2.4::Flaky (sometimes late): The plugin dials";
    assert!(out.contains(notice), "{out}");
    let read = |path| fs::read_to_string(path).unwrap();
    let results: Value = serde_json::from_str(&read(json)).unwrap();
    let requirements = results["runs"][0]["requirements"].as_array().unwrap();
    let told = ["id", "standing", "verdict", "reason"];
    let told = |requirement: &Value| told.map(|key| requirement[key].as_str().unwrap().to_owned());
    assert_eq!(
        told(&requirements[0]),
        ["PKG-01", "flaky", "passed", "it varies"]
    );
    assert_eq!(
        told(&requirements[1]),
        ["CTL-01", "flaky", "failed", "sometimes late"]
    );
    let xml = read(junit);
    assert!(
        xml.contains(r#"tests="2" skipped="0" errors="0" failures="0""#),
        "{xml}"
    );
    assert!(
        xml.contains(r#"<property name="flaky" value="it varies"/>"#),
        "{xml}"
    );
    assert!(
        xml.contains(r#"<property name="flaky" value="sometimes late"/>"#),
        "{xml}"
    );
    let failure = format!(r#"<flakyFailure message="{seen}" type="plugin.exited-early">"#);
    assert_eq!(xml.matches(&failure).count(), 1, "{xml}");
    let summary = read(summary);
    assert!(
        summary.contains(&format!("| (flaky) {seen} |")),
        "{summary}"
    );
    assert_eq!(read(known), "");
}

#[test]
fn a_flaky_requirement_is_flaky_only_under_its_releases_and_only_if_it_is_selected() {
    let script = Script::exiting();
    let flaky = script.file("flaky");
    fs::write(&flaky, "CTL-01 1.13 sometimes late\n").unwrap();
    let flaky = flaky.to_str().unwrap();
    let with = |filter, releases| {
        let args = [
            "--filter",
            filter,
            "--release",
            releases,
            "--expect-flaky",
            flaky,
        ];
        let (status, out, _) = run(&script.plugin(), &args);
        let conclusions = out.lines().filter(|line| line.starts_with("script under"));
        let conclusion = |line: &str| line.rsplit_once(", in ").unwrap().0.to_owned();
        (status, conclusions.map(conclusion).collect::<Vec<_>>())
    };

    assert_eq!(
        with("CTL-01", "1.13,2.4"),
        (
            1,
            vec![
                "script under eKuiper 1.13: 0 failed, 1 flaky (1 failed), 0 passed".to_owned(),
                "script under eKuiper 2.4: 1 failed, 0 passed".to_owned(),
            ]
        )
    );
    assert_eq!(
        with("PKG-01", "1.13"),
        (
            0,
            vec!["script under eKuiper 1.13: 0 failed, 1 passed".to_owned()]
        )
    );
}

#[test]
fn all_mistakes_of_the_flaky_requirements_are_reported_at_once_with_status_2() {
    let script = Script::exiting();
    let (known, flaky) = (script.file("known"), script.file("flaky"));
    fs::write(&known, "CTL-01 2.4 why\nPKG-01 1.13 why\n").unwrap();
    fs::write(&flaky, "CTL-01 all y\nPKG-01 2.4 y\n").unwrap();
    let with = |extra: &[&str]| {
        let files = [&known, &flaky].map(|path| path.to_str().unwrap());
        let args = ["--expect-fail", files[0], "--expect-flaky", files[1]];
        let (status, out, err) = run(&script.plugin(), &[&args, extra].concat());
        assert_eq!((status, out.as_str()), (2, ""), "{err}");
        err.replace(script.directory.path().to_str().unwrap(), "DIR")
    };

    let page = script.file("page.html");
    let both = with(&["--filter", "CTL-99", "--html", page.to_str().unwrap()]);
    assert!(!page.exists());
    fs::write(
        &flaky,
        "CTL-1 2.4 y\nsnk-03 2.4 y\nXXX-00 2.4 y\nCTL-02 2.9 y\nCTL-03 all\n",
    )
    .unwrap();
    let unknown = with(&[]);

    assert_eq!(
        both,
        "error: --filter: no requirement begins with `CTL-99`; `--list` shows all of them\n\
         error: DIR/flaky: line 1: CTL-01 is a known failure under 2.4, too; delete one entry\n"
    );
    assert_eq!(
        unknown,
        "error: DIR/flaky: line 1: unknown requirement `CTL-1`; did you mean `CTL-01`? `--list` \
         shows all of them\n\
         error: DIR/flaky: line 2: unknown requirement `snk-03`; did you mean `SNK-03`? `--list` \
         shows all of them\n\
         error: DIR/flaky: line 3: unknown requirement `XXX-00`; `--list` shows all of them\n\
         error: DIR/flaky: line 4: CTL-02: expected a release, e.g. 2.4 or 1.13,2.0 or all, got \
         `2.9`\n\
         error: DIR/flaky: line 5: CTL-03: missing reason after the releases\n"
    );
}

#[test]
fn a_failed_should_is_a_warning_and_with_strict_a_failure() {
    let script = Script::exiting();

    let (status, out, _) = run(&script.plugin(), &["--filter", "PKG-02"]);
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("warning  PKG-02"), "{out}");
    assert!(out.contains("0 failed, 1 warning, 0 passed"), "{out}");
    let (status, out, _) = run(&script.plugin(), &["--filter", "PKG-02", "--strict"]);
    assert_eq!(status, 1, "{out}");
}

#[test]
fn results_are_written_as_json_junit_and_a_web_page() {
    let script = Script::exiting();
    let (json, junit) = (script.file("results.json"), script.file("junit.xml"));
    let html = script.file("results.html");

    run(
        &script.plugin(),
        &[
            "--filter",
            "CTL-01",
            "--release",
            "1.13,2.4",
            "--json",
            json.to_str().unwrap(),
            "--junit",
            junit.to_str().unwrap(),
            "--html",
            html.to_str().unwrap(),
        ],
    );

    let html = fs::read_to_string(html).unwrap();
    assert!(
        html.contains("<title>Conformance of script</title>"),
        "{html}"
    );
    assert!(html.contains("title=\"1.13: failed\""), "{html}");
    assert!(html.contains("[plugin] no license"), "{html}");
    let json: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(json["runs"][0]["release"], "1.13");
    let requirement = &json["runs"][1]["requirements"][0];
    let expected = "A message comes within the release's `initTimeout`: 5 s in 1.x, 60 s in 2.x.";
    assert_eq!(requirement["expected"], expected);
    assert_eq!(requirement["id"], "CTL-01");
    assert_eq!(requirement["standing"], "failed");
    assert_eq!(requirement["code"], "plugin.exited-early");
    assert!(
        requirement["seen"]
            .as_str()
            .unwrap()
            .contains("exit status 3")
    );
    let junit = fs::read_to_string(junit).unwrap();
    assert!(
        junit.contains(r#"<testsuite name="script under eKuiper 2.4" tests="1""#),
        "{junit}"
    );
    assert!(junit.contains("<failure message="), "{junit}");
    assert!(
        junit.contains("expected: A message comes within"),
        "{junit}"
    );
    assert!(junit.contains("type=\"plugin.exited-early\""), "{junit}");
}

#[test]
fn what_xml_forbids_in_a_log_is_escaped_in_junit() {
    let script = Script::new(r"printf 'no \357\277\276 \033 license\n' >&2; exit 3");
    let junit = script.file("junit.xml");
    let path = junit.to_str().unwrap();

    run(&script.plugin(), &["--filter", "CTL-01", "--junit", path]);

    let xml = fs::read_to_string(&junit).unwrap();
    assert!(
        xml.contains(r"[plugin] no \u{fffe} \u{1b} license"),
        "{xml}"
    );
    assert!(!xml.contains(['\u{fffe}', '\u{1b}']), "{xml}");
}

#[test]
fn a_result_is_written_as_soon_as_it_is_known() {
    // CTL-01 waits a minute for its greeting.
    let script = Script::new("exec sleep 100");
    let events = script.file("events.jsonl");
    let path = events.to_str().unwrap();
    let args = ["--filter=PKG-02", "--filter=CTL-01", "--events", path];
    let mut running = command(Some(&script.plugin()), &args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(running.stderr.take().unwrap());

    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    let ended = running.try_wait().unwrap();
    running.kill().unwrap();
    running.wait().unwrap();

    assert_eq!(ended, None, "{line}");
    assert!(
        line.starts_with("warning  PKG-02 under eKuiper 2.4: sources/ticks.yaml: "),
        "{line}"
    );
    let event: Value = serde_json::from_slice(&fs::read(events).unwrap()).unwrap();
    assert_eq!(event["id"], "PKG-02");
    assert_eq!(event["release"], "2.4");
    assert_eq!(event["standing"], "tolerated");
}

#[test]
fn an_interrupt_ends_the_run_with_what_was_found_and_leaves_no_process_behind() {
    // CTL-01 waits a minute for its greeting.
    let script = Script::new("echo $$ >\"$(dirname \"$0\")/pid\"; exec sleep 100");
    let (known, junit) = (script.file("known"), script.file("junit.xml"));
    let args = [
        "--filter",
        "PKG-02",
        "--filter",
        "CTL-01",
        "--release",
        "2.4,2.3",
        "--junit",
        junit.to_str().unwrap(),
        "--write-expect-fail",
        known.to_str().unwrap(),
    ];
    let mut running = command(Some(&script.plugin()), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(running.stderr.take().unwrap());
    let mut err = String::new();
    errors.read_line(&mut err).unwrap();
    let read = || fs::read_to_string(script.plugin().join("pid"));
    let plugin = wait_for(|| read().ok()?.trim().parse().ok());

    let sent = Instant::now();
    let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let (status, out, _) = said(running.wait_with_output().unwrap());
    errors.read_to_string(&mut err).unwrap();
    let took = sent.elapsed();

    assert_eq!(status, 130, "{err}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert!(out.contains("warning  PKG-02"), "{out}");
    let conclusion = "script under eKuiper 2.4: interrupted with 1 requirement left, 0 failed, 1 \
                      warning, 0 passed";
    assert!(out.contains(conclusion), "{out}");
    assert!(
        err.contains("incomplete, and 1 release was not tried"),
        "{err}"
    );
    assert!(
        err.contains("--write-expect-fail: nothing was written"),
        "{err}"
    );
    assert!(!known.exists());
    let junit = fs::read_to_string(junit).unwrap();
    assert!(junit.contains("<testcase name=\"interrupted\">"), "{junit}");
    let plugin = Pid::from_raw(plugin).unwrap();
    wait_for(|| test_kill_process(plugin).err());
}

/// Waits until a value is there, at most 20 s.
fn wait_for<T>(value: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match value() {
            Some(value) => return value,
            None => assert!(Instant::now() < end, "it took too long"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn github_shows_annotations_and_a_summary() {
    let script = Script::exiting();
    let summary = script.file("summary.md");

    let output = command(Some(&script.plugin()), &["--filter", "CTL-01"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();

    let (_, out, _) = said(output);
    assert!(
        out.contains("\n::error title=CTL-01 under eKuiper 2.4::The plugin dials"),
        "{out}"
    );
    assert!(out.contains("(plugin.exited-early)"), "{out}");
    let summary = fs::read_to_string(summary).unwrap();
    assert!(
        summary.starts_with("### script under eKuiper 2.4: 1 failed, 0 passed\n"),
        "{summary}"
    );
    assert!(summary.contains("\n| CTL-01 | "), "{summary}");
}

#[test]
fn secrets_are_hidden_in_every_report() {
    let script = Script::new("echo \"the password is $PASSWORD\"; exit 3");
    let (json, junit) = (script.file("results.json"), script.file("junit.xml"));
    let events = script.file("events.jsonl");

    let (_, out, err) = run(
        &script.plugin(),
        &[
            "--filter",
            "CTL-01",
            "--env",
            "PASSWORD=hunter2",
            "--redact",
            "PASSWORD",
            "--events",
            events.to_str().unwrap(),
            "--json",
            json.to_str().unwrap(),
            "--junit",
            junit.to_str().unwrap(),
        ],
    );

    for text in [
        out,
        fs::read_to_string(json).unwrap(),
        fs::read_to_string(junit).unwrap(),
        fs::read_to_string(events).unwrap(),
    ] {
        assert!(text.contains("the password is [redacted]"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(!err.contains("hunter2"), "{err}");
}

#[test]
fn requirements_are_listed_and_explained() {
    let (status, listed, _) = said(
        command(None, &["--list", "--release", "1.13"])
            .output()
            .unwrap(),
    );
    assert_eq!(status, 0);
    assert!(
        listed.contains("CTL-01  MUST    The plugin dials"),
        "{listed}"
    );
    assert!(!listed.contains("SNK-03"), "1.13 reads no acks: {listed}");

    let (status, explained, _) = said(command(None, &["--explain", "SNK-03"]).output().unwrap());
    assert_eq!(status, 0);
    assert!(
        explained.starts_with("SNK-03  MUST, releases: 2.0 and later\n"),
        "{explained}"
    );
}
