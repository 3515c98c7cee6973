//! The greeting, and the start and stop of each symbol.

use crate::checked::{Checked, NotPassed, untested};
use crate::rig::Rig;

pub(super) fn greets(rig: &Rig<'_>) -> Checked {
    rig.launch(rig.builder()?)?;
    Ok(())
}

pub(super) fn starts(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut held = (Vec::new(), Vec::new(), Vec::new());
    for symbol in rig.functions()? {
        held.0.push(host.function(symbol)?);
    }
    for symbol in rig.sinks()? {
        held.1.push(rig.start_sink(&host, symbol, "rule")?);
    }
    for symbol in rig.sources()? {
        held.2.push(rig.start_source(&host, symbol, symbol)?);
    }
    drop(held);
    // A rule may use any function, and no other.
    for symbol in rig.functions()?.into_iter().skip(1) {
        let host = rig.host()?;
        let alone = host.function(symbol).map_err(NotPassed::from);
        alone.map_err(|not_passed| not_passed.at("without the other functions"))?;
    }
    Ok(())
}

pub(super) fn stops(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    if rig.sources()?.is_empty() && rig.sinks()?.is_empty() {
        return Err(NotPassed::NotApplicable("a function is never stopped"));
    }
    for symbol in rig.sinks()? {
        let sink = rig.start_sink(&host, symbol, "rule");
        sink.map_err(untested)?.stop()?;
    }
    for symbol in rig.sources()? {
        let source = rig.start_source(&host, symbol, "rule");
        source.map_err(untested)?.stop()?;
    }
    host.check_alive()?;
    Ok(())
}
