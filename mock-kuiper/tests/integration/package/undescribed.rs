//! A Cargo package whose executable is not asked for a description, or gives none, or
//! one that does not belong to the packed files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::cargo_package::{DESCRIPTION, MAIN, Package};
use super::common::{Done, mock_kuiper};

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
fn of_two_jsons_that_of_the_packed_plugin_is_compared() {
    let package = Package::new(MAIN, DESCRIPTION);
    let directory = package.path().file_name().unwrap().to_str().unwrap();
    let name = format!("{directory}.json");
    let description = DESCRIPTION.replace(r#""weather""#, &format!("\"{directory}\""));
    package.write("describe.txt", &description);
    package.write(
        "src/bin/another.rs",
        r#"fn main() { print!("{{\"describe\":1,\"name\":\"another\"}}") }"#,
    );
    for (file, executable) in [("another.json", "another"), (&name, "weather-bin")] {
        let json = r#"{"language":"go","sources":["station"],"sinks":["table"],"functions":["c_to_f"],"executable":"#;
        package.write(file, &format!("{json}\"{executable}\"}}"));
    }

    let done = package.check(&[]);

    let expected = format!("warning  {name}: `functions`: the code has the function `middle`");
    assert!(done.stdout.contains(&expected), "{done:#?}");
    assert!(!done.stdout.contains("another.json"), "{done:#?}");
}

#[test]
fn a_json_that_is_packed_must_have_the_name_in_the_code() {
    let package = Package::complete();
    let directory = package.path().file_name().unwrap().to_str().unwrap();
    let name = format!("{directory}.json");
    let json = package.read("weather.json");
    package.write(&name, &json);
    package.write("weather.json", &json.replace(r#", "middle"]"#, "]"));
    let before = package.read("weather.json");

    let done = package.check(&["--fix"]);

    assert_eq!(done.status, 1, "{done:#?}");
    let expected = format!(
        "error    {name}: this is the json of the package, but the name in `PluginConfig::new` \
         is `weather`, and `weather.json` exists, too; remove one of the files, or name the \
         directory after the right one"
    );
    assert!(
        done.stdout.lines().any(|line| line == expected),
        "{done:#?}"
    );
    assert_eq!(package.read("weather.json"), before);
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
