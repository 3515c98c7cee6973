//! Finds the target, and hands it to libFuzzer.

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

type Target = fn(&[u8]);

static TARGET: OnceLock<Target> = OnceLock::new();

/// Finds the target that the environment names, or prints the names and exits.
fn chosen() -> Target {
    let crates: [&[(&str, Target)]; 3] = [
        ekuiper_sp::fuzz::TARGETS,
        ekuiper::fuzz::TARGETS,
        mock_kuiper::fuzz::TARGETS,
    ];
    let mut targets = crates.into_iter().flatten();
    let Ok(wanted) = std::env::var("FUZZ_TARGET") else {
        for (name, _) in targets {
            println!("{name}");
        }
        std::process::exit(0);
    };
    match targets.find(|(name, _)| *name == wanted) {
        Some((_, target)) => *target,
        None => {
            eprintln!("unknown target `{wanted}`: run `ci/fuzz --list` for the names");
            std::process::exit(2);
        }
    }
}

fuzz_target!(
    init: {
        TARGET.get_or_init(chosen);
    },
    |data: &[u8]| TARGET.get_or_init(chosen)(data)
);
