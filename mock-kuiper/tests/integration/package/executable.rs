use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::common::{Done, JSON, Plugin, SCRIPT};

/// Checks a plugin with this executable.
fn check(executable: impl AsRef<[u8]>, args: &[&str]) -> Done {
    let plugin = Plugin::new();
    plugin.write("mirror", executable);
    plugin.run("check", args)
}

/// Returns a dynamically linked program for this machine.
fn program() -> Vec<u8> {
    fs::read(env!("CARGO_BIN_EXE_mock-kuiper")).unwrap()
}

/// Returns a dynamically linked program for another processor.
fn program_for(machine: u16) -> Vec<u8> {
    let mut bytes = program();
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes
}

const AARCH64: u16 = 183;
const LOONGARCH: u16 = 258;

/// Returns an ELF file that has only a header, and a program header for the loader
/// if one is given.
fn bare(kind: u16, entry: u64, loader: Option<&str>) -> Vec<u8> {
    let loader = loader.map(|loader| [loader.as_bytes(), b"\0"].concat());
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let machine: u16 = if cfg!(target_arch = "aarch64") {
        AARCH64
    } else {
        62
    };
    elf.extend(kind.to_le_bytes());
    elf.extend(machine.to_le_bytes());
    elf.extend(1_u32.to_le_bytes());
    elf.extend(entry.to_le_bytes());
    elf.extend(64_u64.to_le_bytes()); // the program headers
    elf.extend(0_u64.to_le_bytes()); // no sections
    elf.extend(0_u32.to_le_bytes());
    for half in [64, 56, u16::from(loader.is_some()), 64, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    if let Some(loader) = loader {
        let size = loader.len() as u64;
        elf.extend(3_u32.to_le_bytes()); // PT_INTERP
        elf.extend(4_u32.to_le_bytes());
        for word in [120, 0, 0, size, size, 1] {
            elf.extend(u64::to_le_bytes(word));
        }
        elf.extend(loader);
    }
    elf
}

const EXEC: u16 = 2;
const DYN: u16 = 3;

#[test]
fn a_program_for_another_machine_is_an_error_without_its_target() {
    let arch = std::env::consts::ARCH;

    check(program_for(LOONGARCH), &[]).assert_findings(
        1,
        &[&format!(
            "error    mirror: is for loongarch64, but this machine is {arch}; build it again, or \
             name the machine that it is for with `--target`"
        )],
    );
    check(program_for(LOONGARCH), &["--target", "aarch64"]).assert_findings(
        1,
        &["error    mirror: is for loongarch64, not for aarch64; build it again"],
    );
    let named = check(
        program_for(AARCH64),
        &["--target", "aarch64-unknown-linux-gnu"],
    );
    assert!(
        named
            .stdout
            .contains("ok       mirror: for aarch64, needs glibc 2.")
    );
    assert_eq!(named.status, 0);
}

#[test]
fn a_static_program_runs_anywhere() {
    let done = check(bare(EXEC, 1, None), &[]);

    done.assert_findings(0, &[]);
    let text = format!(
        "ok       mirror: for {}, statically linked: runs anywhere\n",
        std::env::consts::ARCH
    );
    assert!(done.stdout.contains(&text), "{done:#?}");
}

#[test]
fn a_dynamic_program_runs_in_some_of_ekuipers_images() {
    let musl = check(bare(DYN, 1, Some("/lib/ld-musl-x86_64.so.1")), &[]);
    let glibc = check(bare(DYN, 1, Some("/lib64/ld-linux-x86-64.so.2")), &[]);

    musl.assert_findings(
        0,
        &[
            "warning  mirror: runs in eKuiper's Alpine images, not in its Debian ones (`-slim`); \
           link it statically to run in both",
        ],
    );
    let arch = std::env::consts::ARCH;
    glibc.assert_findings(
        0,
        &[&format!(
            "warning  mirror: runs in eKuiper's Debian images (`-slim`), not in its Alpine \
             ones; link it statically to run in both (in Rust: the target \
             `{arch}-unknown-linux-musl`)"
        )],
    );
}

#[test]
fn the_libraries_that_a_program_needs_are_listed() {
    let done = check(program(), &[]);

    let line = done
        .stdout
        .lines()
        .find(|line| line.contains("mirror: for "))
        .unwrap();
    assert!(line.contains("needs glibc 2."), "{line}");
    assert!(line.contains("libc.so.6"), "{line}");
}

#[test]
fn a_glibc_newer_than_in_ekuipers_images_is_a_warning() {
    let mut bytes = program();
    let newest = b"GLIBC_2.34";
    let places: Vec<_> = (0..bytes.len() - newest.len())
        .filter(|at| bytes[*at..].starts_with(newest))
        .collect();
    for at in places {
        bytes[at + 8..at + 10].copy_from_slice(b"99");
    }

    let done = check(bytes, &[]);

    assert!(
        done.stdout.contains("needs glibc 2.99 or newer"),
        "{done:#?}"
    );
    assert_eq!(
        done.findings()[1],
        "warning  mirror: needs a newer glibc than eKuiper's Debian images have (2.36); build it \
         on an older system, or link it statically"
    );
    assert_eq!(done.status, 0);
}

#[test]
fn a_library_and_a_truncated_program_are_errors() {
    let text = "error    mirror: is a library or an object file; name a program";
    check(bare(DYN, 0, None), &[]).assert_findings(1, &[text]);
    check(bare(1, 0, None), &[]).assert_findings(1, &[text]);

    let half = check(&program()[..5000], &[]);
    assert!(
        half.findings()[0].starts_with("error    mirror: is a broken ELF file: "),
        "{half:#?}"
    );
}

#[test]
fn a_file_that_the_kernel_cannot_run_is_an_error() {
    for (bytes, text) in [
        ("", "is empty; build it"),
        ("MZ\u{1}", "is a program for Windows; build it for Linux"),
        (
            "print(1)\n",
            "is neither a program nor a script that begins with `#!`, so the kernel cannot run \
             it; for a Python script set `\"language\": \"python\"` in the json",
        ),
        (
            "#!/bin/sh\r\nexit\r\n",
            "its lines end with CR LF, so the kernel does not find its interpreter; save it with \
             Unix line endings",
        ),
        (
            "#! \n",
            "begins with `#!` but does not name an interpreter; name one",
        ),
    ] {
        check(bytes, &[]).assert_findings(1, &[&format!("error    mirror: {text}")]);
    }
    check(b"\xcf\xfa\xed\xfe", &[]).assert_findings(
        1,
        &["error    mirror: is a program for macOS; build it for Linux"],
    );
}

#[test]
fn a_missing_interpreter_is_a_warning_unless_a_target_is_named() {
    let script = "#!/opt/none/python3 -u\n";

    check(script, &[]).assert_findings(
        0,
        &[
            "warning  mirror: its interpreter `/opt/none/python3` is not on this machine; install \
           it",
        ],
    );
    check(script, &["--target", "aarch64"]).assert_findings(0, &[]);
}

#[test]
fn the_content_of_a_file_that_is_not_executable_is_checked_too() {
    let plugin = Plugin::new();
    plugin.write("mirror", "MZ");
    let plain = fs::Permissions::from_mode(0o644);
    fs::set_permissions(plugin.path("mirror"), plain).unwrap();

    plugin.run("check", &[]).assert_findings(
        1,
        &[
            "error    mirror.json: `executable`: mirror is not executable; run `chmod +x mirror`",
            "error    mirror: is a program for Windows; build it for Linux",
        ],
    );
}

#[test]
fn a_python_plugin_is_a_script_that_need_not_be_executable() {
    let plugin = Plugin::new();
    plugin.write("mirror.json", JSON.replace("\"go\"", "\"python\""));
    let plain = fs::Permissions::from_mode(0o644);
    fs::set_permissions(plugin.path("mirror"), plain).unwrap();

    plugin.run("check", &[]).assert_findings(0, &[]);
    plugin.write("mirror", SCRIPT.replace("#!/bin/sh", ""));
    plugin.run("check", &[]).assert_findings(0, &[]);
    plugin.write("mirror", bare(EXEC, 1, None));
    plugin.run("check", &[]).assert_findings(
        1,
        &[
            "error    mirror: is a native program, which Python cannot run; set \
             `\"language\": \"go\"` in the json",
        ],
    );
}
