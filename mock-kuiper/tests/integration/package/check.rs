use std::fs;

use serde_json::Value;

use super::common::{Done, JSON, Plugin, mock_kuiper};

#[test]
fn a_valid_plugin_has_an_ok_line_for_each_file() {
    let plugin = Plugin::new();
    plugin.write("install.sh", "true\n");

    let done = plugin.run("check", &["--strict"]);

    assert_eq!(
        done.stdout,
        "\
ok       mirror.json: 1.0.0, native; 1 source, 1 sink, 1 function; install it under the name `mirror`
ok       mirror: a script for `/bin/sh`
ok       sources/ticks.yaml: sections `default`, `fast`
ok       sources/ticks.json: UI metadata
ok       sinks/lines.json: UI metadata
ok       functions/same.json: UI metadata
ok       install.sh: eKuiper runs it with `/bin/sh` after it has unpacked the plugin
mirror: no errors, no warnings
"
    );
    assert_eq!(done.stderr, "");
    assert_eq!(done.status, 0);
}

#[test]
fn mistakes_in_all_files_are_reported_at_once() {
    let plugin = Plugin::new();
    plugin.write(
        "mirror.json",
        r#"{"language":"rust","executable":"gone","sources":["ticks","more"],"sinks":["a/b"],
            "functions":["same"]}"#,
    );
    plugin.write("functions/same.json", "{");

    let done = plugin.run("check", &[]);

    done.assert_findings(
        1,
        &[
            "error    mirror.json: `language`: expected `go` (any native executable) or \
             `python`, found `rust`",
            "error    mirror.json: `executable`: cannot find gone: No such file or directory \
             (os error 2); build it, or correct the name",
            "error    mirror.json: `sinks[0]`: `a/b` contains `/`, but it becomes part of a file \
             name; rename it",
            "error    sources/more.yaml: is missing, and eKuiper does not install a zip without \
             it; add one, it may be empty",
            "warning  sources/more.json: is missing, so eKuiper's UI cannot show the source; add \
             one",
            "warning  sinks/a/b.json: is missing, so eKuiper's UI cannot show the sink; add one",
            "warning  sinks/lines.json: belongs to no sink of the json: eKuiper installs it and \
             never removes it; add the sink to the json, or delete the file",
            "warning  functions/same.json: is not valid JSON: EOF while parsing an object at \
             line 1 column 1; eKuiper's UI then gets no list of functions",
        ],
    );
    assert!(done.stdout.ends_with("\nmirror: 4 errors, 4 warnings\n"));
}

#[test]
fn a_misspelled_key_of_the_json_is_a_warning_with_the_right_one() {
    let plugin = Plugin::new();
    let check = |json: &str| {
        plugin.write("mirror.json", json);
        plugin.run("check", &[])
    };

    // The files in `sinks` and `functions` may be right.
    check(
        r#"{"version":"1","language":"go","executable":"mirror","Sources":["ticks"],
            "sink":["lines"],"Funtions":["same"],"about":{},"comment":"mine"}"#,
    )
    .assert_findings(
        0,
        &[
            "warning  mirror.json: `Funtions`: eKuiper does not know this key; did you mean \
             `functions`?",
            "warning  mirror.json: `sink`: eKuiper does not know this key; did you mean `sinks`?",
        ],
    );
    check(
        r#"{"language":"go","exectuable":"mirror","sources":["ticks"],"sinks":["lines"],
            "functions":["same"]}"#,
    )
    .assert_findings(
        1,
        &[
            "error    mirror.json: `executable`: is missing; name a file in the plugin's directory",
            "warning  mirror.json: `exectuable`: eKuiper does not know this key; did you mean \
             `executable`?",
        ],
    );
    let run = plugin.run("run", &["--isolate"]);
    let tip =
        "mirror.json: `exectuable`: eKuiper does not know this key; did you mean `executable`?\n";
    assert!(run.stderr.ends_with(tip), "{run:?}");
}

#[test]
fn only_strict_takes_warnings_for_errors() {
    let plugin = Plugin::new();
    plugin.remove("sinks/lines.json");

    let lax = plugin.run("check", &[]);
    let strict = plugin.run("check", &["--strict"]);

    assert_eq!((lax.status, strict.status), (0, 1));
    assert!(lax.stdout.ends_with("\nmirror: no errors, 1 warning\n"));
}

