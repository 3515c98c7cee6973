//! Tries the requirements on a plugin, many at the same time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mock_kuiper::engine::foreign;

use crate::checked::{NotPassed, Observation};
use crate::diagnosis;
use crate::plan::Plan;
use crate::requirement::Requirement;
use crate::rig::{Rig, RunState};
use crate::verdict::{Evidence, Verdict};

/// One requirement, tried on a plugin.
#[derive(Debug)]
pub struct Trial {
    /// The requirement.
    pub requirement: &'static Requirement,
    /// The verdict.
    pub verdict: Verdict,
    /// How long the check took.
    pub took: Duration,
}

/// Tries each requirement on a process of its own, and returns the trials in
/// the order of the requirements. Calls `done` as soon as each trial is over.
///
/// Runs up to [`Plan::jobs`] trials at the same time, since most of them only
/// wait. Where plugins cannot be isolated, the trials take turns.
pub fn run(
    plan: &Plan,
    requirements: &[&'static Requirement],
    done: &(dyn Fn(&Trial) + Sync),
) -> Vec<Trial> {
    let next = AtomicUsize::new(0);
    let state = RunState::default();
    let mut order: Vec<usize> = (0..requirements.len()).collect();
    order.sort_by_key(|index| !requirements[*index].slow);
    let trials: Vec<Mutex<Option<Trial>>> = requirements.iter().map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                while let Some(index) = order.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let trial = try_one(plan, &state, requirements[*index]);
                    done(&trial);
                    if let Ok(mut place) = trials[*index].lock() {
                        *place = Some(trial);
                    }
                }
            });
        }
    });
    let trials = trials.into_iter();
    trials
        .filter_map(|trial| trial.into_inner().ok().flatten())
        .collect()
}

fn try_one(plan: &Plan, state: &RunState, requirement: &'static Requirement) -> Trial {
    let began = Instant::now();
    let rig = Rig::new(plan, state);
    let checked = match requirement.releases.has(plan.profile) {
        true => requirement.check.run(&rig),
        false => Err(NotPassed::NotApplicable("this release has no such rule")),
    };
    let checked = checked.map_err(|not_passed| match not_passed {
        NotPassed::NoRow { seen, reached } => rig.judge_silence(seen, reached, began.elapsed()),
        other => other,
    });
    let evidence = |mut seen: Observation| {
        diagnosis::refine(&mut seen, &rig.transcript);
        Evidence {
            code: seen.code(),
            seen: foreign::lines(&plan.secrets.hide(&seen.describe())),
            transcript: rig.transcript.lines(),
            cause: None,
        }
    };
    let mistake = rig.transcript.suite_mistake();
    let checked = mistake.map_or(checked, |mistake| Err(NotPassed::Error(mistake)));
    let verdict = match checked {
        Ok(()) => Verdict::Passed,
        Err(NotPassed::Failed(seen)) => Verdict::Failed(evidence(seen)),
        // A missing row was judged above.
        Err(NotPassed::Untested(mut seen) | NotPassed::NoRow { mut seen, .. }) => {
            let cause = seen.cause.take();
            Verdict::NotTestable(Evidence {
                cause,
                ..evidence(seen)
            })
        }
        Err(NotPassed::NotApplicable(reason)) => Verdict::NotApplicable {
            reason: reason.to_owned(),
        },
        Err(NotPassed::Error(text)) => Verdict::Error {
            text: foreign::lines(&plan.secrets.hide(&text)),
        },
    };
    Trial {
        requirement,
        verdict,
        took: began.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use mock_kuiper::Release;
    use mock_kuiper::engine::release::Releases;
    use mock_kuiper::engine::wire::Command;
    use mock_kuiper::{Channel, Kind};
    use mock_kuiper::{Event, Meaning, Message, Observer as _, Side, What};

    use super::*;
    use crate::checked::Checked;
    use crate::requirement::{Check, Level};

    const PAUSE: &[u8] = br#"{"cmd":"pause","arg":"{}"}"#;

    fn send(rig: &Rig<'_>, meaning: Meaning<'_>) -> Checked {
        let channel = Channel::control("p");
        let message = Message {
            channel: &channel,
            from: Side::Host,
            id: None,
            body: PAUSE,
            meaning,
        };
        let event = Event::new(Duration::ZERO, What::Message(message));
        rig.transcript.event(&event);
        Ok(())
    }

    const fn requirement(check: fn(&Rig<'_>) -> Checked) -> Requirement {
        Requirement {
            id: "CTL-00",
            level: Level::Must,
            releases: Releases::All,
            rule: "",
            why: "",
            how: "",
            source: "",
            slow: false,
            check: Check::Function(check),
        }
    }

    static AS_AN_ORDER: Requirement = requirement(|rig| {
        let meaning = Meaning::Order {
            command: Command::Start,
            kind: Kind::Source,
            symbol: "s",
        };
        send(rig, meaning)
    });
    static WRONG_ON_PURPOSE: Requirement = requirement(|rig| send(rig, Meaning::Raw));

    #[test]
    fn a_message_that_no_ekuiper_sends_is_an_internal_error_unless_it_is_wrong_on_purpose() {
        let release = Release::find("2.4").unwrap();
        let plan = Plan::broken("/nowhere", "it is not there", release);

        let trials = run(&plan, &[&AS_AN_ORDER, &WRONG_ON_PURPOSE], &|_| {});

        let text = "the suite sent a message that no eKuiper sends: the command is `pause`, in \
                    `{\"cmd\":\"pause\",\"arg\":\"{}\"}`";
        let text = text.to_owned();
        assert_eq!(trials[0].verdict, Verdict::Error { text });
        assert_eq!(trials[1].verdict, Verdict::Passed);
    }
}
