//! The yaml of a source: what `check` says about it, and what `run` sends.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::common::Plugin;

/// A plugin with this yaml, and with a json that lists these names unless it is given
/// whole.
fn plugin(yaml: &str, json: &str) -> Plugin {
    let plugin = Plugin::new();
    plugin.write("sources/ticks.yaml", yaml);
    plugin.write("sources/ticks.json", json);
    plugin
}

const NO_NAMES: &str = r#"{"about":{},"properties":{}}"#;

#[test]
fn a_key_that_arrives_in_lower_case_is_reported_once_with_the_file_in_which_to_list_it() {
    let yaml = "default:\n  hatId: 322\n  headers: {Content-Type: json}\nTestConf:\n  hatId: 5\n";

    plugin(yaml, NO_NAMES).run("check", &[]).assert_findings(
        0,
        &[
            "warning  sources/ticks.yaml: `default.hatId`: arrives as `hatid` on eKuiper 2.x; \
             list `hatId` as a `name` under `properties.default` in sources/ticks.json",
            "warning  sources/ticks.yaml: `default.headers.Content-Type`: arrives as \
             `content-type` on eKuiper 2.x; list `Content-Type` as a `name` under \
             `properties.default` in sources/ticks.json",
        ],
    );
    let listed =
        r#"{"about":{},"properties":{"default":[{"name":"HatID"},{"name":"Content-Type"}]}}"#;
    plugin(yaml, listed).run("check", &[]).assert_findings(
        0,
        &[
            "warning  sources/ticks.yaml: `default.hatId`: arrives as `HatID` on eKuiper 2.x, as \
             sources/ticks.json lists it; write it in the same way",
        ],
    );
    let right = listed.replace("HatID", "hatId");
    plugin(yaml, &right)
        .run("check", &[])
        .assert_findings(0, &[]);
}

#[test]
fn a_json_without_readable_names_is_reported_with_its_effect_on_the_yaml() {
    let yaml = "default: {a: 1}\n";
    let ui = "eKuiper's UI then cannot show the source and, after a restart, the ones after it";
    let lost = "eKuiper 2.x then ignores sources/ticks.yaml as a whole: correct the json, or \
                delete it";
    let check = |json: &str| plugin(yaml, json).run("check", &[]);

    check(r#"{"about":{}}"#).assert_findings(
        0,
        &[&format!(
            "warning  sources/ticks.json: has no `properties`; {lost}"
        )],
    );
    check(r#"{"about":{},"properties":[]}"#).assert_findings(
        0,
        &[
            &format!(
                "warning  sources/ticks.json: `properties`: expected an object, found a list; {ui}"
            ),
            &format!(
                "warning  sources/ticks.json: has `properties` that are not an object; {lost}"
            ),
        ],
    );
    let mark = "begins with a byte order mark, which is not JSON";
    check("\u{feff}{}").assert_findings(
        0,
        &[
            &format!("warning  sources/ticks.json: {mark}; {ui}"),
            &format!("warning  sources/ticks.json: {mark}; {lost}"),
        ],
    );
    plugin("", r#"{"about":{}}"#)
        .run("check", &[])
        .assert_findings(0, &[]);
}

#[test]
fn sections_that_releases_read_differently_are_reported() {
    let yaml = "Default: {a: 1, A: 2}\nodd: {1: x}\nlist: []\nFast: {}\n---\nmore: {}\n";
    let names = r#"{"about":{},"properties":{"default":[{"name":"FAST"}]}}"#;

    plugin(yaml, names).run("check", &[]).assert_findings(
        0,
        &[
            "warning  sources/ticks.yaml: has several documents, of which eKuiper reads the \
             first; remove the others",
            "warning  sources/ticks.yaml: `Default`: is the default section for eKuiper 2.x, but \
             not for 1.x; write `default`",
            "warning  sources/ticks.yaml: `Default`: `a` and `A` become one key on eKuiper 2.x, \
             with either value; remove one",
            "warning  sources/ticks.yaml: `Default.A`: arrives as `a` on eKuiper 2.x; list `A` as \
             a `name` under `properties.default` in sources/ticks.json",
            "warning  sources/ticks.yaml: `odd`: the key `1` is not a string, so eKuiper 2.x \
             ignores the section; write it in quotes",
            "warning  sources/ticks.yaml: `list`: expected a section of `name: value` lines; \
             eKuiper ignores the section",
            "warning  sources/ticks.yaml: `Fast`: sources/ticks.json lists `FAST`, so eKuiper 2.x \
             has the section only under this name; rename the section or the property",
        ],
    );
}

#[test]
fn values_that_arrive_differently_or_not_at_all_are_reported() {
    let yaml = "default:\n  day: 2023-01-01\n  mode: 0755\n  list: [{1: x}]\n  max: .inf\n  \
                quoted: '2023-01-01'\n";

    plugin(yaml, NO_NAMES).run("check", &[]).assert_findings(
        0,
        &[
            "warning  sources/ticks.yaml: `default.day`: `2023-01-01` arrives as \
             `\"2023-01-01T00:00:00Z\"`; write it so, or in quotes",
            "warning  sources/ticks.yaml: `default.mode`: `0755` arrives as `493`; write it so, \
             or in quotes",
            "warning  sources/ticks.yaml: `default.list[0]`: the key `1` is not a string, so \
             eKuiper cannot start the source; write it in quotes",
            "warning  sources/ticks.yaml: `default.max`: JSON has no `.inf`, so eKuiper cannot \
             start the source; remove it",
        ],
    );
}

#[test]
fn properties_that_are_for_ekuiper_itself_are_reported_with_the_consequence() {
    let yaml = "default:\n  interval: 10\n  decompression: gzip\n  mergeField: a\n  merger: b\n  \
                payloadFormat: json\n  connectionSelector: c\nfast: {interval: 1}\n";
    let names = r#"{"about":{},"properties":{"default":[{"name":"payloadFormat"},
        {"name":"mergeField"},{"name":"connectionSelector"}]}}"#;

    plugin(yaml, names).run("check", &[]).assert_findings(
        0,
        &[
            "warning  sources/ticks.yaml: `default.interval`: eKuiper 2.x uses it itself, as a \
             rate limit: of the rows within one interval only the newest arrives; rename the \
             property",
            "warning  sources/ticks.yaml: `default.decompression`: eKuiper 2.x uses it itself, as \
             the compression of the rows, which it undoes; rename the property",
            "warning  sources/ticks.yaml: `default.mergeField`: eKuiper 2.x uses it itself, as \
             the column by which it merges the rows of an interval; rename the property",
            "warning  sources/ticks.yaml: `default.merger`: eKuiper 2.x uses it itself, as the \
             merger of the rows of an interval, and does not start the rule without an \
             `interval`; rename the property",
            "warning  sources/ticks.yaml: `default.payloadFormat`: eKuiper 2.x uses it itself, as \
             the format of a payload in each row, which it decodes; rename the property",
            "warning  sources/ticks.yaml: `default.connectionSelector`: eKuiper 2.x uses it \
             itself, as the name of a connection, whose properties replace those of the yaml; \
             rename the property",
        ],
    );
}

