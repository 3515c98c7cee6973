//! How a plugin is launched, and which orders it gets.

use std::path::Path;

use super::common::{Live, Plugin, write_script};

#[test]
fn a_plugin_is_launched_in_its_directory_with_ekuipers_one_argument() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--count", "1"]);

    let log = done.assert_status(0).log();
    assert_eq!(log[0], r#"arguments ["{\"sendTimeout\":1000}"]"#);
    assert_eq!(
        log[1],
        format!("directory {}", plugin.directory().display())
    );
}

#[test]
fn before_1_11_the_working_directory_is_the_hosts() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let mut command = plugin.command(&["--count", "1", "--host", "1.10"]);
    command.current_dir("/");

    let done = Live::spawn(command, &plugin.id).finish();

    assert_eq!(done.assert_status(0).log()[1], "directory /");
}

#[test]
fn sinks_are_started_first_then_functions_then_sources() {
    let plugin = Plugin::new(&["one", "two"], &["left", "right"], &["echo"]);

    let done = plugin.run(&["--count", "1"]);

    let id = &plugin.id;
    let meta = |op: &str| format!(r#""meta":{{"ruleId":"{id}","opId":"{op}","instanceId":0}}"#);
    let starts = done.assert_status(0).logged("start ");
    let options = r#"{"datasource":"","delimiter":"","format":"json","key":"","retainSize":0,"schemaId":"","strictValidation":false,"timestamp":"","timestampFormat":""}"#;
    assert_eq!(
        starts,
        [
            format!(
                r#"{{"symbolName":"left",{},"pluginType":"sink"}}"#,
                meta("left_0")
            ),
            format!(
                r#"{{"symbolName":"right",{},"pluginType":"sink"}}"#,
                meta("right_1")
            ),
            format!(
                r#"{{"symbolName":"echo_{id}","meta":{{"ruleId":"","opId":"","instanceId":0}},"pluginType":"func"}}"#
            ),
            format!(
                r#"{{"symbolName":"one",{},"pluginType":"source","config":{options}}}"#,
                meta("demo_one")
            ),
            format!(
                r#"{{"symbolName":"two",{},"pluginType":"source","config":{options}}}"#,
                meta("demo_two")
            ),
        ]
    );
    let mut stops = done.logged("stop ");
    stops[..2].sort_unstable();
    let mut expected = [starts[3], starts[4], starts[0], starts[1]];
    expected[..2].sort_unstable();
    assert_eq!(stops, expected, "a stop repeats its start");
}

#[test]
fn the_stream_of_a_single_source_is_called_demo() {
    let plugin = Plugin::new(&["one", "two"], &[], &[]);

    let done = plugin.run(&["--count", "1", "--source", "two"]);

    let starts = done.assert_status(0).logged("start ");
    assert_eq!(starts.len(), 1);
    assert!(starts[0].contains(r#""symbolName":"two""#) && starts[0].contains(r#""opId":"demo""#));
}

#[test]
fn only_the_named_symbols_are_started() {
    let plugin = Plugin::new(&["random"], &["append", "other"], &["echo"]);

    let done = plugin.run(&["--sink", "other", "--send", "1"]);

    let starts = done.assert_status(0).logged("start ");
    assert_eq!(starts.len(), 1, "{done}");
    assert!(starts[0].contains(r#""symbolName":"other""#));
}

#[test]
fn a_symbol_that_only_the_json_has_is_reported_with_the_plugins_answer() {
    for (sdk, answer) in [
        ("go", "symbol not found"),
        ("python", "KeyError: 'random'"),
        (
            "rust",
            "unknown source `random`: this plugin has no source of that name",
        ),
    ] {
        let plugin = Plugin::new(&["random", "other"], &[], &[]);
        let words = format!("PROBE=lacks=random:{sdk}");

        let done = plugin.run(&["--count", "1", "--env", &words]);

        done.assert_status(1)
            .assert_says(&format!(
                "error: source `random` is in the json, but the plugin does not have it: \
                 {answer}\n  help: add it to the plugin's `PluginConfig` under this name, or \
                 remove it from the json\n"
            ))
            .assert_says("  symbol.unknown: source `random` is in the json")
            .assert_says("  source other: 1 row, ");
        assert!(!done.said().contains("--config"), "{done}");
    }
}

#[test]
fn unknown_symbols_are_all_reported_at_once() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--source", "x", "--sink", "y", "--config", "z={}"]);

    done.assert_status(2)
        .assert_says("error: --source x: the plugin has no such source; it has random")
        .assert_says("error: --sink y: the plugin has no such sink; it has no sink")
        .assert_says("error: --config z: the plugin has no such source or sink; it has random");
}

#[test]
fn a_sources_config_is_its_yaml_overlaid_by_conf_key_and_config() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.write(
        "sources/random.yaml",
        "default:\n  interval: 5\n  a: 1\n  b: 1\n  c: 1\nother:\n  b: 2\n  c: 2\n",
    );

    let done = plugin.run(&[
        "--count",
        "1",
        "--conf-key",
        "other",
        "--config",
        r#"random={"c":3,"d":"<&>"}"#,
        "--stream",
        r#"{"key":"id","shared":true}"#,
        "--datasource",
        "topic/1",
    ]);

    let starts = done.assert_status(0).logged("start ");
    assert!(
        starts[0].ends_with(
            r#""config":{"a":1,"b":2,"c":3,"d":"\u003c\u0026\u003e","datasource":"topic/1","delimiter":"","format":"json","interval":5,"key":"id","retainSize":0,"schemaId":"","shared":true,"strictValidation":false,"timestamp":"","timestampFormat":""}}"#
        ),
        "{done}"
    );
}

#[test]
fn a_1_13_host_sends_the_datasource_beside_the_config() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--count", "1", "--host", "1.13", "--datasource", "topic/1"]);

    let starts = done.assert_status(0).logged("start ");
    assert!(
        starts[0].ends_with(
            r#""pluginType":"source","dataSource":"topic/1","config":{"delimiter":"","format":"json","key":""}}"#
        ),
        "{done}"
    );
}

#[test]
fn an_unknown_conf_key_is_reported_with_the_known_ones() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.write("sources/random.yaml", "default:\n  a: 1\nfast:\n  a: 2\n");

    let done = plugin.run(&["--conf-key", "slow"]);

    done.assert_status(2)
        .assert_says("random.yaml: `slow`: no such section; the file has `default`, `fast`");
}

#[test]
fn a_sinks_config_has_send_single_and_require_ack() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run(&[
        "--send",
        "1",
        "--send-single",
        "--require-ack",
        "--config",
        r#"append={"path":"x"}"#,
    ]);

    let starts = done.assert_status(0).logged("start ");
    assert!(
        starts[0].ends_with(r#""config":{"path":"x","requireAck":true,"sendSingle":true}}"#),
        "{done}"
    );
}

#[test]
fn a_variable_is_added_to_the_plugins_environment() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.wrap("echo \"level $LEVEL\"; exec ./bin/* \"$@\"");

    let done = plugin.run(&["--count", "1", "--env", "LEVEL=a=b c"]);

    assert_eq!(done.assert_status(0).logged("level "), ["a=b c"]);
}

