use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use zip::ZipArchive;

use super::common::{Done, FILES, JSON, Plugin, listed, mock_kuiper};

/// Returns the names and permissions of the entries of a zip.
fn entries(zip: &Path) -> Vec<(String, u32)> {
    let mut archive = ZipArchive::new(File::open(zip).unwrap()).unwrap();
    let indexes = 0..archive.len();
    indexes
        .map(|index| {
            let entry = archive.by_index(index).unwrap();
            let name = entry.name().unwrap().into_owned();
            (name, entry.unix_mode().unwrap() & 0o777)
        })
        .collect()
}

fn names(zip: &Path) -> Vec<String> {
    entries(zip).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn the_parts_of_a_plugin_are_packed_with_fixed_permissions() {
    let plugin = Plugin::new();
    plugin.write("install.sh", "true\n");
    plugin.write("notes.txt", "");
    plugin.write(".hidden", "");
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(plugin.path("sinks/lines.json"), mode).unwrap();

    let done = plugin.run("pack", &[]);

    assert_eq!(done.stdout, "mirror.zip\n");
    assert_eq!(done.status, 0, "{done:#?}");
    let zip = plugin.place().join("mirror.zip");
    let expected = [
        ("functions/same.json", 0o644),
        ("install.sh", 0o755),
        ("mirror", 0o755),
        ("mirror.json", 0o644),
        ("sinks/lines.json", 0o644),
        ("sources/ticks.json", 0o644),
        ("sources/ticks.yaml", 0o644),
    ];
    assert_eq!(
        entries(&zip),
        expected.map(|(name, mode)| (name.to_owned(), mode))
    );
    let size = fs::metadata(&zip).unwrap().len();
    assert_eq!(
        done.stderr,
        format!(
            "  functions/same.json        31 B
  install.sh                  5 B
  mirror                     17 B
  mirror.json               121 B
  sinks/lines.json           28 B
  sources/ticks.json         28 B
  sources/ticks.yaml         40 B
  the zip                   {size} B
  left out: notes.txt
  install it under the name `mirror`
"
        )
    );
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let first = Plugin::new();
    assert_eq!(first.run("pack", &[]).status, 0);

    // The files have other times and another order, and the umask differs.
    let second = Plugin::empty();
    for (name, text) in FILES.iter().rev() {
        second.write(name, text);
        let file = File::options()
            .append(true)
            .open(second.path(name))
            .unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        file.set_modified(then).unwrap();
        let mode = if *name == "mirror" { 0o700 } else { 0o766 };
        file.set_permissions(fs::Permissions::from_mode(mode))
            .unwrap();
    }
    let mut packed = Command::new("sh");
    packed
        .args(["-c", "umask 077 && exec \"$0\" pack mirror -o ./other.zip"])
        .arg(env!("CARGO_BIN_EXE_mock-kuiper"))
        .current_dir(second.place());
    let done = Done::of(&mut packed);

    assert_eq!(done.stdout, "./other.zip\n", "{done:#?}");
    let read = |plugin: &Plugin, name: &str| fs::read(plugin.place().join(name)).unwrap();
    assert!(read(&first, "mirror.zip") == read(&second, "other.zip"));
}

#[test]
fn a_packed_zip_can_be_checked_and_run() {
    let plugin = Plugin::new();
    // The plugin never greets; the run reports its exit.
    plugin.write("mirror", "#!/bin/sh\necho \"$PWD\"; ls; exit 7\n");
    let name = format!("pack{}", std::process::id());
    plugin.write(&format!("{name}.json"), JSON);
    plugin.remove("mirror.json");
    assert_eq!(plugin.run("pack", &[]).stdout, format!("{name}.zip\n"));

    let zip = format!("{name}.zip");
    plugin.run_on(&zip, "check", &[]).assert_findings(0, &[]);
    let run = plugin.run_on(&zip, "run", &[]);

    assert_eq!(run.status, 1, "{run:#?}");
    assert!(
        run.stderr
            .contains("the plugin exited before its greeting: exit status 7")
    );
    assert!(run.stderr.contains("] sources\n"), "{run:#?}");
}

#[test]
fn a_plugin_with_errors_is_not_packed() {
    let plugin = Plugin::new();
    plugin.remove("sources/ticks.yaml");
    plugin.remove("functions/same.json");
    plugin.write("mirror", "MZ");

    let done = plugin.run("pack", &[]);

    assert_eq!(
        done.stderr,
        "\
error: mirror: is a program for Windows; build it for Linux
error: sources/ticks.yaml: is missing, and eKuiper does not install a zip without it; add one, it may be empty
warning: functions/same.json: is missing, so eKuiper's UI cannot show the function; add one
nothing was packed
"
    );
    assert_eq!((done.status, done.stdout.as_str()), (1, ""));
    assert_eq!(listed(plugin.place()), ["mirror"]);
}

#[test]
fn a_python_plugin_is_packed_whole_without_caches_and_environments() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", JSON.replace("\"go\"", "\"python\""));
    for name in [
        "lib/deep/b.py",
        "lib/a.py",
        "lib/__pycache__/a.cpython-313.pyc",
        "old.pyc",
        "mirror.test.yaml",
        ".git/config",
        "venv/pyvenv.cfg",
        "venv/bin/python",
        "data.bin",
    ] {
        plugin.write(name, "x");
    }
    let helper = fs::Permissions::from_mode(0o700);
    fs::set_permissions(plugin.path("data.bin"), helper).unwrap();
    let output = plugin.path("out.zip");

    let first = plugin.run("pack", &["-o", "mirror/out.zip"]);
    let bytes = fs::read(&output).unwrap();
    let second = plugin.run("pack", &["-o", "mirror/out.zip"]);

    assert_eq!((first.status, second.status), (0, 0), "{first:#?}");
    assert_eq!(
        names(&output),
        [
            "data.bin",
            "functions/same.json",
            "lib/",
            "lib/a.py",
            "lib/deep/",
            "lib/deep/b.py",
            "mirror",
            "mirror.json",
            "sinks/lines.json",
            "sources/ticks.json",
            "sources/ticks.yaml",
        ]
    );
    assert_eq!(
        entries(&output)[0].1,
        0o755,
        "an executable file stays executable"
    );
    assert!(
        first
            .stderr
            .ends_with("\n  left out: venv/\n  install it under the name `mirror`\n"),
        "{first:#?}"
    );
    assert!(
        bytes == fs::read(&output).unwrap(),
        "the zip does not contain itself"
    );
    let zip = plugin.run_on("mirror/out.zip", "check", &[]);
    zip.assert_findings(0, &[]);
}

