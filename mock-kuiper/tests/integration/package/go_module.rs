//! A plugin that is a Go module. A script in place of `go` writes down how it is called,
//! and makes an executable; `ci/new` builds real ones.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use super::common::{Done, Plugin, SCRIPT, mock_kuiper};

const GO: &str = r#"#!/bin/sh
echo "$PWD: $*; CGO_ENABLED=$CGO_ENABLED GOOS=$GOOS GOARCH=$GOARCH GOARM=$GOARM" >>"$CALLS"
case "$*" in *"$REFUSED"*) echo "main.go:1:1: expected 'package'" >&2; exit 1;; esac
mkdir "${3%/*}" && printf '#!/bin/sh\nexit 0\n' >"$3" && chmod +x "$3" && echo "on stdout"
"#;

/// A Go module without an executable, and a `go` beside it.
struct Module {
    plugin: Plugin,
}

impl Module {
    fn new() -> Self {
        let plugin = Plugin::new();
        plugin.remove("mirror");
        plugin.write("go.mod", "module mirror\n");
        plugin.write("main.go", "package main\n");
        let go = plugin.place().join("go");
        fs::write(&go, GO).unwrap();
        fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).unwrap();
        Module { plugin }
    }

    /// Runs `mock-kuiper COMMAND mirror ARGS`. The `go` fails if it is called with
    /// `refused`.
    fn run_refusing(&self, refused: &str, command: &str, args: &[&str]) -> Done {
        let place = self.plugin.place();
        let mut path = OsString::from(place);
        path.push(":/usr/bin:/bin");
        let mut process = mock_kuiper();
        process.arg(command).arg("mirror").args(args);
        process
            .env("PATH", path)
            .env("CALLS", place.join("calls"))
            .env("REFUSED", refused);
        for name in ["CGO_ENABLED", "GOOS", "GOARCH", "GOARM"] {
            process.env_remove(name);
        }
        Done::of(process.current_dir(place))
    }

    fn run(&self, command: &str, args: &[&str]) -> Done {
        self.run_refusing("-never", command, args)
    }

    /// Returns how `go` was called, without the paths of this test.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.plugin.place().join("calls")).unwrap_or_default();
        let directory = fs::canonicalize(self.plugin.path("")).unwrap();
        let directory = format!("{}: build -o ", directory.display());
        let calls = calls.lines().map(|call| {
            let call = call.strip_prefix(&directory).unwrap();
            let (output, rest) = call.split_once(' ').unwrap();
            assert!(output.ends_with("/built/mirror"), "{call}");
            rest.to_owned()
        });
        calls.collect()
    }

    /// Writes an executable that is so much older than now.
    fn write_executable(&self, age: Duration) {
        self.plugin.write("mirror", SCRIPT);
        let file = File::options()
            .append(true)
            .open(self.plugin.path("mirror"));
        file.unwrap().set_modified(SystemTime::now() - age).unwrap();
    }
}

const OPTIMIZED: &str =
    "-buildvcs=false -trimpath -ldflags=-s -w .; CGO_ENABLED=0 GOOS= GOARCH= GOARM=";

#[test]
fn a_module_without_an_executable_is_built_statically_and_its_directory_does_not_change() {
    let module = Module::new();

    let done = module.run("pack", &[]);

    assert_eq!(
        (done.status, done.stdout.as_str()),
        (0, "mirror.zip\n"),
        "{done:#?}"
    );
    assert!(done.stderr.contains("\n  mirror  "), "{done:#?}");
    assert_eq!(module.calls(), [OPTIMIZED]);
    assert!(!module.plugin.path("mirror").exists());
}

#[test]
fn without_optimizations_debuggers_can_read_the_executable() {
    let module = Module::new();

    let done = module.run("check", &["--debug"]);

    done.assert_findings(0, &[]);
    assert_eq!(
        module.calls(),
        ["-buildvcs=false -gcflags=all=-N -l .; CGO_ENABLED=0 GOOS= GOARCH= GOARM="]
    );
}

#[test]
fn an_executable_is_used_as_it_is_unless_the_code_is_newer() {
    let module = Module::new();

    module.write_executable(Duration::ZERO);
    let new = module.run("check", &[]);
    let calls_of_the_new = module.calls();
    module.write_executable(Duration::from_secs(3600));
    let old = module.run("check", &[]);

    new.assert_findings(0, &[]);
    old.assert_findings(0, &[]);
    assert_eq!(calls_of_the_new, [""; 0]);
    assert_eq!(module.calls(), [OPTIMIZED]);
}

#[test]
fn a_target_is_translated_for_go() {
    let module = Module::new();

    for target in ["aarch64-unknown-linux-musl", "armv7"] {
        module.run("pack", &["--target", target]);
    }
    let unknown = module.run("pack", &["--target", "mips-unknown-linux-musl"]);

    let built = "-buildvcs=false -trimpath -ldflags=-s -w .; CGO_ENABLED=0 GOOS=linux";
    assert_eq!(
        module.calls(),
        [
            format!("{built} GOARCH=arm64 GOARM="),
            format!("{built} GOARCH=arm GOARM=7")
        ]
    );
    assert_eq!(unknown.status, 1, "{unknown:#?}");
    assert!(
        unknown
            .stderr
            .contains("`go build` is not known to build for `mips-unknown-linux-musl`"),
        "{unknown:#?}"
    );
}

#[test]
fn a_build_that_fails_is_reported_after_the_output_of_go() {
    let module = Module::new();

    let done = module.run_refusing("build", "run", &["--isolate"]);

    assert_eq!(
        (done.status, done.stderr.as_str()),
        (
            2,
            "main.go:1:1: expected 'package'\nerror: mirror/go.mod: `go build` failed, see its \
             output above; the package beside go.mod must be the plugin's `main`\n"
        )
    );
}

#[test]
fn a_machine_without_go_is_told_what_to_install() {
    let module = Module::new();
    fs::remove_file(module.plugin.place().join("go")).unwrap();

    let mut process = mock_kuiper();
    process
        .args(["run", "mirror", "--isolate"])
        .env("PATH", "/");
    let done = Done::of(process.current_dir(module.plugin.place()));

    assert_eq!(
        (done.status, done.stderr.as_str()),
        (
            2,
            "error: mirror/go.mod: cannot run `go` to build the plugin: No such file or directory \
             (os error 2); install Go, or give a directory with the built executable\n"
        )
    );
}
