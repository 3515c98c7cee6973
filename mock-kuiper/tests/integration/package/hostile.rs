//! Files that would block or fill the machine if they were read, and zips that
//! cannot be unpacked.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use super::common::{Done, JSON, Plugin, SCRIPT, write_zip};

fn fifo(path: &Path) {
    let _ = fs::remove_file(path);
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn a_yaml_that_is_not_a_regular_file_is_refused() {
    let refused = |put: fn(&Path), what: &str| {
        let plugin = Plugin::new();
        plugin.remove("sources/ticks.yaml");
        put(&plugin.path("sources/ticks.yaml"));

        plugin.run("check", &[]).assert_findings(
            1,
            &[&format!(
                "error    sources/ticks.yaml: is {what}, not a regular file; replace it"
            )],
        );
        assert_eq!(plugin.run("pack", &[]).status, 1);
    };

    refused(fifo, "a FIFO");
    refused(|path| symlink("/dev/zero", path).unwrap(), "a device");
    refused(|path| fs::create_dir(path).unwrap(), "a directory");
    refused(|path| drop(UnixListener::bind(path).unwrap()), "a socket");
}

#[test]
fn a_yaml_above_1_mib_is_refused_with_the_limit() {
    let plugin = Plugin::new();
    let yaml = |size: usize| format!("default:\n  a: {}\n", "x".repeat(size - 15));
    plugin.write("sources/ticks.yaml", yaml(1024 * 1024 + 1));

    plugin.run("check", &[]).assert_findings(
        1,
        &[
            "error    sources/ticks.yaml: is larger than 1 MiB, the limit for such a file; make \
             it smaller",
        ],
    );
    plugin.write("sources/ticks.yaml", yaml(1024 * 1024));
    plugin.run("check", &[]).assert_findings(0, &[]);
}

#[test]
fn other_files_that_are_not_regular_are_refused_as_well() {
    let plugin = Plugin::new();
    fifo(&plugin.path("sources/ticks.json"));
    plugin.remove("sinks/lines.json");
    symlink("/dev/zero", plugin.path("sinks/lines.json")).unwrap();
    fifo(&plugin.path("install.sh"));

    plugin.run("check", &[]).assert_findings(
        0,
        &[
            "warning  sources/ticks.json: is a FIFO, not a regular file; replace it",
            "warning  sinks/lines.json: is a device, not a regular file; replace it",
            "warning  install.sh: is a FIFO, not a regular file; replace it",
        ],
    );

    fifo(&plugin.path("mirror.json"));
    plugin.run("check", &[]).assert_findings(
        1,
        &["error    mirror.json: is a FIFO, not a regular file; replace it"],
    );
    let run = plugin.run("run", &[]);
    assert!(
        run.stderr
            .ends_with("mirror.json: is a FIFO, not a regular file; replace it\n"),
        "{run:#?}"
    );
    assert_eq!(run.status, 2);
}

#[test]
fn what_is_neither_a_directory_nor_a_file_is_not_opened() {
    let plugin = Plugin::empty();
    fifo(&plugin.place().join("mirror.zip"));

    for command in ["check", "run"] {
        let done = plugin.run_on("mirror.zip", command, &[]);

        assert_eq!(
            done.stderr,
            "error: mirror.zip: is neither a directory nor a zip; give the plugin's directory\n"
        );
        assert_eq!(done.status, 2);
    }
}

#[test]
fn a_file_that_the_system_does_not_open_is_an_input_error_everywhere() {
    let plugin = Plugin::new();
    plugin.remove("sources/ticks.yaml");
    // A link to itself cannot be opened by anybody.
    symlink("ticks.yaml", plugin.path("sources/ticks.yaml")).unwrap();

    for command in ["check", "pack"] {
        let done = plugin.run(command, &[]);

        assert!(
            done.stderr.ends_with(
                "mirror/sources/ticks.yaml: Too many levels of symbolic links (os error 40)\n"
            ),
            "{done:#?}"
        );
        assert!(done.stderr.starts_with("error: cannot read "), "{done:#?}");
        assert_eq!(done.status, 2, "{command}");
    }
}

/// Runs `check` and `run` on a zip with these entries besides those of a plugin, and
/// returns their messages.
fn unusable(entries: &[(&str, u32, &[u8])]) -> (Done, Done) {
    let plugin = Plugin::empty();
    let all = [
        &[
            ("mirror.json", 0o644, JSON.as_bytes()),
            ("mirror", 0o755, SCRIPT.as_bytes()),
            ("sources/ticks.yaml", 0o644, b"" as &[u8]),
        ],
        entries,
    ];
    write_zip(&plugin.place().join("mirror.zip"), &all.concat());
    let run = |command| plugin.run_on("mirror.zip", command, &[]);
    (run("check"), run("run"))
}

#[test]
fn a_zip_that_cannot_be_unpacked_is_reported_without_a_temporary_path() {
    let long = "n".repeat(300);
    let assert_unusable = |entries: &[(&str, u32, &[u8])], text: &str| {
        let (check, run) = unusable(entries);

        assert_eq!(check.findings(), [format!("error    {text}")], "{check:#?}");
        assert_eq!(check.status, 1);
        assert_eq!(run.stderr, format!("error: mirror.zip: {text}\n"));
        assert_eq!(run.status, 2);
    };

    assert_unusable(
        &[("lib/", 0o755, b""), ("lib", 0o644, b"x")],
        "`lib`: cannot be unpacked under this name: Is a directory (os error 21); pack it again \
         under another one",
    );
    assert_unusable(
        &[("lib", 0o644, b"x"), ("lib/a", 0o644, b"x")],
        "`lib/a`: cannot be unpacked under this name: File exists (os error 17); pack it again \
         under another one",
    );
    assert_unusable(
        &[(".", 0o644, b"x")],
        "`.`: cannot be unpacked under this name: Is a directory (os error 21); pack it again \
         under another one",
    );
    assert_unusable(
        &[(&long, 0o644, b"x")],
        &format!(
            "`{long}`: cannot be unpacked under this name: File name too long (os error 36); pack \
             it again under another one"
        ),
    );
}

#[test]
fn a_small_zip_that_unpacks_to_a_large_file_is_refused() {
    let zeros = vec![0; 65 * 1024 * 1024];

    let (check, run) = unusable(&[("zeros", 0o644, &zeros)]);

    let text = "unpacks to more than 200 times its size, the limit above 64 MiB";
    assert_eq!(check.findings(), [format!("error    {text}")]);
    assert_eq!(check.status, 1);
    assert_eq!(run.stderr, format!("error: mirror.zip: {text}\n"));
    assert_eq!(run.status, 2);
}

#[test]
fn a_zip_for_which_there_is_no_space_is_not_called_broken() {
    let plugin = Plugin::empty();
    let entries: &[(&str, u32, &[u8])] = &[("data", 0o644, &[1; 200_000])];
    write_zip(&plugin.place().join("mirror.zip"), entries);

    for command in ["check", "run"] {
        // No file may grow beyond 64 blocks of 512 bytes or 1 KiB.
        let mut limited = Command::new("sh");
        limited
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f 64 && exec \"$0\" \"$1\" mirror.zip",
            ])
            .args([env!("CARGO_BIN_EXE_mock-kuiper"), command])
            .current_dir(plugin.place());
        let done = Done::of(&mut limited);

        assert_eq!(
            done.stderr,
            "error: cannot read or unpack mirror.zip: File too large (os error 27)\n"
        );
        assert_eq!(done.status, 3, "{command}");
    }
}

#[test]
fn files_above_2_gib_are_not_packed() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", JSON.replace("\"go\"", "\"python\""));
    let sparse = fs::File::create(plugin.path("data")).unwrap();
    sparse.set_len(2 * 1024 * 1024 * 1024 + 1).unwrap();

    let done = plugin.run("pack", &[]);

    let text = "data: this file and those before it have more than 2 GiB, the limit; leave \
                something out\n";
    assert!(done.stderr.ends_with(text), "{done:#?}");
    assert_eq!(done.status, 2);
}
