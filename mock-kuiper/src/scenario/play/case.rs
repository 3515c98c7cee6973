//! Plays one attempt of a case.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::commands::{CommandFailure, Commands};
use super::error::{StepError, Unmet};
use super::file::FileRun;
use super::live::Live;
use super::player::Player;
use super::steps::title;
use crate::event::Frame;
use crate::finding::{Code, Finding};
use crate::host::HostError;
use crate::scenario::model::{Case, ProcessScope, Step};
use crate::scenario::node::Place;
use crate::scenario::pattern::Variables;
use crate::scenario::result::{Failure, LogLine, StepTime, Update, Verdict};

/// What came of an attempt.
#[derive(Debug)]
pub(in crate::scenario) struct Attempt {
    pub(in crate::scenario) verdict: Verdict,
    pub(in crate::scenario) failures: Vec<Failure>,
    pub(in crate::scenario) notes: Vec<String>,
    pub(in crate::scenario) log: Vec<LogLine>,
    pub(in crate::scenario) output: Vec<String>,
    pub(in crate::scenario) frames: Vec<Frame>,
    pub(in crate::scenario) steps: Vec<StepTime>,
    pub(in crate::scenario) updates: Vec<Update>,
    pub(in crate::scenario) took: Duration,
}

impl Attempt {
    fn new() -> Self {
        Self {
            verdict: Verdict::Passed,
            failures: Vec::new(),
            notes: Vec::new(),
            log: Vec::new(),
            output: Vec::new(),
            frames: Vec::new(),
            steps: Vec::new(),
            updates: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// Notes why a step or a command failed. The first failure makes the verdict.
    fn fail(&mut self, step: &str, place: Place, error: StepError) {
        let (verdict, unmet) = match error {
            StepError::Unmet(unmet) => (Verdict::Failed, *unmet),
            StepError::Invalid(text) => (Verdict::Invalid, Unmet::of(text)),
            StepError::Host(HostError::Finding(finding)) => (
                Verdict::Failed,
                Unmet {
                    text: finding.to_string(),
                    finding: Some(*finding),
                    ..Unmet::default()
                },
            ),
            StepError::Host(HostError::Interrupted) => {
                (Verdict::Skipped, Unmet::of("was interrupted"))
            }
            StepError::Host(error @ HostError::Input(_)) => {
                (Verdict::Invalid, Unmet::of(error.to_string()))
            }
            StepError::Host(error @ HostError::System(_)) => {
                (Verdict::Error, Unmet::of(error.to_string()))
            }
        };
        if self.verdict == Verdict::Passed {
            self.verdict = verdict;
        }
        self.updates.extend(unmet.update);
        self.failures.push(Failure {
            step: step.to_owned(),
            place,
            text: unmet.text,
            differences: unmet.differences,
            finding: unmet.finding,
        });
    }

    /// Whether the plugin's exit was reported.
    fn has_exit(&self) -> bool {
        let findings = self.failures.iter().filter_map(|one| one.finding.as_ref());
        findings.map(Finding::code).any(Code::is_exit)
    }

    fn fail_command(&mut self, failure: CommandFailure) {
        if self.verdict == Verdict::Passed {
            self.verdict = failure.verdict;
        }
        self.failures.push(failure.into());
    }
}

/// Plays a case. `live` is the process that the cases before have left, and gets
/// the one that the next may use; it is `None` if it must not be used again.
pub(in crate::scenario) fn play(
    case: &Case,
    run: &FileRun<'_>,
    live: &mut Option<Live>,
) -> Attempt {
    let began = Instant::now();
    let mut attempt = Attempt::new();
    let mut commands = Commands::new(run.directory(), run.settings.scale, run.stop);
    let prepared = run.prepare().and_then(|()| {
        run.variables(case)
            .map_err(|error| CommandFailure::system(&error))
    });
    match prepared {
        Err(failure) => attempt.fail_command(failure),
        Ok(variables) => {
            match commands.set_up(&case.setup, &variables.values) {
                Err(failure) => attempt.fail_command(failure),
                Ok(()) => {
                    let tmp = variables.tmp.as_ref().map(|tmp| tmp.path());
                    play_on_host(case, run, live, &variables.values, tmp, began, &mut attempt);
                }
            }
            if attempt.verdict != Verdict::Skipped
                && let Err(failure) = commands.check_running()
            {
                attempt.fail_command(failure);
            }
            if let Err(failure) = commands.tear_down(&case.teardown, &variables.values) {
                attempt.fail_command(failure);
            }
        }
    }
    attempt.output = commands.finish();
    attempt.took = began.elapsed();
    attempt
}

/// Plays the steps of a case on a process of the plugin.
fn play_on_host(
    case: &Case,
    run: &FileRun<'_>,
    live: &mut Option<Live>,
    values: &Variables,
    tmp: Option<&Path>,
    began: Instant,
    attempt: &mut Attempt,
) {
    let launched = match live.take() {
        Some(live) => Ok(live),
        None => Live::launch(run, values, tmp, began),
    };
    let mut player = match launched {
        Ok(live) => Player {
            live,
            values: values.clone(),
            run,
            notes: Vec::new(),
        },
        Err((error, record)) => {
            attempt.fail("launch", case.place, StepError::Host(error));
            if let Some(record) = record {
                attempt.frames = record.take_frames();
                attempt.log = record.log();
            }
            return;
        }
    };
    player.live.begin_case(began);
    for (index, step) in case.steps.iter().enumerate() {
        let step_began = began.elapsed();
        let played = player.play(step, &case.steps[index + 1..]);
        // What an interrupt has ended says nothing about the plugin.
        let played = played.map_err(|error| match run.stop.is_stopped() {
            true => StepError::Host(HostError::Interrupted),
            false => error,
        });
        attempt.steps.push(StepTime {
            step: title(step),
            place: step.place,
            began: step_began,
            ended: began.elapsed(),
        });
        if let Err(error) = played {
            let goes_on = match error {
                // The rows of a table do not depend on each other.
                StepError::Unmet(_) if step.is_row => true,
                _ => run.settings.updates && error.has_update(),
            };
            attempt.fail(&title(step), step.place, error);
            if !goes_on {
                break;
            }
        }
    }
    end(case, player, live, began, attempt);
}

/// Stops what still runs after a case that has passed, and takes what the report
/// needs.
fn end(
    case: &Case,
    mut player: Player<'_>,
    live: &mut Option<Live>,
    began: Instant,
    attempt: &mut Attempt,
) {
    let run = player.run;
    let stays = run.file.process == ProcessScope::File && !player.live.is_killed;
    let ended = match attempt.verdict {
        Verdict::Passed if stays => player.live.stop_all(),
        Verdict::Passed => player
            .live
            .stop_all()
            .and_then(|()| player.live.end_process()),
        // A crash may be the reason of a failure.
        Verdict::Failed if !attempt.has_exit() => {
            player.live.check_alive().map_err(StepError::from)
        }
        _ => Ok(()),
    };
    if let Err(error) = ended {
        let last = case.steps.last();
        let place = last.map_or(case.place, |step: &Step| step.place);
        attempt.fail("stop what runs", place, error);
    }
    attempt.notes.append(&mut player.notes);
    let record = Arc::clone(&player.live.record);
    // What a plugin writes because the host hangs up would look like the reason of a
    // failure.
    let is_cut = attempt.verdict == Verdict::Failed && !attempt.has_exit();
    let cut = is_cut.then(|| {
        record.settle();
        began.elapsed()
    });
    // After the end of a process, all that it wrote has been read, and what it left
    // running is known.
    *live = (attempt.verdict == Verdict::Passed && stays).then_some(player.live);
    attempt.notes.extend(record.take_notes());
    attempt.frames = record.take_frames();
    attempt.log = record.log();
    attempt
        .log
        .retain(|line| cut.is_none_or(|cut| line.at <= cut));
}