#[test]
fn other_files_beside_an_executable_in_a_subdirectory_are_not_packed() {
    let plugin = Plugin::new();
    plugin.write(
        "mirror.json",
        JSON.replace(":\"mirror\"", ":\"bin/x/mirror\""),
    );
    plugin.write("bin/x/mirror", "#!/bin/sh\n");
    plugin.write("bin/other", "");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(plugin.path("bin/x/mirror"), executable).unwrap();

    let done = plugin.run("pack", &[]);

    assert_eq!(done.status, 0, "{done:#?}");
    let zip = plugin.place().join("mirror.zip");
    assert_eq!(
        entries(&zip)[..3],
        [
            ("bin/".to_owned(), 0o755),
            ("bin/x/".to_owned(), 0o755),
            ("bin/x/mirror".to_owned(), 0o755),
        ]
    );
    assert!(!names(&zip).contains(&"bin/other".to_owned()));
    plugin
        .run_on("mirror.zip", "check", &[])
        .assert_findings(0, &[]);
}

#[test]
fn links_are_followed_and_a_circle_of_them_is_refused() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", JSON.replace("\"go\"", "\"python\""));
    fs::create_dir(plugin.place().join("elsewhere")).unwrap();
    fs::write(plugin.place().join("elsewhere/a.py"), "x").unwrap();
    symlink("../elsewhere", plugin.path("lib")).unwrap();

    assert_eq!(plugin.run("pack", &[]).status, 0);
    let zip = plugin.place().join("mirror.zip");
    assert!(names(&zip).contains(&"lib/a.py".to_owned()));
    fs::remove_file(&zip).unwrap();

    symlink(".", plugin.place().join("elsewhere/again")).unwrap();
    let done = plugin.run("pack", &[]);

    assert_eq!(done.status, 1, "{done:#?}");
    let text = "error: lib/again: is a link to a directory that contains it; remove it\n\
                nothing was packed\n";
    assert!(done.stderr.ends_with(text), "{done:#?}");
    assert!(!zip.exists());
}

