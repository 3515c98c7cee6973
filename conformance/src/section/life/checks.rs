//! How the requirements for the process are observed.

use std::time::{Duration, Instant};

use mock_kuiper::{Builder, Function, Host, Sink, Source};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::checked::{Checked, NotPassed, failed, untested};
use crate::limits::FLOOD;
use crate::rig::{Rig, context, is_no_ack, order_bytes, takes_in_time, usual};

/// How long the process may take to exit.
const EXIT: Duration = Duration::from_secs(5);

pub(super) fn exits_at_sigterm(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let _running = rig.anything(&host)?;
    let pid = Pid::from_raw(host.pid().cast_signed());
    let pid = pid.ok_or_else(|| NotPassed::Error("the plugin has no process id".to_owned()))?;
    kill_process(pid, Signal::TERM).map_err(|error| NotPassed::Error(error.to_string()))?;
    let end = Instant::now() + rig.scaled(EXIT);
    while host.check_alive().is_ok() {
        if Instant::now() >= end {
            return Err(failed("the process still ran 5 s after SIGTERM"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

pub(super) fn works_in_another_directory(rig: &Rig<'_>) -> Checked {
    launches_and_starts(rig, rig.builder()?.directory("/"))
}

pub(super) fn takes_any_argument(rig: &Rig<'_>) -> Checked {
    for argument in [
        Some("{}"),
        Some(r#"{"sendTimeout":1000,"of":["a","newer","release"]}"#),
        None,
    ] {
        let builder = rig.builder()?.argument(argument.map(str::to_owned));
        launches_and_starts(rig, builder).map_err(|not_passed| {
            not_passed.at(match argument {
                Some(argument) => format!("with the argument `{argument}`"),
                None => "without an argument".to_owned(),
            })
        })?;
    }
    Ok(())
}

pub(super) fn functions_come_back(rig: &Rig<'_>) -> Checked {
    let names = rig.functions()?;
    if names.is_empty() {
        return Err(NotPassed::NotApplicable("the plugin has no function"));
    }
    let host = rig.host()?;
    let functions: Result<Vec<_>, _> = names.iter().map(|name| host.function(name)).collect();
    let mut functions = functions.map_err(untested)?;
    for function in &mut functions {
        function.is_aggregate().map_err(untested)?;
    }
    host.kill()?;
    host.reload()?;
    for function in functions.iter_mut().rev() {
        function.is_aggregate()?;
    }
    Ok(())
}

pub(super) fn floods_its_log(rig: &Rig<'_>) -> Checked {
    const PIPE: usize = 64 * 1024;
    const PATIENCE: Duration = Duration::from_secs(2);
    let host = rig.host()?;
    let mut sink = match rig.sink_name() {
        Ok(_) => Some(rig.sink(&host)?),
        Err(_) => None,
    };
    let mut function = match rig.function_name() {
        Ok(_) => Some(rig.function(&host)?),
        Err(_) => None,
    };
    let args = match &mut function {
        None => Vec::new(),
        Some(answering) => match usual(answering) {
            Ok(count) => vec![json!("a"); count],
            Err(NotPassed::NotApplicable(_)) => {
                function = None;
                Vec::new()
            }
            Err(other) => return Err(other),
        },
    };
    let row = [&b"[{\"conformance\":\""[..], &[b'x'; 1024]].concat();
    let unknown = order_bytes("start", &json!({"symbolName": "no_such_symbol"}));
    let (mut acks, mut keeps_up) = (true, true);
    let end = Instant::now() + rig.quiet(FLOOD);
    // By turns, so that no channel is idle for long.
    for _ in 0..rig.plan.load(100) {
        if Instant::now() >= end {
            break;
        }
        if let Some(sink) = &mut sink {
            let mut sent = 0;
            while keeps_up && sent < 50 {
                keeps_up = takes_in_time(sink, &row)?;
                sent += 1;
            }
            // Other rules are about the acks. They are only read so that they do not block
            // the sink; after many rows, since a busy machine needs long for each turn.
            while acks && sent > 0 {
                acks = !matches!(sink.ack(PATIENCE), Err(error) if is_no_ack(&error));
                sent -= 1;
            }
        }
        for _ in 0..5 {
            if let Some(function) = &mut function {
                let _result = function.call(&context(0), &args)?;
            }
            host.order_bytes(&unknown)?;
        }
    }
    works_afterwards(rig, &host, function)?;
    match rig.transcript.logged() {
        written if written >= PIPE => Ok(()),
        _ => Err(NotPassed::NotApplicable(
            "the plugin wrote less than a pipe holds",
        )),
    }
}

/// Starts a source; or a sink as another instance; or calls the function, which
/// cannot be started again while the host holds its channel.
fn works_afterwards(rig: &Rig<'_>, host: &Host, function: Option<Function>) -> Checked {
    let works = match function {
        _ if rig.source_name().is_ok() => rig.source(host).map(drop),
        _ if rig.sink_name().is_ok() => {
            let sink = rig.start_sink(host, rig.sink_name()?, "afterwards");
            sink.map(drop).map_err(NotPassed::from)
        }
        Some(mut function) => function.is_aggregate().map(drop).map_err(NotPassed::from),
        None => host.check_alive().map_err(NotPassed::from),
    };
    works.map_err(|not_passed| not_passed.into_failed().at("afterwards"))
}

pub(super) fn rests_when_stopped(rig: &Rig<'_>) -> Checked {
    /// In the first second, what was stopped may still be closing.
    const SECONDS: usize = 3;
    let (has_source, has_sink) = (!rig.sources()?.is_empty(), !rig.sinks()?.is_empty());
    if !has_source && !has_sink {
        return Err(NotPassed::NotApplicable("a function is never stopped"));
    }
    let host = rig.host()?;
    let before = Second::measure(&host)?.used;
    let sink = has_sink.then(|| rig.sink(&host)).transpose()?;
    let source = has_source.then(|| rig.source(&host)).transpose()?;
    source.map_or(Ok(()), Source::stop).map_err(untested)?;
    sink.map_or(Ok(()), Sink::stop).map_err(untested)?;
    let mut after = Duration::ZERO;
    for _ in 0..SECONDS {
        let second = Second::measure(&host)?;
        after = second.used;
        if after <= before + second.allowed() {
            return Ok(());
        }
    }
    Err(failed(format!(
        "the process used {after:.1?} of processor time in one second after the stops, and \
         {before:.1?} before the starts; end the loop of an instance when it is stopped"
    )))
}

/// How long the plugin used a processor in one second, and how long it wanted one.
struct Second {
    used: Duration,
    wanted: Duration,
}

impl Second {
    fn measure(host: &Host) -> Result<Self, NotPassed> {
        let times = || {
            let used = host.usage()?.processor_time;
            let wanted = host.wanted_time().unwrap_or(used);
            Ok::<_, NotPassed>((used, wanted))
        };
        let (used, wanted) = times()?;
        std::thread::sleep(Duration::from_secs(1));
        let (used_later, wanted_later) = times()?;
        Ok(Self {
            used: used_later.saturating_sub(used),
            wanted: wanted_later.saturating_sub(wanted),
        })
    }

    /// Returns how much more than before the starts may be used: 100 ms, and less on a
    /// busy machine, where a loop that never sleeps gets a small part of a processor.
    fn allowed(&self) -> Duration {
        const MORE: Duration = Duration::from_millis(100);
        const LEAST: Duration = Duration::from_millis(20);
        // What a thread wanted that has ended is not counted any more.
        if self.wanted <= self.used {
            return MORE;
        }
        let part = self.used.div_duration_f64(self.wanted);
        MORE.mul_f64(part).max(LEAST)
    }
}

/// Launches the plugin, and starts a symbol.
fn launches_and_starts(rig: &Rig<'_>, builder: Builder) -> Checked {
    let host = rig.launch(builder)?;
    let started = rig.anything(&host);
    started.map(drop).map_err(NotPassed::into_failed)
}

#[cfg(test)]
mod tests {
    use super::{Duration, Second};

    #[test]
    fn a_busy_machine_allows_less() {
        let allowed = |used, wanted| {
            let [used, wanted] = [used, wanted].map(Duration::from_millis);
            Second { used, wanted }.allowed().as_millis()
        };

        assert_eq!(allowed(0, 0), 100);
        assert_eq!(allowed(1000, 1000), 100);
        assert_eq!(allowed(300, 100), 100);
        assert_eq!(allowed(300, 1000), 30);
        // A loop that never sleeps and gets a twentieth of a processor.
        assert_eq!(allowed(50, 1000), 20);
        // Nobody can tell from 2 ms whether something works on.
        assert_eq!(allowed(2, 1000), 20);
    }
}
