//! This program as a recorder, when eKuiper launches a copy of it in the place of a
//! plugin.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};
use std::thread;

use mock_kuiper::engine::recorder::{KEEPER, Recorder, RecorderError, Settings, keep_trace};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator;
use signal_hook::low_level::emulate_default_handler;

use super::output;

/// The exit status of a recorder that could not start.
const FAILED: u8 = 3;

/// Records, and returns how the plugin ended, if this program was launched as a plugin
/// and its settings are beside it.
pub(super) fn run_if_launched() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let argument = arguments.next()?.into_string().ok()?;
    let is_keeper = argument == KEEPER;
    if !argument.starts_with('{') && !is_keeper || arguments.next().is_some() {
        return None;
    }
    let settings = match Settings::beside_this_program() {
        Ok(settings) => settings?,
        Err(error) => return Some(failed(&error)),
    };
    if is_keeper {
        keep_trace();
        return Some(ExitCode::SUCCESS);
    }
    Some(match record(&settings, &argument) {
        Ok(status) => end_like(status),
        Err(error) => failed(&error),
    })
}

fn record(settings: &Settings, argument: &str) -> Result<ExitStatus, RecorderError> {
    // Before the launch, so that none is lost.
    let signals = [SIGTERM, SIGINT, SIGHUP, SIGQUIT];
    let mut signals = iterator::Signals::new(signals).map_err(RecorderError::Thread)?;
    let recorder = Recorder::start(settings, argument)?;
    let plugin = recorder.signals();
    let pass_on = move || {
        for signal in signals.forever() {
            plugin.send(signal);
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(pass_on)
        .map_err(RecorderError::Thread)?;
    Ok(recorder.wait())
}

/// Ends this process as the plugin has ended, for eKuiper to see.
fn end_like(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        // A core dump would be one of the recorder.
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, none);
        if signal == Signal::KILL.as_raw() {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        let _ = emulate_default_handler(signal);
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(FAILED))
}

fn failed(error: &RecorderError) -> ExitCode {
    output::say_error(&format!("recorder: {error}"));
    FAILED.into()
}