#[test]
fn a_yaml_that_is_not_utf_8_is_a_warning() {
    let plugin = Plugin::new();
    plugin.write("sources/ticks.yaml", b"default: {a: \"\xff\"}\n");

    plugin.run("check", &[]).assert_findings(
        0,
        &[
            "warning  sources/ticks.yaml: is not valid YAML: invalid utf-8 sequence of 1 bytes \
             from index 14; eKuiper then ignores the whole file",
        ],
    );
}

#[test]
fn a_run_starts_without_a_yaml_that_ekuiper_ignores() {
    let run = |yaml: &str, host: &str| {
        let plugin = plugin(yaml, "{");
        // A name of its own, because the plugin's socket may be in the machine's /tmp.
        let name = format!("yaml{}", std::process::id());
        let json = fs::read(plugin.path("mirror.json")).unwrap();
        plugin.write(&format!("{name}.json"), json);
        plugin.remove("mirror.json");
        plugin.run("run", &["--host", host, "--conf-key", "fast"])
    };
    let warned = |text: &str| {
        let beginning = "warning: ".len();
        text.lines()
            .filter(|line| line.starts_with("warning: "))
            .map(|line| line[beginning..].rsplit('/').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let broken = run("default: [", "1.13");
    let lost = run("default: {a: 1}\nfast: {a: 2}\n", "2.4");
    let kept = run("default: {a: 1}\nfast: {a: 2}\n", "1.13");

    // The script exits at once: the runs went on until there.
    assert_eq!(
        (broken.status, lost.status, kept.status),
        (1, 1, 1),
        "{broken:#?}"
    );
    assert_eq!(warned(&broken.stderr).len(), 1, "{broken:#?}");
    assert!(warned(&broken.stderr)[0].starts_with("ticks.yaml: is not valid YAML: "));
    assert_eq!(
        warned(&lost.stderr),
        [
            "ticks.json: is not valid JSON: EOF while parsing an object at line 1 column 1; \
             eKuiper 2.x then ignores ticks.yaml as a whole: correct the json, or delete it; like \
             eKuiper, the source starts without it"
        ]
    );
    assert_eq!(warned(&kept.stderr), [""; 0]);
}

#[test]
fn a_run_refuses_a_yaml_that_is_not_a_regular_file_without_opening_it() {
    let plugin = Plugin::new();
    plugin.remove("sources/ticks.yaml");
    let fifo = plugin.path("sources/ticks.yaml");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );

    let of_a_fifo = plugin.run("run", &[]);
    plugin.remove("sources/ticks.yaml");
    symlink("/dev/zero", &fifo).unwrap();
    let of_a_device = plugin.run("run", &[]);

    for (done, what) in [(of_a_fifo, "a FIFO"), (of_a_device, "a device")] {
        let text = format!("sources/ticks.yaml: is {what}, not a regular file; replace it\n");
        assert!(done.stderr.ends_with(&text), "{done:#?}");
        assert_eq!(done.status, 2);
    }
}

#[test]
fn a_symbol_that_is_listed_twice_is_a_warning() {
    let plugin = Plugin::new();
    let json = fs::read_to_string(plugin.path("mirror.json")).unwrap();
    plugin.write(
        "mirror.json",
        json.replace(r#"["same"]"#, r#"["same","same"]"#),
    );

    plugin.run("check", &[]).assert_findings(
        0,
        &["warning  mirror.json: `functions[1]`: `same` is listed twice; remove one"],
    );
}

#[test]
fn a_byte_order_mark_in_the_plugins_json_is_named() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", "\u{feff}{}");

    plugin.run("check", &[]).assert_findings(
        1,
        &["error    mirror.json: begins with a byte order mark, which is not JSON"],
    );
}
