//! The executable: whether the kernel or Python can run it, and on which machines.

use std::path::Path;

use super::super::error::PackageError;
use super::super::files;
use super::super::manifest::Language;
use super::super::report::{CheckAdvice, CheckReport};
use super::elf::{self, Elf};

/// The version of glibc in eKuiper's Debian images.
///
/// Source: eKuiper 2.4.0, deploy/docker/Dockerfile-slim (`debian:bookworm-slim`).
const DEBIAN_GLIBC: [u32; 2] = [2, 36];

/// Checks the file at `path`, whose name in the plugin's directory is `name`.
pub(super) fn check(
    report: &mut CheckReport,
    path: &Path,
    name: &str,
    language: Option<&Language>,
    target: Option<&str>,
) -> Result<(), PackageError> {
    let bytes = match files::read(path, files::EXECUTABLE_LIMIT) {
        Ok(bytes) => bytes,
        Err(PackageError::Mistakes(mistakes)) => {
            for mistake in mistakes {
                report.error(name, mistake.text);
            }
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if bytes.is_empty() {
        report.error(name, "is empty; build it");
        return Ok(());
    }
    let is_python = matches!(language, Some(Language::Python { .. }));
    match elf::read(&bytes) {
        Some(_) if is_python => report.error(
            name,
            "is a native program, which Python cannot run; set `\"language\": \"go\"` in the json",
        ),
        Some(Ok(elf)) => check_elf(report, name, &elf, target),
        Some(Err(error)) => report.error(
            name,
            format!("is a broken ELF file: {error}; build it again"),
        ),
        None if is_python => report.ok(name, "a script for Python"),
        None => check_script(report, name, &bytes, target),
    }
    Ok(())
}

fn check_elf(report: &mut CheckReport, name: &str, elf: &Elf, target: Option<&str>) {
    if !elf.is_program {
        report.error(name, "is a library or an object file; name a program");
        return;
    }
    let wanted = elf::machine_of(target.unwrap_or(std::env::consts::ARCH));
    if elf.machine != wanted {
        let machine = &elf.machine;
        if let Some(target) = target {
            let text = format!("is for {machine}, not for {target}; build it again");
            report.error(name, text);
        } else {
            let text = format!("is for {machine}, but this machine is {wanted}; build it again");
            report.error_or(name, text, CheckAdvice::NameTarget);
        }
        return;
    }
    if elf.loader.is_none() && elf.libraries.is_empty() {
        let text = format!("for {}, statically linked: runs anywhere", elf.machine);
        report.ok(name, text);
        return;
    }
    let libraries = elf.libraries.join(", ");
    let glibc = elf.glibc.as_ref().map(|version| {
        let numbers: Vec<_> = version.iter().map(ToString::to_string).collect();
        numbers.join(".")
    });
    let needs = match &glibc {
        Some(glibc) => format!("glibc {glibc} or newer ({libraries})"),
        None => libraries,
    };
    report.ok(name, format!("for {}, needs {needs}", elf.machine));
    // Source: eKuiper 2.4.0, deploy/docker: `Dockerfile` is for Alpine, and
    // `Dockerfile-slim` for Debian.
    let loader = elf.loader.as_deref().unwrap_or_default();
    let target = match elf.machine.as_str() {
        "x86_64" | "aarch64" => format!("{}-unknown-linux-musl", elf.machine),
        _ => "…-musl".to_owned(),
    };
    if loader.contains("musl") {
        let text = "runs in eKuiper's Alpine images, not in its Debian ones (`-slim`); link it \
                    statically to run in both";
        report.warn(name, text);
    } else if glibc.is_some() || loader.contains("ld-linux") {
        let text = format!(
            "runs in eKuiper's Debian images (`-slim`), not in its Alpine ones; link it \
             statically to run in both (in Rust: the target `{target}`)"
        );
        report.warn(name, text);
    }
    if elf.glibc.as_deref() > Some(&DEBIAN_GLIBC) {
        let [major, minor] = DEBIAN_GLIBC;
        let text = format!(
            "needs a newer glibc than eKuiper's Debian images have ({major}.{minor}); build it on \
             an older system, or link it statically"
        );
        report.warn(name, text);
    }
}

fn check_script(report: &mut CheckReport, name: &str, bytes: &[u8], target: Option<&str>) {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let Some(command) = line.strip_prefix(b"#!") else {
        let text = match bytes {
            [b'M', b'Z', ..] => "is a program for Windows; build it for Linux".to_owned(),
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
                "is a program for macOS; build it for Linux".to_owned()
            }
            _ => "is neither a program nor a script that begins with `#!`, so the kernel cannot \
                  run it; for a Python script set `\"language\": \"python\"` in the json"
                .to_owned(),
        };
        report.error(name, text);
        return;
    };
    if command.ends_with(b"\r") {
        let text = "its lines end with CR LF, so the kernel does not find its interpreter; save \
                    it with Unix line endings";
        report.error(name, text);
        return;
    }
    let command = String::from_utf8_lossy(command);
    let interpreter = command.split_whitespace().next().unwrap_or_default();
    if interpreter.is_empty() {
        report.error(
            name,
            "begins with `#!` but does not name an interpreter; name one",
        );
    } else if target.is_none() && !Path::new(interpreter).exists() {
        report.ok(name, format!("a script for `{}`", command.trim()));
        let text = format!("its interpreter `{interpreter}` is not on this machine; install it");
        report.warn(name, text);
    } else {
        report.ok(name, format!("a script for `{}`", command.trim()));
    }
}
