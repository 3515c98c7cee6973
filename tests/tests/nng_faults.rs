//! Faults on a plugin that is not built on `sp`: the reference plugin, on NNG's C
//! library.

#![cfg(feature = "nng")]

use std::{path::Path, thread};

use mock_kuiper::{Fault, Host, HostError, Outcome, Stage};

/// Faults that break the transport's protocol are left out: a listener of NNG
/// 1.4 that has received half frames and lying lengths may greet the next peer
/// and read nothing, and sometimes NNG ends the process in a panic.
const NOT_FOR_NNG: [Fault; 4] = [
    Fault::CutFrame,
    Fault::LyingLength,
    Fault::WrongGreeting,
    Fault::NoGreeting,
];

#[test]
fn the_reference_plugin_survives_all_that_nng_survives() {
    let binary = Path::new(env!("CARGO_BIN_EXE_reference"));
    let plugin = ekuiper_tests::stage("reference", Some(binary)).unwrap();
    let plugin = plugin.path();
    thread::scope(|scope| {
        let faults = Fault::all().filter(|fault| !NOT_FOR_NNG.contains(fault));
        let played: Vec<_> = faults
            .map(|fault| (fault, scope.spawn(move || play(plugin, fault))))
            .collect();
        for (fault, outcome) in played {
            let outcome = outcome.join().unwrap();
            assert!(
                matches!(outcome, Ok(Outcome::Survived)),
                "{fault}: {outcome:?}"
            );
        }
    });
}

/// Plays a fault on all that the plugin offers.
fn play(plugin: &Path, fault: Fault) -> Result<Outcome, HostError> {
    let host = Host::builder(plugin).launch()?;
    let mut ticks = host.source("ticks").start()?;
    let mut lines = host.sink("lines").start()?;
    let mut mirror = host.function("mirror")?;
    let row = br#"[{"n":1}]"#.to_vec();
    fault.play(&mut Stage::set(
        &host,
        [&mut ticks],
        [&mut lines],
        [&mut mirror],
        row,
    )?)
}
