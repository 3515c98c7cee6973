use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::common::write_script;
use crate::support::processes::{Done, Live};

/// A directory with `mock-kuiper`, and an empty directory that is all of `PATH`.
struct Installed {
    place: TempDir,
}

impl Installed {
    fn new() -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let installed = Self { place };
        fs::create_dir(installed.path("bin")).unwrap();
        fs::create_dir(installed.path("path")).unwrap();
        // A copy might still be open for writing when another test's fork runs it.
        fs::hard_link(
            env!("CARGO_BIN_EXE_mock-kuiper"),
            installed.path("bin/mock-kuiper"),
        )
        .unwrap();
        installed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Writes a script that takes the place of the suite.
    fn suite(&self, directory: &str, script: &str) {
        write_script(&self.path(directory).join("ekuiper-conformance"), script);
    }

    fn start(&self, program: &Path, args: &[&OsStr]) -> Live {
        let mut command = Command::new(program);
        command
            .arg("conformance")
            .args(args)
            .current_dir(self.place.path())
            .env("PATH", self.path("path"));
        Live::spawn(command, "conformance")
    }

    fn run(&self, args: &[&str]) -> Done {
        let args: Vec<_> = args.iter().map(OsStr::new).collect();
        self.start(&self.path("bin/mock-kuiper"), &args).end()
    }
}

#[test]
fn the_suite_next_to_the_command_gets_the_arguments_and_gives_the_exit_status() {
    let installed = Installed::new();
    installed.suite("bin", r#"echo "beside: $*"; echo note >&2; exit 1"#);
    installed.suite("path", "echo path");

    let done = installed.run(&["./mirror", "--release", "all", "--", "-x", "--help"]);

    assert_eq!(done.stdout, "beside: ./mirror --release all -- -x --help\n");
    assert_eq!((done.status, done.stderr.as_str()), (1, "note\n"));
}

#[test]
fn flags_of_the_suite_are_not_read_by_the_command() {
    let installed = Installed::new();
    installed.suite("bin", r#"echo "$*""#);

    for flag in ["--help", "-h", "--version", "-V", "--list"] {
        assert_eq!(installed.run(&[flag]).stdout, format!("{flag}\n"));
    }
}

#[test]
fn arguments_that_are_not_utf_8_reach_the_suite() {
    let installed = Installed::new();
    installed.suite("bin", r#"test "$1" = "$(printf 'a\377b')""#);

    let live = installed.start(
        &installed.path("bin/mock-kuiper"),
        &[OsStr::from_bytes(b"a\xffb")],
    );

    assert_eq!(live.end().status, 0);
}

#[test]
fn a_link_to_the_command_finds_the_suite_next_to_its_target() {
    let installed = Installed::new();
    installed.suite("bin", "echo beside");
    let link = installed.path("mock-kuiper");
    std::os::unix::fs::symlink(installed.path("bin/mock-kuiper"), &link).unwrap();

    assert_eq!(installed.start(&link, &[]).end().stdout, "beside\n");
}

#[test]
fn without_a_suite_next_to_the_command_that_of_the_path_runs() {
    let installed = Installed::new();
    installed.suite("path", "echo path");
    // Neither a directory nor a file that is not executable is the suite.
    fs::write(installed.path("bin/ekuiper-conformance"), "").unwrap();

    assert_eq!(installed.run(&[]).stdout, "path\n");
}

#[test]
fn a_suite_that_is_not_found_is_an_error_that_says_how_to_install_it() {
    let installed = Installed::new();
    fs::create_dir(installed.path("path/ekuiper-conformance")).unwrap();

    let done = installed.run(&["--help"]);

    assert_eq!(
        done.stderr,
        "error: `ekuiper-conformance` is neither next to mock-kuiper nor in a directory of PATH; \
         install it with `cargo install ekuiper-conformance`, or put the executable of a release \
         next to mock-kuiper\n"
    );
    assert_eq!((done.status, done.stdout.as_str()), (3, ""));
}

#[test]
fn the_working_directory_is_not_searched() {
    let installed = Installed::new();
    installed.suite(".", "echo here");
    let mut command = Command::new(installed.path("bin/mock-kuiper"));
    command
        .arg("conformance")
        .current_dir(installed.path("."))
        .env("PATH", "");

    assert_eq!(Live::spawn(command, "conformance").end().status, 3);
}

#[test]
fn a_suite_that_cannot_be_executed_is_an_error_with_its_path() {
    let installed = Installed::new();
    let suite = installed.path("bin/ekuiper-conformance");
    // As `write_script` does, so that no fork of another test has it open for writing.
    let written = Command::new("/bin/sh")
        .args([
            "-c",
            "echo '#!/no/such/interpreter' >\"$0\" && chmod +x \"$0\"",
        ])
        .arg(&suite)
        .status();
    assert!(written.unwrap().success());

    let done = installed.run(&[]);

    assert_eq!(
        done.stderr,
        format!(
            "error: cannot run {}: No such file or directory (os error 2); install it again with \
             `cargo install ekuiper-conformance`\n",
            suite.display()
        )
    );
    assert_eq!(done.status, 3);
}

#[test]
fn the_command_becomes_the_suite_and_a_signal_reaches_it() {
    let installed = Installed::new();
    installed.suite(
        "bin",
        // A shell cannot trap SIGINT if whoever started the tests ignores it.
        "trap 'echo terminated; exit 130' TERM\necho $$\nwhile :; do sleep 0.05; done",
    );
    let mut command = Command::new(installed.path("bin/mock-kuiper"));
    command.arg("conformance");

    let live = Live::spawn(command, "conformance");
    let pid = format!("{}\n", live.pid());
    live.wait_for_stdout(&pid);
    live.signal(Signal::TERM);

    let done = live.end();
    assert_eq!(done.stdout, format!("{pid}terminated\n"));
    assert_eq!(done.status, 130);
}

#[test]
fn a_signal_that_kills_the_suite_is_how_the_command_ends() {
    let installed = Installed::new();
    installed.suite("bin", "kill -TERM $$");

    assert_eq!(installed.run(&[]).status, -15);
}
