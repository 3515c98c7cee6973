//! The trials of a run as they end: one cause is one failure.
//!
//! A failure whose cause another requirement is about waits for the verdict on
//! that one. If it has failed too, the rule itself could not be observed.

use crate::requirement::Requirement;
use crate::trial::Trial;
use crate::verdict::{Evidence, Verdict};

/// The trials so far.
pub(crate) struct Board {
    ids: Vec<&'static str>,
    trials: Vec<Option<Trial>>,
    /// Failures that wait for the verdict on their cause.
    held: Vec<(usize, Trial)>,
}

impl Board {
    pub(crate) fn new(requirements: &[&'static Requirement]) -> Self {
        Self {
            ids: requirements.iter().map(|one| one.id).collect(),
            trials: requirements.iter().map(|_| None).collect(),
            held: Vec::new(),
        }
    }

    /// Adds the trial of the requirement at `index`, and calls `done` with each whose verdict is final now.
    pub(crate) fn add(&mut self, index: usize, trial: Trial, done: &dyn Fn(&Trial)) {
        let mut new = vec![(index, trial)];
        while let Some((index, trial)) = new.pop() {
            if let Some(None) = self.root(&trial) {
                self.held.push((index, trial));
                continue;
            }
            let trial = self.settled(trial);
            let id = trial.requirement.id;
            self.place(index, trial, done);
            let waits = |held: &mut (usize, Trial)| cause_of(&held.1) == Some(id);
            new.extend(self.held.extract_if(.., waits));
        }
    }

    /// Returns all trials in the order of the requirements. Failures that wait
    /// for each other are failures.
    pub(crate) fn into_trials(mut self, done: &dyn Fn(&Trial)) -> Vec<Trial> {
        for (index, held) in std::mem::take(&mut self.held) {
            self.place(index, held, done);
        }
        self.trials.into_iter().flatten().collect()
    }

    fn place(&mut self, index: usize, trial: Trial, done: &dyn Fn(&Trial)) {
        done(&trial);
        if let Some(place) = self.trials.get_mut(index) {
            *place = Some(trial);
        }
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.ids.iter().position(|other| *other == id)
    }

    /// Returns the trial of the requirement that the cause of a failure is about;
    /// `None` if there is no such requirement, and `Some(None)` if there is no
    /// verdict on it yet.
    fn root(&self, trial: &Trial) -> Option<Option<&Trial>> {
        let index = self.index(cause_of(trial)?)?;
        Some(self.trials.get(index)?.as_ref())
    }

    /// Returns a failure as what it is now that the verdict on its cause is known.
    fn settled(&self, mut trial: Trial) -> Trial {
        let root = match self.root(&trial).flatten().map(|other| &other.verdict) {
            Some(Verdict::Failed(_)) => None,
            Some(Verdict::NotTestable(evidence)) => evidence.cause.clone(),
            _ => return trial,
        };
        if let Verdict::Failed(evidence) = trial.verdict {
            trial.verdict = Verdict::NotTestable(Evidence {
                cause: root.or(evidence.cause.clone()),
                ..evidence
            });
        }
        trial
    }
}

/// Returns the other requirement that the cause of a failure is about.
fn cause_of(trial: &Trial) -> Option<&'static str> {
    let Verdict::Failed(evidence) = &trial.verdict else {
        return None;
    };
    let cause = evidence.cause.as_ref()?;
    (cause.see != trial.requirement.id).then_some(cause.see)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::*;
    use crate::section;
    use crate::verdict::Cause;

    fn requirement(id: &str) -> &'static Requirement {
        let mut all = section::all().into_iter();
        all.find(|one| one.id == id).unwrap()
    }

    fn failed(id: &str, see: Option<&'static str>) -> Trial {
        Trial {
            requirement: requirement(id),
            verdict: Verdict::Failed(Evidence {
                seen: "it refused".to_owned(),
                code: None,
                transcript: Vec::new(),
                cause: see.map(|see| Cause {
                    text: "source ticks refused to start".to_owned(),
                    see,
                }),
                configure: None,
            }),
            took: Duration::ZERO,
        }
    }

    fn passed(id: &str) -> Trial {
        Trial {
            verdict: Verdict::Passed,
            ..failed(id, None)
        }
    }

    /// Adds trials; returns the order in which they became final, and which of
    /// them failed.
    fn settle(trials: Vec<Trial>) -> (Vec<&'static str>, Vec<&'static str>) {
        let requirements: Vec<_> = trials.iter().map(|trial| trial.requirement).collect();
        let mut board = Board::new(&requirements);
        let order = RefCell::new(Vec::new());
        let done = |trial: &Trial| order.borrow_mut().push(trial.requirement.id);
        for (index, trial) in trials.into_iter().enumerate() {
            board.add(index, trial, &done);
        }
        let trials = board.into_trials(&done);
        let failed = trials.iter();
        let failed = failed
            .filter(|trial| matches!(trial.verdict, Verdict::Failed(_)))
            .map(|trial| trial.requirement.id)
            .collect();
        (order.into_inner(), failed)
    }

    #[test]
    fn a_failure_for_a_cause_that_is_reported_elsewhere_is_untested() {
        let (order, failed) = settle(vec![
            failed("CTL-04", Some("CTL-02")),
            failed("CTL-02", Some("CTL-02")),
            failed("CTL-18", Some("CTL-02")),
        ]);

        assert_eq!(failed, ["CTL-02"]);
        assert_eq!(order, ["CTL-02", "CTL-04", "CTL-18"]);
    }

    #[test]
    fn a_failure_stays_one_if_the_requirement_about_its_cause_passes_or_is_not_tried() {
        let (_, failed) = settle(vec![
            failed("LIF-05", Some("CTL-02")),
            failed("CTL-20", Some("CTL-11")),
            passed("CTL-02"),
        ]);

        assert_eq!(failed, ["LIF-05", "CTL-20"]);
    }
}
