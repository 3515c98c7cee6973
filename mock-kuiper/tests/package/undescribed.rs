//! A Cargo package whose executable is not asked for a description, or gives none, or
//! one that does not belong to the packed files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::cargo_package::{MAIN, Package};
use crate::common::{Done, mock_kuiper};

#[test]
fn a_package_whose_binary_is_not_on_the_sdk_is_not_run() {
    let main = r#"fn main() { std::fs::write("ran", "").unwrap() }"#;
    let dependency = "[dependencies]\nekuiper = { path = \"ekuiper\" }\n";
    for other in [
        "",
        "[dev-dependencies]\nekuiper = { path = \"ekuiper\" }\n",
        "[build-dependencies]\nekuiper = { path = \"ekuiper\" }\n",
    ] {
        let package = Package::new(main, "");
        package.change("Cargo.toml", dependency, other);
        package.write(
            "weather.json",
            r#"{"language":"go","executable":"weather-bin","functions":["f"]}"#,
        );

        let done = package.check(&[]);

        assert_eq!(done.status, 0, "{done:#?}");
        assert!(!package.path().join("ran").exists(), "{other}");
        assert!(!package.path().join("functions").exists(), "{other}");
    }
}

#[test]
fn a_plugin_that_does_not_describe_itself_is_checked_by_its_files_alone() {
    for (main, line) in [
        (
            "fn main() { std::process::exit(2) }",
            "note     weather-bin: not compared with the files: the plugin does not know \
             `--describe`; update the crate `ekuiper`",
        ),
        (
            r#"fn main() { eprintln!("no luck"); std::process::exit(1) }"#,
            "warning  weather-bin: not compared with the files: `--describe` failed: exit \
             status: 1, after `no luck`",
        ),
        (
            r#"fn main() { print!("{{\"describe\":1,\"name\":\"../weather\"}}") }"#,
            "warning  weather-bin: not compared with the files: the answer to `--describe` is \
             unclear: `../weather` cannot be the name of a file; rename it",
        ),
    ] {
        let package = Package::new(main, "");
        package.write(
            "weather.json",
            r#"{"language":"go","executable":"weather-bin","functions":["f"]}"#,
        );

        let done = package.check(&[]);

        assert_eq!(done.status, 0, "{done:#?}");
        assert!(
            done.stdout.lines().any(|found| found == line),
            "{line}\n{done:#?}"
        );
    }
}

#[test]
fn a_failed_build_is_an_error_of_the_report() {
    let package = Package::new("fn main() { nonsense }", "");

    let done = package.check(&[]);

    assert_eq!(done.status, 1, "{done:#?}");
    assert!(
        done.stdout
            .contains("error    Cargo.toml: `cargo build --bin weather-bin` failed"),
        "{done:#?}"
    );
}

#[test]
fn a_failed_build_does_not_hide_what_is_wrong_with_the_files() {
    let package = Package::new("fn main() { nonsense }", "");
    package.write(
        "weather.json",
        r#"{"language":"go","executable":"weather-bin","sources":["station"]}"#,
    );
    package.write("sources/station.json", "{");
    package.write("sources/station.yaml", "default:\n  url: x\n");

    let done = package.check(&[]);

    assert_eq!(done.status, 1, "{done:#?}");
    let failed = "error    Cargo.toml: `cargo build --bin weather-bin` failed";
    assert_eq!(done.stdout.matches(failed).count(), 1, "{done:#?}");
    assert!(done.stdout.contains(" sources/station.json: "), "{done:#?}");
}

#[test]
fn an_executable_for_another_machine_is_not_asked_and_a_line_says_so() {
    let package = Package::complete();
    let arm = package.path().join("arm");
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(64, 0);
    // A program for aarch64, with the sizes of its headers.
    for (place, value) in [(16, 2), (18, 0xb7), (20, 1), (52, 64), (54, 56), (58, 64)] {
        elf[place] = value;
    }
    fs::write(&arm, elf).unwrap();
    fs::set_permissions(&arm, fs::Permissions::from_mode(0o755)).unwrap();
    // Builds nothing, and names the program above.
    let cargo = package.path().join("cargo");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = metadata ] && exec {} \"$@\"\n\
         echo '{{\"reason\":\"compiler-artifact\",\"target\":{{\"name\":\"weather-bin\"}},\
         \"executable\":\"{}\"}}'\n",
        env!("CARGO"),
        arm.display()
    );
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();

    let mut process = mock_kuiper();
    process.args(["check", "--target", "aarch64-unknown-linux-musl"]);
    let done = Done::of(process.arg(package.path()).env("CARGO", &cargo));

    assert_eq!(done.status, 0, "{done:#?}");
    assert!(
        done.stdout.contains(
            "note     weather-bin: not compared with the files: the executable cannot run on \
             this machine: Exec format error (os error 8)\n"
        ),
        "{done:#?}"
    );
}