#[test]
fn a_yaml_may_be_empty_and_a_broken_one_is_a_warning() {
    let plugin = Plugin::new();
    let check = |yaml: &str| {
        plugin.write("sources/ticks.yaml", yaml);
        plugin.run("check", &[])
    };

    check("").assert_findings(0, &[]);
    check("fast:\n  a: 1\n").assert_findings(
        0,
        &[
            "warning  sources/ticks.yaml: has no section `default`, which eKuiper reads first; \
           add one",
        ],
    );
    check("default: 1\n").assert_findings(
        0,
        &[
            "warning  sources/ticks.yaml: `default`: expected a section of `name: value` lines; \
           eKuiper ignores the section",
        ],
    );
    let broken = check("default: [");
    assert!(broken.findings()[0].contains("sources/ticks.yaml: is not valid YAML: "));
    assert_eq!(broken.status, 0);
}

#[test]
fn invalid_ui_metadata_is_a_warning_that_names_the_field() {
    let plugin = Plugin::new();
    plugin.write("sources/ticks.json", "{}");
    plugin.write(
        "sinks/lines.json",
        r#"{"about":{},"properties":[{"name":"path","optional":"no"}]}"#,
    );

    let done = plugin.run("check", &[]);

    done.assert_findings(
        0,
        &[
            "warning  sources/ticks.json: `about`: is missing; an empty object is enough; \
             eKuiper's UI then cannot show the source and, after a restart, the ones after it",
            "warning  sources/ticks.json: has no `properties`; eKuiper 2.x then ignores \
             sources/ticks.yaml as a whole: correct the json, or delete it",
            "warning  sinks/lines.json: `properties[0].optional`: expected true or false, found \
             the string `no`; eKuiper's UI then cannot show the sink and, after a restart, the \
             ones after it",
        ],
    );
}

#[test]
fn names_must_fit_into_a_sockets_path_and_differ_from_built_in_ones() {
    let plugin = Plugin::new();
    let (fits, too_long) = ("f".repeat(93), "f".repeat(94));
    plugin.write(
        "mirror.json",
        format!(
            r#"{{"language":"go","executable":"mirror","sources":["mqtt"],
                "sinks":["log","{}"],"functions":["{fits}","{too_long}","Reverse"]}}"#,
            "s".repeat(89)
        ),
    );

    let done = plugin.run("check", &[]);

    let of_json: Vec<_> = done
        .findings()
        .into_iter()
        .filter(|line| line.contains("mirror.json"))
        .collect();
    assert_eq!(
        of_json,
        [
            "warning  mirror.json: `sources[0]`: eKuiper uses its built-in `mqtt` instead; rename \
             it",
            "warning  mirror.json: `sinks[0]`: eKuiper uses its built-in `log` instead; rename it",
            &format!(
                "error    mirror.json: `sinks[1]`: its socket path `/tmp/r_{}_0_0_ack.ipc` has \
                 108 bytes, and 107 is the limit; choose a shorter name",
                "s".repeat(89)
            ),
            &format!(
                "error    mirror.json: `functions[1]`: its socket path `/tmp/func_{too_long}.ipc` \
                 has 108 bytes, and 107 is the limit; choose a shorter name"
            ),
            "warning  mirror.json: `functions[2]`: eKuiper uses its built-in `Reverse` instead; \
             rename it",
        ]
    );
}

#[test]
fn a_name_that_ekuipers_command_line_refuses_is_a_warning() {
    let plugin = Plugin::new();
    let json = fs::read(plugin.path("mirror.json")).unwrap();
    plugin.write("mi.rror.json", json);
    plugin.remove("mirror.json");

    plugin.run("check", &[]).assert_findings(
        0,
        &[
            "warning  mi.rror.json: eKuiper 2.4's command line refuses this name, its REST \
             interface does not; use letters, digits, `_` and `-`",
        ],
    );
}

#[test]
fn the_summary_of_a_json_comes_before_its_warnings() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", JSON.replace("\"same\"", "\"reverse\""));

    let done = plugin.run("check", &[]);

    let lines: Vec<_> = done.stdout.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "ok       mirror.json: 1.0.0, native; 1 source, 1 sink, 1 function; install it under the \
             name `mirror`",
            "warning  mirror.json: `functions[0]`: eKuiper uses its built-in `reverse` instead; \
             rename it",
        ]
    );
}

#[test]
fn an_executables_path_must_be_relative_and_clean() {
    let plugin = Plugin::new();
    for name in ["./mirror", "/mirror", "sub/../mirror"] {
        plugin.write("sub/file", "");
        plugin.write(
            "mirror.json",
            JSON.replace("\"mirror\"", &format!("{name:?}")),
        );

        let done = plugin.run("check", &[]);

        let text = format!(
            "error    mirror.json: `executable`: eKuiper does not find `{name}` in a zip; give \
             the path in the plugin's directory without `.`, `..`, `//` or a leading `/`, and \
             outside of `sources`, `sinks` and `functions`"
        );
        done.assert_findings(1, &[&text]);
    }
}

