//! Reading ELF files: the machine that a program is for, and what it needs there.

use object::Endianness;
use object::elf;
use object::read::Result;
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _};

/// What the headers of an ELF file declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Elf {
    /// The processor, named as in a target triple if it is a known one.
    pub(super) machine: String,
    /// Whether it is a program, and neither a library nor an object file.
    pub(super) is_program: bool,
    /// The dynamic loader (`PT_INTERP`).
    pub(super) loader: Option<String>,
    /// The libraries that it is linked with (`DT_NEEDED`).
    pub(super) libraries: Vec<String>,
    /// The newest version of glibc that it requires, from `.gnu.version_r`.
    pub(super) glibc: Option<Vec<u32>>,
}

/// Reads the headers. Returns `None` if the bytes are not an ELF file.
pub(super) fn read(bytes: &[u8]) -> Option<Result<Elf>> {
    if !bytes.starts_with(&elf::ELFMAG) {
        return None;
    }
    Some(match bytes.get(4) {
        Some(&class) if class == elf::ELFCLASS32.0 => {
            read_class::<elf::FileHeader32<Endianness>>(bytes)
        }
        _ => read_class::<elf::FileHeader64<Endianness>>(bytes),
    })
}

fn read_class<Header: FileHeader<Endian = Endianness>>(data: &[u8]) -> Result<Elf> {
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let mut loader = None;
    for segment in header.program_headers(endian, data)? {
        loader = loader.or(segment.interpreter(endian, data)?);
    }
    let sections = header.sections(endian, data)?;
    let mut libraries = Vec::new();
    if let Some((entries, strings)) = sections.dynamic(endian, data)? {
        let strings = sections.strings(endian, data, strings)?;
        for entry in entries {
            if entry.tag(endian) == elf::DT_NEEDED {
                libraries.push(text(entry.string(endian, strings)?));
            }
        }
    }
    let mut glibc: Option<Vec<u32>> = None;
    if let Some((mut needs, strings)) = sections.gnu_verneed(endian, data)? {
        let strings = sections.strings(endian, data, strings)?;
        while let Some((_, mut versions)) = needs.next()? {
            while let Some(version) = versions.next()? {
                glibc = glibc.max(glibc_version(version.name(endian, strings)?));
            }
        }
    }
    let kind = header.e_type(endian);
    // A library that can be run as a program has a loader.
    let is_library = kind == elf::ET_DYN && header.e_entry(endian).into() == 0 && loader.is_none();
    Ok(Elf {
        machine: machine(header, endian),
        is_program: matches!(kind, elf::ET_EXEC | elf::ET_DYN) && !is_library,
        loader: loader.map(text),
        libraries,
        glibc,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads the numbers of `GLIBC_2.34`. `GLIBC_PRIVATE` has none.
fn glibc_version(name: &[u8]) -> Option<Vec<u32>> {
    let numbers = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    numbers
        .split('.')
        .map(|number| number.parse().ok())
        .collect()
}

fn machine<Header: FileHeader<Endian = Endianness>>(header: &Header, endian: Endianness) -> String {
    let is_little = endian == Endianness::Little;
    let name = match (header.e_machine(endian), header.is_class_64()) {
        (elf::EM_X86_64, _) => "x86_64",
        (elf::EM_386, _) => "x86",
        (elf::EM_AARCH64, _) => "aarch64",
        (elf::EM_ARM, _) => "arm",
        (elf::EM_RISCV, true) => "riscv64",
        (elf::EM_RISCV, false) => "riscv32",
        (elf::EM_PPC64, _) if is_little => "powerpc64le",
        (elf::EM_PPC64, _) => "powerpc64",
        (elf::EM_S390, _) => "s390x",
        (elf::EM_LOONGARCH, _) => "loongarch64",
        (elf::EM_MIPS, true) => "mips64",
        (elf::EM_MIPS, false) => "mips",
        (other, _) => return format!("machine {}", other.0),
    };
    name.to_owned()
}

/// Returns the processor of a target triple, named as in [`Elf::machine`].
pub(super) fn machine_of(triple: &str) -> String {
    let first = triple.split('-').next().unwrap_or_default();
    let name = match first {
        "i386" | "i486" | "i586" | "i686" => "x86",
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        _ if first.starts_with("arm") || first.starts_with("thumb") => "arm",
        _ if first.starts_with("riscv64") => "riscv64",
        _ if first.starts_with("riscv32") => "riscv32",
        _ if first.starts_with("mips64") || first.starts_with("mipsisa64") => "mips64",
        _ if first.starts_with("mips") => "mips",
        other => other,
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_of_a_triple_has_one_name() {
        for (triple, name) in [
            ("x86_64-unknown-linux-musl", "x86_64"),
            ("aarch64-unknown-linux-gnu", "aarch64"),
            ("aarch64", "aarch64"),
            ("armv7-unknown-linux-gnueabihf", "arm"),
            ("arm-unknown-linux-musleabi", "arm"),
            ("i686-unknown-linux-gnu", "x86"),
            ("riscv64gc-unknown-linux-gnu", "riscv64"),
        ] {
            assert_eq!(machine_of(triple), name, "{triple}");
        }
    }

    #[test]
    fn versions_of_glibc_are_compared_as_numbers() {
        assert_eq!(glibc_version(b"GLIBC_2.34"), Some(vec![2, 34]));
        assert!(glibc_version(b"GLIBC_2.34") > glibc_version(b"GLIBC_2.4"));
        assert_eq!(glibc_version(b"GLIBC_PRIVATE"), None);
        assert_eq!(glibc_version(b"GCC_3.0"), None);
    }

    #[test]
    fn this_test_is_a_program_for_this_machine() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();

        let elf = read(&own).unwrap().unwrap();

        assert!(elf.is_program);
        assert_eq!(elf.machine, machine_of(std::env::consts::ARCH));
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();

        for length in (0..600).chain([own.len() / 2, own.len() - 1]) {
            if let Some(Ok(elf)) = read(&own[..length]) {
                panic!("{length} bytes were read as {elf:?}");
            }
        }
        assert_eq!(read(b"#!/bin/sh\n").map(|elf| elf.is_ok()), None);
    }
}