/// Writes a Python interpreter that logs its arguments and runs the probe.
fn interpreter(plugin: &Plugin) -> String {
    let path = plugin.place().join("python");
    write_script(
        &path,
        "echo \"interpreter $*\"; [ \"$1\" = -u ] && shift; exec \"$@\"",
    );
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_python_plugin_runs_with_the_named_interpreter_and_from_2_2_on_with_u() {
    for (host, unbuffered) in [("2.4", "-u "), ("2.2", "-u "), ("2.1", ""), ("1.13", "")] {
        let plugin = Plugin::new(&["random"], &[], &[]);
        plugin.set("language", "python");

        let done = plugin.run(&[
            "--count",
            "1",
            "--python",
            &interpreter(&plugin),
            "--host",
            host,
        ]);

        let executable = plugin.executable();
        let expected = format!(
            "{unbuffered}{} {{\"sendTimeout\":1000}}",
            executable.display()
        );
        assert_eq!(
            done.assert_status(0).logged("interpreter "),
            [expected],
            "{host}"
        );
    }
}

#[test]
fn a_relative_interpreter_is_found_from_the_callers_directory() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.set("language", "python");
    std::fs::create_dir(plugin.place().join("venv")).unwrap();
    std::fs::rename(interpreter(&plugin), plugin.place().join("venv/python")).unwrap();
    let mut command = plugin.command(&["--count", "1", "--python", "venv/python"]);
    command.current_dir(plugin.place());

    let done = Live::spawn(command, &plugin.id).finish();

    assert_eq!(done.assert_status(0).logged("interpreter ").len(), 1);
}

