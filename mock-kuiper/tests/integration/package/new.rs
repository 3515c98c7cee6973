//! What `mock-kuiper new` writes and refuses. `ci/new` builds and tests projects.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::common::{Done, listed, mock_kuiper};

/// The directory of a test.
fn place() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Runs `mock-kuiper new ARGS` in a directory.
fn new(place: &TempDir, args: &[&str]) -> Done {
    Done::of(mock_kuiper().arg("new").args(args).current_dir(place))
}

#[track_caller]
fn assert_refused(done: &Done, error: &str) {
    assert_eq!(done.stderr, format!("error: {error}\n"));
    assert_eq!((done.status, done.stdout.as_str()), (2, ""));
}

/// Returns the paths of all files below a directory, relative to it and sorted.
fn files(directory: &Path) -> Vec<String> {
    fn collect(root: &Path, directory: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, found);
            } else {
                found.push(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    let mut found = Vec::new();
    collect(directory, directory, &mut found);
    found.sort();
    found
}

fn read(place: &TempDir, file: &str) -> String {
    fs::read_to_string(place.path().join(file)).unwrap()
}

fn manifest(place: &TempDir, plugin: &str) -> Value {
    serde_json::from_str(&read(place, &format!("{plugin}/{plugin}.json"))).unwrap()
}

/// Returns the checkout that this test was built from.
fn checkout() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

#[test]
fn a_project_in_rust_has_a_source_a_sink_and_functions_and_depends_on_the_published_sdk() {
    let place = place();

    let done = new(&place, &["weather"]);

    let expected = [
        ".github/workflows/ci.yml",
        ".gitignore",
        ".vscode/launch.json",
        "Cargo.toml",
        "README.md",
        "functions/c_to_f.json",
        "functions/mean.json",
        "sinks/lines.json",
        "sources/ticks.json",
        "sources/ticks.yaml",
        "src/functions.rs",
        "src/lines.rs",
        "src/main.rs",
        "src/ticks.rs",
        "tests/plugin.test.yaml",
        "weather.json",
    ];
    assert_eq!(files(&place.path().join("weather")), expected);
    assert_eq!(
        manifest(&place, "weather"),
        json!({
            "version": "v0.1.0", "language": "go", "executable": "weather",
            "sources": ["ticks"], "sinks": ["lines"], "functions": ["c_to_f", "mean"],
        })
    );
    let (version, _) = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap();
    let cargo = read(&place, "weather/Cargo.toml");
    assert!(
        cargo.starts_with("[package]\nname = \"weather\"\n"),
        "{cargo}"
    );
    assert!(
        cargo.contains(&format!("\nekuiper = \"{version}\"\n")),
        "{cargo}"
    );
    let listed = expected.map(|file| format!("  {file}\n")).concat();
    assert_eq!(
        done.stderr,
        format!(
            "made weather:\n{listed}next:\n  cd weather\n  cargo test\n  mock-kuiper test\n  \
             mock-kuiper run .\n"
        )
    );
    assert_eq!((done.status, done.stdout.as_str()), (0, ""));
}

#[test]
fn the_selected_kinds_and_no_others_are_written() {
    let place = place();
    for (name, flags, symbols) in [
        (
            "a",
            &["--source"][..],
            [json!(["ticks"]), json!([]), json!([])],
        ),
        ("b", &["--sink"], [json!([]), json!(["lines"]), json!([])]),
        (
            "c",
            &["--function"],
            [json!([]), json!([]), json!(["c_to_f", "mean"])],
        ),
        (
            "d",
            &["--sink", "--source"],
            [json!(["ticks"]), json!(["lines"]), json!([])],
        ),
    ] {
        for (lang, name) in [("rust", name.to_owned()), ("python", format!("{name}-py"))] {
            let mut args = vec![name.as_str(), "--lang", lang];
            args.extend(flags);

            let done = new(&place, &args);

            assert_eq!(done.status, 0, "{done:#?}");
            let json = manifest(&place, &name);
            assert_eq!(
                [&json["sources"], &json["sinks"], &json["functions"]],
                symbols.each_ref()
            );
            let files = files(&place.path().join(&name)).join("\n");
            for (index, symbol) in ["ticks", "lines", "functions."].iter().enumerate() {
                let has_none = symbols[index] == json!([]);
                assert_eq!(
                    files.contains(symbol),
                    !has_none,
                    "{name}: {symbol}: {files}"
                );
            }
        }
    }
}

#[test]
fn check_finds_nothing_in_a_project_in_python() {
    let place = place();

    let made = new(&place, &["plugins", "--lang", "python"]);
    let checked = Done::of(
        mock_kuiper()
            .args(["check", "plugins", "--strict"])
            .current_dir(&place),
    );

    assert_eq!(made.status, 0, "{made:#?}");
    checked.assert_findings(0, &[]);
    assert_eq!(manifest(&place, "plugins")["executable"], "main.py");
}

#[test]
fn a_project_on_a_checkout_has_its_absolute_path_and_can_be_moved() {
    let place = place();
    symlink(checkout(), place.path().join("checkout")).unwrap();

    let done = new(&place, &["weather", "--source", "--from", "checkout"]);

    assert_eq!(done.status, 0, "{done:#?}");
    let root = checkout().into_os_string().into_string().unwrap();
    let cargo = read(&place, "weather/Cargo.toml");
    let line = format!("\nekuiper = {{ path = \"{root}/sdk\" }}\n");
    assert!(cargo.contains(&line), "{cargo}");
    let ci = read(&place, "weather/.github/workflows/ci.yml");
    assert!(
        ci.contains(&format!("\n      CHECKOUT: \"{root}\"\n")),
        "{ci}"
    );
}

#[test]
fn a_directory_that_is_no_checkout_is_refused() {
    let place = place();
    let sdk = checkout()
        .join("sdk")
        .into_os_string()
        .into_string()
        .unwrap();

    for from in [".", &sdk] {
        let done = new(&place, &["weather", "--from", from]);

        assert_refused(
            &done,
            &format!(
                "--from {from}: is not a checkout of the SDK's repository: it has no \
                 `sdk/Cargo.toml` of `ekuiper` and `mock-kuiper/Cargo.toml` of `mock-kuiper`; \
                 name the directory that holds both"
            ),
        );
    }
    let done = new(&place, &["weather", "--from", "nowhere"]);
    assert_refused(
        &done,
        "--from nowhere: No such file or directory (os error 2)",
    );
    assert_eq!(listed(place.path()), [""; 0]);
}

#[test]
fn the_last_part_of_a_path_is_the_name_and_its_parent_must_exist() {
    let place = place();

    let refused = new(&place, &["a/weather"]);
    fs::create_dir(place.path().join("a")).unwrap();
    let made = new(&place, &["a/weather/", "--sink"]);

    assert_refused(
        &refused,
        "a/weather: the directory a does not exist; create it first",
    );
    assert_eq!(made.status, 0, "{made:#?}");
    assert!(place.path().join("a/weather/weather.json").is_file());
    assert_eq!(listed(&place.path().join("a")), ["weather"]);
}

#[test]
fn nothing_is_overwritten() {
    let place = place();
    fs::write(place.path().join("file"), "kept").unwrap();
    symlink("nowhere", place.path().join("link")).unwrap();
    assert_eq!(new(&place, &["weather", "--sink"]).status, 0);
    let before = files(&place.path().join("weather"));
    fs::write(place.path().join("weather/README.md"), "mine").unwrap();

    let again = new(&place, &["weather", "--source"]);

    let found = listed(&place.path().join("weather"));
    assert_eq!((again.status, again.stdout.as_str()), (2, ""));
    assert!(
        found.iter().any(|name| again.stderr
            == format!(
                "error: weather: exists and is not empty, it has `{name}`; choose another name, \
                 or remove it\n"
            )),
        "{again:#?}"
    );
    assert_eq!(files(&place.path().join("weather")), before);
    assert_eq!(read(&place, "weather/README.md"), "mine");
    for name in ["file", "link"] {
        let done = new(&place, &[name]);
        assert_refused(
            &done,
            &format!("{name}: exists and is not a directory; choose another name"),
        );
    }
    assert_eq!(read(&place, "file"), "kept");
    assert_eq!(listed(place.path()), ["file", "link", "weather"]);
}

#[test]
fn an_empty_directory_is_filled_and_has_the_usual_permissions() {
    let place = place();
    let usual = place.path().join("usual");
    fs::create_dir(&usual).unwrap();
    fs::create_dir(place.path().join("weather")).unwrap();

    let done = new(&place, &["weather"]);

    assert_eq!(done.status, 0, "{done:#?}");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
    assert_eq!(mode(&place.path().join("weather")), mode(&usual));
}

#[test]
fn an_invalid_name_is_refused_with_the_reason_and_a_valid_name() {
    let place = place();
    let long = "n".repeat(200);
    for (name, wrong, valid) in [
        ("-x", "it does not begin with a letter", "x"),
        ("9lives", "it does not begin with a letter", "my-9lives"),
        ("Über", "it contains `Ü`", "my-plugin"),
        (
            "con",
            "it is a device on Windows, where no file can have it",
            "my-con",
        ),
        ("fn", "it is a keyword of Rust", "my-fn"),
        ("test", "it is the name of a library of Rust", "my-test"),
        ("sources", "it is a directory of every plugin", "my-sources"),
        (
            &long,
            "it has 200 characters, too many for a socket",
            &long[..32],
        ),
    ] {
        let done = new(&place, &["--", name]);

        assert_refused(
            &done,
            &format!(
                "`{name}` cannot be a plugin's name: {wrong}; a name consists of the letters a-z, \
                 digits, and single `-` or `_` between them, begins with a letter, and has at \
                 most 91 characters, for example `{valid}`"
            ),
        );
    }
    for path in [".", "..", "/"] {
        let done = new(&place, &[path]);
        assert_refused(
            &done,
            &format!("{path}: does not end with a name; name the new directory"),
        );
    }
    assert_eq!(new(&place, &[""]).status, 2);
    assert_eq!(listed(place.path()), [""; 0]);
}

#[test]
fn a_parent_that_accepts_no_files_is_refused() {
    // Not even root can create a file there.
    let done = new(&place(), &["/sys/weather"]);

    assert!(
        done.stderr
            .starts_with("error: /sys/weather: cannot make the project: ")
    );
    assert!(
        done.stderr
            .ends_with("; choose a directory in which you can create files\n")
    );
    assert_eq!(done.status, 2);
}

/// Runs `mock-kuiper new weather` so that its first write of a file fails. `prepare`
/// is a command of the shell that runs it.
fn new_that_cannot_write(place: &TempDir, prepare: &str) -> Done {
    let script = format!("{prepare}; ulimit -f 0; \"$0\" new weather; echo status $?");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_mock-kuiper")]);
    Done::of(shell.current_dir(place))
}

#[test]
fn an_error_leaves_nothing() {
    let place = place();

    let done = new_that_cannot_write(&place, "trap '' XFSZ");

    assert_eq!(
        done.stderr,
        "error: weather: cannot make the project: File too large (os error 27)\n"
    );
    assert_eq!(done.stdout, "status 3\n");
    assert_eq!(listed(place.path()), [""; 0]);
}

#[test]
fn a_death_leaves_nothing() {
    let place = place();

    let done = new_that_cannot_write(&place, ":");

    assert_eq!(
        done.stdout, "status 153\n",
        "not killed by SIGXFSZ: {done:#?}"
    );
    let limit = Instant::now() + Duration::from_secs(20);
    while !listed(place.path()).is_empty() && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(listed(place.path()), [""; 0]);
}

#[test]
fn the_launch_json_starts_the_plugin_as_ekuiper_does() {
    let place = place();
    new(&place, &["weather"]);
    new(&place, &["wind", "--lang", "python"]);
    let configuration = |plugin: &str| {
        let json: Value =
            serde_json::from_str(&read(&place, &format!("{plugin}/.vscode/launch.json"))).unwrap();
        assert_eq!(json["configurations"].as_array().unwrap().len(), 1);
        json["configurations"][0].clone()
    };
    let (rust, python) = (configuration("weather"), configuration("wind"));

    assert_eq!(rust["cargo"]["args"], json!(["build", "--bin=weather"]));
    assert!(read(&place, "weather/Cargo.toml").contains("name = \"weather\""));
    let program = python["program"].as_str().unwrap();
    let file = program.strip_prefix("${workspaceFolder}/").unwrap();
    assert_eq!(manifest(&place, "wind")["executable"], file);
    assert!(place.path().join("wind").join(file).is_file());
    for configuration in [&rust, &python] {
        assert_eq!(configuration["args"], json!(["{\"sendTimeout\":1000}"]));
        assert_eq!(configuration["cwd"], "${workspaceFolder}");
    }
}
