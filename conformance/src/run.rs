//! Trying the requirements, many side by side.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bench::{Bench, Common, Stop};
use crate::{Plan, Requirement};

/// What came of a requirement.
#[derive(Debug)]
pub struct Outcome {
    /// The requirement.
    pub requirement: &'static Requirement,
    /// What it came to.
    pub verdict: Verdict,
    /// How long that took.
    pub took: Duration,
}

/// What a requirement came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// The plugin does what the rule says.
    Passed,
    /// It does not.
    Failed(Evidence),
    /// It could not be brought to where that is observed, which counts as
    /// failed.
    NotTestable(Evidence),
    /// It has nothing that the rule is about, or the release has no such rule.
    NotApplicable {
        /// Why.
        reason: String,
    },
    /// Trouble of ours, or of the machine: no verdict.
    Trouble {
        /// What.
        text: String,
    },
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What the plugin did instead.
    pub seen: String,
    /// The last that went over the wire and that the plugin wrote.
    pub transcript: Vec<String>,
}

impl Verdict {
    /// Whether the plugin fell short.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::NotTestable(_))
    }
}

/// Tries each requirement on a process of its own, and gives what came of them
/// in their order; `done` is called as each is over.
///
/// As many as [`Plan::jobs`] go on at the same time, since most only wait; where
/// plugins cannot be isolated, they take turns.
pub fn run(
    plan: &Plan,
    requirements: &[&'static Requirement],
    done: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let common = Common::default();
    // Those that wait for long begin first.
    let mut order: Vec<usize> = (0..requirements.len()).collect();
    order.sort_by_key(|index| !waits_long(requirements[*index].id));
    let outcomes: Vec<Mutex<Option<Outcome>>> =
        requirements.iter().map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                while let Some(index) = order.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let outcome = try_one(plan, &common, requirements[*index]);
                    done(&outcome);
                    if let Ok(mut place) = outcomes[*index].lock() {
                        *place = Some(outcome);
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_iter();
    outcomes
        .filter_map(|outcome| outcome.into_inner().ok().flatten())
        .collect()
}

/// Rules whose checks take seconds.
fn waits_long(id: &str) -> bool {
    [
        "CTL-11", "FUN-07", "LIF-04", "SNK-04", "LIF-09", "LIF-03", "SRC-04",
    ]
    .contains(&id)
}

fn try_one(plan: &Plan, common: &Common, requirement: &'static Requirement) -> Outcome {
    let began = Instant::now();
    let bench = Bench::new(plan, common);
    let checked = if requirement.releases.has(plan.profile) {
        (requirement.check)(&bench)
    } else {
        Err(Stop::NotApplicable("this release has no such rule"))
    };
    let checked = checked.map_err(|stop| match stop {
        Stop::NoRow { seen, reached } => bench.judge_silence(seen, reached, began.elapsed()),
        stop => stop,
    });
    let evidence = |mut seen: String| {
        if let Some(mistaken) = bench.transcript.mistaken_greeting() {
            seen = format!("{seen}; {mistaken}");
        }
        Evidence {
            seen: plan.secrets.hide(&seen),
            transcript: bench.transcript.lines(),
        }
    };
    let ours = bench.transcript.our_mistake();
    let checked = ours.map_or(checked, |mistake| Err(Stop::Trouble(mistake)));
    let verdict = match checked {
        Ok(()) => Verdict::Passed,
        Err(Stop::Failed(seen)) => Verdict::Failed(evidence(seen)),
        // A row that did not come was judged.
        Err(Stop::NotTestable(seen) | Stop::NoRow { seen, .. }) => {
            Verdict::NotTestable(evidence(seen))
        }
        Err(Stop::NotApplicable(reason)) => Verdict::NotApplicable {
            reason: reason.to_owned(),
        },
        Err(Stop::Trouble(text)) => Verdict::Trouble {
            text: plan.secrets.hide(&text),
        },
    };
    Outcome {
        requirement,
        verdict,
        took: began.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use mock_kuiper::event::{Event, Meaning, Message, Observer as _, Side, What};
    use mock_kuiper::profile::Profile;
    use mock_kuiper::symbol::{Channel, Kind};
    use mock_kuiper::wire::Command;

    use super::*;
    use crate::bench::Checked;
    use crate::requirement::{Level, Releases};

    const PAUSE: &[u8] = br#"{"cmd":"pause","arg":"{}"}"#;

    fn send(bench: &Bench<'_>, meaning: Meaning<'_>) -> Checked {
        let channel = Channel::control("p");
        let message = Message {
            channel: &channel,
            from: Side::Host,
            id: None,
            body: PAUSE,
            meaning,
        };
        let event = Event::new(Duration::ZERO, What::Message(message));
        bench.transcript.event(&event);
        Ok(())
    }

    const fn requirement(check: fn(&Bench<'_>) -> Checked) -> Requirement {
        Requirement {
            id: "CTL-00",
            level: Level::Must,
            releases: Releases::All,
            rule: "",
            why: "",
            how: "",
            source: "",
            check,
        }
    }

    static AS_AN_ORDER: Requirement = requirement(|bench| {
        let meaning = Meaning::Order {
            command: Command::Start,
            kind: Kind::Source,
            symbol: "s",
        };
        send(bench, meaning)
    });
    static WRONG_ON_PURPOSE: Requirement = requirement(|bench| send(bench, Meaning::Raw));

    #[test]
    fn what_no_ekuiper_sends_is_trouble_of_ours_unless_it_is_wrong_on_purpose() {
        let release = Profile::find("2.4").unwrap();
        let plan = Plan::broken("/nowhere", "it is not there", release);

        let outcomes = run(&plan, &[&AS_AN_ORDER, &WRONG_ON_PURPOSE], &|_| {});

        let text = "the suite sent what no eKuiper sends: the command is `pause`, in \
                    `{\"cmd\":\"pause\",\"arg\":\"{}\"}`";
        let text = text.to_owned();
        assert_eq!(outcomes[0].verdict, Verdict::Trouble { text });
        assert_eq!(outcomes[1].verdict, Verdict::Passed);
    }
}