#[test]
fn what_links_take_from_outside_of_the_plugin_is_named_once() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", JSON.replace("\"go\"", "\"python\""));
    let elsewhere = plugin.place().canonicalize().unwrap().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("a.py"), "x").unwrap();
    fs::write(elsewhere.join("mirror"), "x").unwrap();
    symlink("a.py", elsewhere.join("b.py")).unwrap();
    symlink("../elsewhere", plugin.path("lib")).unwrap();
    symlink("../../elsewhere/a.py", plugin.path("sources/ticks.txt")).unwrap();
    // Links within the plugin, and that of its executable, are what they seem to be.
    symlink("sources/ticks.json", plugin.path("ticks.json")).unwrap();
    plugin.remove("mirror");
    symlink("../elsewhere/mirror", plugin.path("mirror")).unwrap();

    let checked = plugin.run("check", &[]);
    let packed = plugin.run("pack", &[]);

    let elsewhere = elsewhere.display();
    let notes = [("lib", ""), ("sources/ticks.txt", "/a.py")].map(|(name, file)| {
        format!(
            "{name}: is a link to {elsewhere}{file}, outside of the plugin's directory; what is \
             there is packed"
        )
    });
    let found = |text: &str, label: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(label));
        lines
            .map(|note| note.trim_start().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&checked.stdout, "note"), notes, "{checked:#?}");
    assert_eq!(found(&packed.stderr, "note:"), notes, "{packed:#?}");
    assert_eq!((checked.status, packed.status), (0, 0));
}

#[test]
fn a_link_that_leads_nowhere_is_an_error_of_check_and_of_pack() {
    let plugin = Plugin::new();
    symlink("nowhere", plugin.path("sources/gone.yaml")).unwrap();
    symlink("self.yaml", plugin.path("sources/self.yaml")).unwrap();
    plugin.remove("sources/ticks.yaml");
    let errors = [
        "error    sources/ticks.yaml: is missing, and eKuiper does not install a zip without it; \
         add one, it may be empty",
        "error    sources/gone.yaml: is a symbolic link to `nowhere`, which does not exist; \
         remove it, or correct it",
        "error    sources/self.yaml: is a symbolic link to `self.yaml`, and so one of a circle \
         of links; remove it, or correct it",
    ];

    let checked = plugin.run("check", &[]);
    let packed = plugin.run("pack", &[]);

    assert_eq!(checked.status, 1, "{checked:#?}");
    for error in errors {
        assert!(checked.stdout.contains(error), "{checked:#?}");
        let error = error.replace("error    ", "error: ");
        assert!(packed.stderr.contains(&error), "{packed:#?}");
    }
    assert!(
        packed.stderr.ends_with("nothing was packed\n"),
        "{packed:#?}"
    );
    assert_eq!(packed.status, 1);
}

#[test]
fn an_invalid_output_is_reported_before_the_plugin_is_checked() {
    let plugin = Plugin::new();
    plugin.remove("mirror");

    let nowhere = plugin.run("pack", &["-o", "gone/a.zip"]);
    let directory = plugin.run("pack", &["-o", "."]);
    let no_zip = plugin.run("pack", &["-o", "mirror.tar"]);
    let of_a_zip = plugin.run_on("mirror/mirror.json", "pack", &[]);

    assert_eq!(
        nowhere.stderr,
        "error: --output gone/a.zip: the directory gone does not exist; create it first\n"
    );
    assert_eq!(
        directory.stderr,
        "error: --output .: is a directory; name the zip\n"
    );
    assert_eq!(
        no_zip.stderr,
        "error: --output mirror.tar: eKuiper installs only a `.zip`; add this ending\n"
    );
    assert_eq!(
        of_a_zip.stderr,
        "error: mirror/mirror.json: is a file; name the plugin's directory\n"
    );
    assert_eq!(
        (
            nowhere.status,
            directory.status,
            no_zip.status,
            of_a_zip.status
        ),
        (2, 2, 2, 2)
    );
}

