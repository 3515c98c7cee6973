//! Plugins that do not greet, and what may be the reason.

use std::process::Command;
use std::time::Duration;

use super::common::{Done, Live, Plugin};

fn unnamed(plugin: &Plugin) -> String {
    format!(
        "note: the plugin has not dialed ipc:///tmp/plugin_{0}.ipc within 2s; unless it is still \
         starting, check that the name in its `PluginConfig` is `{0}`",
        plugin.id
    )
}

fn undialed(plugin: &Plugin, words: &str) -> Done {
    let words = format!("PROBE={words}");
    plugin.run(&["--init-timeout", "3s", "--env", &words])
}

#[test]
fn a_plugin_that_has_not_dialed_is_asked_for_its_name() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = undialed(&plugin, "silent");

    let note = unnamed(&plugin);
    done.assert_status(1).assert_says(&format!("{note}\n"));
}

#[test]
fn the_address_of_another_name_is_found_in_the_log() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = undialed(&plugin, "misnamed=whether");

    done.assert_status(1).assert_says(&format!(
        "{}; its log names /tmp/plugin_whether.ipc\n",
        unnamed(&plugin)
    ));
}

#[test]
fn the_socket_that_the_plugin_listens_on_is_named() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = undialed(&plugin, "silent listens=wrong.ipc");

    done.assert_status(1)
        .assert_says(&format!("{}; it listens on wrong.ipc\n", unnamed(&plugin)));
}

#[test]
fn a_plugin_that_greets_late_has_dialed() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.wrap("sleep 1; exec ./bin/* \"$@\"");

    let done = plugin.run(&["--count", "1"]);

    done.assert_status(0);
    // Unless the machine was so busy that it took longer than the note says.
    let is_late = done.took >= Duration::from_secs(2);
    assert!(is_late || !done.said().contains("has not dialed"), "{done}");
}

#[test]
fn a_plugin_that_exits_with_status_0_may_not_have_called_start() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--env", "PROBE=exit=0"]);

    done.assert_status(1)
        .assert_says("error: the plugin exited before its greeting: exit status 0; its last")
        .assert_says(
            "\n  help: call the SDK's `plugin.start` (Go: `sdk.Start`) in the main thread",
        );
    assert!(!done.said().contains("working directory"), "{done}");
}

#[test]
fn a_plugin_that_exits_after_it_has_dialed_may_have_another_name() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let other = Plugin::new(&["random"], &[], &[]);
    plugin.wrap("echo 'cannot dial ipc:///tmp/plugin_whether.ipc'; exit 0");
    let own = format!("echo dialing ipc:///tmp/plugin_{}.ipc; exit 1", other.id);
    other.wrap(&own);

    let misnamed = plugin.run(&[]);
    let well_named = other.run(&[]);

    let help = "\n  help: check the name in its `PluginConfig`: the address that it dials";
    misnamed.assert_status(1).assert_says(help);
    assert!(!misnamed.said().contains("plugin.start"), "{misnamed}");
    assert!(!well_named.said().contains("help: "), "{well_named}");
}

#[test]
fn a_plugin_that_fails_without_a_word_may_miss_a_file_and_one_that_was_killed_does_not() {
    let of = |script: &str| {
        let plugin = Plugin::new(&["random"], &[], &[]);
        plugin.wrap(script);
        plugin.run(&[])
    };

    let failed = of("exit 3");
    let killed = of("kill -KILL $$");

    failed
        .assert_status(1)
        .assert_says("; it wrote nothing\n")
        .assert_says("\n  help: write why it exits; if a file was not found: from eKuiper 1.11 on");
    killed.assert_status(1).assert_says("signal 9 (SIGKILL)");
    assert!(!killed.said().contains("help: "), "{killed}");
}

#[test]
fn a_plugin_gets_the_limit_of_open_files_that_the_command_was_started_with() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.wrap("echo \"limit $(ulimit -Sn)\"");
    let run = plugin.command(&[]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -Sn 200; exec \"$0\" \"$@\""])
        .arg(run.get_program())
        .args(run.get_args());
    for (name, value) in run.get_envs() {
        limited.env(name, value.unwrap());
    }

    let done = Live::spawn(limited, &plugin.id).finish();

    assert!(done.stderr.contains("limit 200\n"), "{done}");
}
