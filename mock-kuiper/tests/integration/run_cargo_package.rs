//! `mock-kuiper run` on a Cargo package, which is built and laid out as a plugin.
//!
//! These packages have no dependencies: a build takes a second and no network.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const JSON: &str = r#"{"version":"1","language":"go","executable":"built","sources":[],"sinks":[],"functions":["f"]}"#;

/// Makes a package whose binary `built` has this `main`.
fn package(main: &str, json: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(directory.path().join(file), text).unwrap();
    write(
        "Cargo.toml",
        "[package]\nname = \"built\"\nedition = \"2021\"\n[workspace]\n",
    );
    let name = format!("built{}", directory.path().display())
        .replace(|c: char| !c.is_ascii_alphanumeric(), "");
    write(&format!("{name}.json"), json);
    fs::create_dir(directory.path().join("src")).unwrap();
    write("src/main.rs", main);
    directory
}

fn run(directory: &Path, extra: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mock-kuiper"))
        .arg("run")
        .arg(directory)
        .args(extra)
        .env("CARGO_TARGET_DIR", directory.join("target"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_binary_that_the_json_names_is_built_and_launched_in_a_plugin_directory() {
    let main = r#"fn main() {
        let here = std::env::current_dir().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(&here).unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        println!("{names:?} {}", here.join("functions/f.json").is_file());
        std::process::exit(7);
    }"#;
    let directory = package(main, JSON);
    fs::create_dir(directory.path().join("functions")).unwrap();
    fs::write(directory.path().join("functions/f.json"), "{}").unwrap();

    let output = run(directory.path(), &[]);

    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("Compiling built"), "{text}");
    assert!(text.contains("release"), "{text}");
    assert!(text.contains(r#"["built", "built"#), "{text}");
    assert!(text.contains(r#", "functions"] true"#), "{text}");
    assert!(
        text.contains("the plugin exited before its greeting: exit status 7"),
        "{text}"
    );
}

#[test]
fn debug_builds_without_optimizations() {
    let directory = package("fn main() {}", JSON);

    let output = run(directory.path(), &["--debug"]);

    assert!(stderr(&output).contains("`dev` profile"), "{output:?}");
    assert!(directory.path().join("target/debug/built").is_file());
}

#[test]
fn a_failed_build_gives_status_2_and_shows_cargos_errors() {
    let directory = package("fn main() { nonsense }", JSON);

    let output = run(directory.path(), &[]);

    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("cannot find value `nonsense`"), "{text}");
    assert!(
        text.contains("`cargo build --bin built` failed, see its output above"),
        "{text}"
    );
}

#[test]
fn mistakes_in_the_json_are_reported_before_the_build() {
    let json = r#"{"version":"1","language":"rust","executable":"built","sources":[],"sinks":[],"functions":[]}"#;
    let directory = package("fn main() { nonsense }", json);

    let output = run(directory.path(), &[]);

    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("`language`"), "{text}");
    assert!(!text.contains("nonsense"), "{text}");
    assert!(
        text.contains(&directory.path().display().to_string()),
        "names the package's file, not a staged one: {text}"
    );
}