#[test]
fn a_failed_write_keeps_the_old_zip_and_leaves_no_temporary_file() {
    let plugin = Plugin::new();
    // Larger than the limit below, even when compressed.
    let mut state = 1_u32;
    let noise = (0..200_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    plugin.write(
        "mirror",
        [b"#!/bin/sh\n".to_vec(), noise.collect()].concat(),
    );
    fs::write(plugin.place().join("mirror.zip"), "old").unwrap();

    // No file may grow beyond 64 blocks of 512 bytes or 1 KiB.
    let mut limited = Command::new("sh");
    limited
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 64 && exec \"$0\" pack mirror",
        ])
        .arg(env!("CARGO_BIN_EXE_mock-kuiper"))
        .current_dir(plugin.place());
    let done = Done::of(&mut limited);

    assert_eq!(done.status, 3, "{done:#?}");
    assert_eq!(
        done.stderr,
        "error: cannot write mirror.zip: File too large (os error 27)\n"
    );
    assert_eq!(listed(plugin.place()), ["mirror", "mirror.zip"]);
    assert_eq!(fs::read(plugin.place().join("mirror.zip")).unwrap(), b"old");
}

/// A Cargo package without dependencies, whose binary is `built`.
fn cargo_package(json: &str) -> Plugin {
    let plugin = Plugin::empty();
    let manifest = "[package]\nname = \"built\"\nedition = \"2021\"\n[workspace]\n";
    plugin.write("Cargo.toml", manifest);
    plugin.write("mirror.json", json);
    plugin.write("src/main.rs", "fn main() {}");
    plugin.write("functions/f.json", "{}");
    plugin
}

const BUILT: &str = r#"{"language":"go","executable":"built","functions":["f"]}"#;

fn cargo(plugin: &Plugin, args: &[&str]) -> Done {
    let mut command = mock_kuiper();
    command
        .args(args)
        .env("CARGO_TARGET_DIR", plugin.place().join("target"));
    Done::of(command.current_dir(plugin.place()))
}

#[test]
fn a_cargo_package_is_built_and_its_parts_are_packed() {
    let plugin = cargo_package(BUILT);

    let done = cargo(&plugin, &["pack", "mirror", "--debug"]);

    assert_eq!(done.status, 0, "{done:#?}");
    assert!(done.stderr.contains("`dev` profile"), "{done:#?}");
    let zip = plugin.place().join("mirror.zip");
    assert_eq!(names(&zip), ["built", "functions/f.json", "mirror.json"]);
    assert_eq!(entries(&zip)[0].1, 0o755);
}

#[test]
fn a_target_is_passed_to_cargo() {
    let plugin = cargo_package(BUILT);

    let done = cargo(
        &plugin,
        &["pack", "mirror", "--target", "moon-unknown-none"],
    );

    assert_eq!(done.status, 1, "{done:#?}");
    assert!(done.stderr.contains("moon-unknown-none"), "{done:#?}");
    assert!(
        done.stderr
            .contains("error: Cargo.toml: `cargo build --bin built` failed"),
        "{done:#?}"
    );
}

#[test]
fn a_cargo_package_with_mistakes_is_not_built() {
    let plugin = cargo_package(&BUILT.replace("\"go\"", "\"rust\""));

    let done = cargo(&plugin, &["check", "mirror"]);

    done.assert_findings(
        1,
        &[
            "error    mirror.json: `language`: expected `go` (any native executable) or \
             `python`, found `rust`",
            "warning  built: not built: correct the errors first",
        ],
    );
    assert_eq!(done.stderr, "");
    assert!(!plugin.place().join("target").exists());
}