#[test]
fn a_missing_interpreter_is_reported_with_what_to_do() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.set("language", "python");

    let done = plugin.run(&["--python", "/nowhere/python3"]);

    done.assert_status(2).assert_says(
        "error: cannot run `/nowhere/python3`: No such file or directory (os error 2)\n  \
         help: install Python, or name the interpreter with --python PATH",
    );
}

#[test]
fn a_python_plugin_that_lacks_a_module_is_told_to_install_it() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    std::fs::remove_file(plugin.executable()).unwrap();
    std::fs::write(plugin.executable(), "import no_such.module\n").unwrap();
    plugin.set("language", "python");

    let done = plugin.run(&["--python", "python3"]);

    done.assert_status(1).assert_says(
        "\n  help: install the module `no_such` for the interpreter that runs the plugin, for \
         example with `pip install -r requirements.txt`, or choose the interpreter of the virtual \
         environment that has it",
    );
}

#[test]
fn a_conda_plugin_runs_in_its_environment() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.set("language", "python");
    plugin.set("virtualEnvType", "conda");
    plugin.set("env", "sensors");
    let path = plugin.place().join("conda");
    write_script(&path, "echo \"conda $1 $2 $3 $4 $5\"; shift 5; exec \"$@\"");
    let paths = format!(
        "{}:{}",
        plugin.place().display(),
        std::env::var("PATH").unwrap()
    );
    let mut command = plugin.command(&["--count", "1"]);
    command.env("PATH", paths);

    let done = Live::spawn(command, &plugin.id).finish();

    assert_eq!(
        done.assert_status(0).logged("conda "),
        ["run -n sensors python -u"]
    );
}

#[test]
fn verbose_shows_every_message_with_time_channel_and_sender() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let id = &plugin.id;

    let done = plugin.run(&["--count", "1", "-v"]);

    let said = done.assert_status(0).said();
    let frames: Vec<_> = said
        .lines()
        .filter_map(|line| {
            let (time, frame) = line.trim_start().split_once(' ')?;
            time.parse::<f64>().ok()?;
            Some(frame)
        })
        .collect();
    assert!(frames[0].starts_with("launched as process "), "{said}");
    assert!(frames[0].ends_with(&format!(
        ": {} {{\"sendTimeout\":1000}}",
        Path::new(&plugin.executable()).display()
    )));
    assert_eq!(frames[1], format!("plugin_{id} from plugin: handshake"));
    assert!(frames[2].starts_with(&format!(
        r#"plugin_{id} from host: {{"cmd":"start","arg":"{{\"symbolName\":\"random\","#
    )));
    assert!(
        frames.contains(&&*format!("plugin_{id} from plugin: ok")),
        "{said}"
    );
    assert!(
        frames.contains(&&*format!(
            r#"{id}_demo_0 from plugin: {{"message":{{"number":1}},"meta":{{"from":"probe"}}}}"#
        )),
        "{said}"
    );
}