#[test]
fn python_requirements_without_an_install_script_are_a_warning() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", JSON.replace("\"go\"", "\"python\""));
    plugin.write("requirements.txt", "ekuiper\n");

    plugin.run("check", &[]).assert_findings(
        0,
        &[
            "warning  requirements.txt: eKuiper does not install these packages; add an \
             `install.sh` that does, or install them beforehand",
        ],
    );
    plugin.write("install.sh", "pip install -r requirements.txt\n");
    plugin.run("check", &[]).assert_findings(0, &[]);
    plugin.write("install.sh", "pip install\r\n");
    plugin.run("check", &[]).assert_findings(
        0,
        &[
            "warning  install.sh: its lines end with CR LF, which `/bin/sh` does not understand; \
             save it with Unix line endings",
        ],
    );
}

#[test]
fn json_output_has_the_same_lines() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", JSON.replace("\"version\"", "\"name\""));

    let done = plugin.run("check", &["--json"]);

    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["plugin"], "mirror");
    assert_eq!(
        (&report["errors"], &report["warnings"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        report["lines"][0],
        serde_json::json!({
            "level": "error", "file": "mirror.json", "field": "name",
            "text": "expected `mirror`, the file's name, found `1.0.0`; rename one of them",
        })
    );
    assert_eq!(
        report["lines"][1],
        serde_json::json!({
            "level": "ok", "file": "mirror", "text": "a script for `/bin/sh`",
        })
    );
    assert_eq!(done.status, 1);
}

#[test]
fn a_directory_without_a_plugin_fails_and_a_missing_one_is_invalid_input() {
    let plugin = Plugin::empty();
    plugin.write("README.md", "");

    let no_plugin = plugin.run("check", &[]);
    let not_there = plugin.run_on("gone", "check", &[]);

    no_plugin.assert_findings(
        1,
        &[
            "error    not a plugin: it has no NAME.json at its top level; give the directory that \
             has one",
        ],
    );
    assert!(
        no_plugin
            .stdout
            .ends_with("\nno plugin: 1 error, no warnings\n")
    );
    assert_eq!(not_there.status, 2);
    assert_eq!(not_there.stdout, "");
    assert_eq!(
        not_there.stderr,
        "error: gone: no such directory or zip; give the directory that holds the plugin's json\n"
    );
}

/// Checks the plugin as a step of a job on GitHub; returns the job's summary, too.
fn check_in_a_job(plugin: &Plugin, name: &str) -> (Done, String) {
    let summary = plugin.place().join("summary.md");
    let mut command = mock_kuiper();
    command
        .args(["check", name])
        .current_dir(plugin.place())
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", plugin.place())
        .env("GITHUB_STEP_SUMMARY", &summary);
    let done = Done::of(&mut command);
    (done, fs::read_to_string(summary).unwrap())
}

#[test]
fn a_job_on_github_gets_annotations_at_the_files_and_a_summary() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", JSON.replace("\"version\"", "\"name\""));
    plugin.remove("functions/same.json");

    let (done, summary) = check_in_a_job(&plugin, "mirror");

    assert_eq!(
        done.stderr,
        "::error file=mirror/mirror.json,title=mock-kuiper check::mirror.json: `name`: expected \
         `mirror`, the file's name, found `1.0.0`; rename one of them\n\
         ::warning file=mirror/functions/same.json,title=mock-kuiper check::functions/same.json: is \
         missing, so eKuiper's UI cannot show the function; add one\n"
    );
    assert_eq!(
        summary,
        "### mirror, checked: 1 error, 1 warning\n\n\
         | | file | seen |\n\
         |---|---|---|\n\
         | error | mirror.json | \\`name\\`&#58; expected \\`mirror\\`, the file's name, found \
         \\`1.0.0\\`; rename one of them |\n\
         | warning | functions/same.json | is missing, so eKuiper's UI cannot show the function; \
         add one |\n"
    );
    assert_eq!(done.status, 1);
}

#[test]
fn a_job_on_github_sees_a_valid_plugin_in_its_summary_only() {
    let (done, summary) = check_in_a_job(&Plugin::new(), "mirror");

    assert_eq!(done.stderr, "");
    assert_eq!(summary, "### mirror, checked: no errors, no warnings\n\n");
}

#[test]
fn the_names_of_a_plugin_make_no_other_workflow_command() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", "{\"executable\":\"a\\n::error::b%0A\"}");

    let (done, summary) = check_in_a_job(&plugin, "mirror");

    for line in done.stderr.lines() {
        assert!(
            line.starts_with("::error file=mirror/") || line.starts_with("::warning file=mirror/"),
            "{line}"
        );
    }
    assert!(done.stderr.contains("b%250A"), "{}", done.stderr);
    assert!(!summary.contains("\n::"), "{summary}");
}
