//! Tries the requirements on a plugin, many at the same time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mock_kuiper::Symbol;
use mock_kuiper::engine::foreign;

use crate::board::Board;
use crate::checked::{Checked, NotPassed, Observation, untested_text};
use crate::diagnosis;
use crate::limits::TURNS;
use crate::plan::Plan;
use crate::requirement::Requirement;
use crate::rig::{Rig, RunState};
use crate::verdict::{Evidence, Verdict};

pub use crate::trial::Trial;

/// How often the limits of a check are looked at.
const STEP: Duration = Duration::from_millis(50);

/// How long a check may take to end after its processes were ended.
const ENDING: Duration = Duration::from_secs(5);

/// The same for a run that was stopped: somebody waits for its end.
const STOPPING: Duration = Duration::from_millis(500);

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
    run_until(plan, requirements, &AtomicBool::new(false), done)
}

/// Does the same as [`run`] until `stop` is set. Then the plugin's processes are
/// ended, and the trials that are over are returned within about a second.
pub fn run_until(
    plan: &Plan,
    requirements: &[&'static Requirement],
    stop: &AtomicBool,
    done: &(dyn Fn(&Trial) + Sync),
) -> Vec<Trial> {
    let next = AtomicUsize::new(0);
    let run = Run {
        plan: Arc::new(plan.clone()),
        state: Arc::default(),
        end: Instant::now() + plan.lengthened(plan.run_limit),
        stop,
    };
    let tasks: Vec<Vec<_>> = requirements
        .iter()
        .map(|requirement| targets(plan, requirement))
        .collect();
    let mut order: Vec<_> = (0..tasks.len())
        .flat_map(|index| (0..tasks[index].len()).map(move |target| (index, target)))
        .collect();
    order.sort_by_key(|(index, _)| !requirements[*index].slow);
    let open: Vec<Mutex<Vec<Tried>>> = tasks.iter().map(|_| Mutex::default()).collect();
    let board = Mutex::new(Board::new(requirements));
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                while let Some((index, target)) = order.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let symbol = tasks[*index][*target].clone();
                    let Some(tried) = run.try_one(requirements[*index], symbol, *target) else {
                        break;
                    };
                    let Ok(mut open) = open[*index].lock() else {
                        continue;
                    };
                    open.push(tried);
                    if open.len() < tasks[*index].len() {
                        continue;
                    }
                    let trial = combined(requirements[*index], std::mem::take(&mut *open));
                    if let Ok(mut board) = board.lock() {
                        board.add(*index, trial, done);
                    }
                }
            });
        }
    });
    let board = board.into_inner().unwrap_or_else(PoisonError::into_inner);
    board.into_trials(done)
}

/// A requirement, tried on one symbol or on the whole plugin.
struct Tried {
    /// The place of the symbol among those that are examined.
    place: usize,
    symbol: Option<Symbol>,
    verdict: Verdict,
    took: Duration,
}

/// Returns the symbols that a requirement is tried on; `None` for the plugin as a
/// whole.
fn targets(plan: &Plan, requirement: &Requirement) -> Vec<Option<Symbol>> {
    let each = requirement.each().map(|kind| {
        let names = plan.examined(kind).names.into_iter();
        names.map(|name| Some(Symbol::new(kind, name))).collect()
    });
    match each {
        Some(targets) if !Vec::is_empty(&targets) => targets,
        _ => vec![None],
    }
}

/// Makes one trial of those on each symbol. The worst verdict counts, and names
/// its symbol if there are several.
fn combined(requirement: &'static Requirement, mut tried: Vec<Tried>) -> Trial {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Error { .. } => 0,
        Verdict::Failed(_) => 1,
        Verdict::NotTestable(_) => 2,
        Verdict::Passed => 3,
        Verdict::NotApplicable { .. } => 4,
    };
    tried.sort_by_key(|one| (rank(&one.verdict), one.place));
    let took = tried.iter().map(|one| one.took).max().unwrap_or_default();
    let is_one_of_many = tried.len() > 1;
    let worst = tried.first().map_or(0, |one| rank(&one.verdict));
    let others: Vec<_> = (tried.iter().skip(1))
        .filter(|one| rank(&one.verdict) == worst)
        .filter_map(|one| Some(format!("`{}`", one.symbol.as_ref()?.name)))
        .collect();
    let first = tried.into_iter().next();
    let (verdict, symbol) = match first {
        Some(Tried {
            verdict, symbol, ..
        }) => (verdict, symbol),
        None => (Verdict::Passed, None),
    };
    let named = |mut evidence: Evidence| {
        if let (true, Some(symbol)) = (is_one_of_many, &symbol) {
            let also = match others.is_empty() {
                true => String::new(),
                false => format!(" (and the same verdict for {})", others.join(", ")),
            };
            let symbol = symbol.to_string();
            evidence.seen = match evidence.seen.contains(&symbol) {
                true => format!("{}{also}", evidence.seen),
                false => format!("{symbol}: {}{also}", evidence.seen),
            };
        }
        evidence
    };
    Trial {
        requirement,
        verdict: match verdict {
            Verdict::Failed(evidence) => Verdict::Failed(named(evidence)),
            Verdict::NotTestable(evidence) => Verdict::NotTestable(named(evidence)),
            other => other,
        },
        took,
    }
}

/// What the checks of a run share, and when all of them must have ended.
struct Run<'a> {
    plan: Arc<Plan>,
    state: Arc<RunState>,
    end: Instant,
    /// Whether the run ends without the other checks.
    stop: &'a AtomicBool,
}

impl Run<'_> {
    /// Tries a requirement; `None` if the run was stopped before the verdict.
    fn try_one(
        &self,
        requirement: &'static Requirement,
        symbol: Option<Symbol>,
        place: usize,
    ) -> Option<Tried> {
        let plan = &*self.plan;
        let began = Instant::now();
        let mut rig = Rig::new(plan, &self.state);
        rig.focus.clone_from(&symbol);
        let checked = match requirement.releases.has(plan.profile) {
            true => self.check(requirement, &rig)?,
            false => Err(NotPassed::NotApplicable("this release has no such rule")),
        };
        let evidence = |mut seen: Observation| {
            diagnosis::refine(&mut seen, &rig.transcript);
            Evidence {
                code: seen.code(),
                seen: foreign::lines(&plan.secrets.hide(&seen.describe())),
                transcript: rig.transcript.lines(),
                configure: seen.configure(),
                cause: seen.cause.take(),
            }
        };
        let mistake = rig.transcript.suite_mistake();
        let checked = mistake.map_or(checked, |mistake| Err(NotPassed::Error(mistake)));
        let verdict = match checked {
            Ok(()) => Verdict::Passed,
            Err(NotPassed::Failed(seen)) => Verdict::Failed(evidence(seen)),
            // A missing row was judged by the check.
            Err(NotPassed::Untested(seen) | NotPassed::NoRow { seen, .. }) => {
                Verdict::NotTestable(evidence(seen))
            }
            Err(NotPassed::NotApplicable(reason)) => Verdict::NotApplicable {
                reason: reason.to_owned(),
            },
            Err(NotPassed::Error(text)) => Verdict::Error {
                text: foreign::lines(&plan.secrets.hide(&text)),
            },
        };
        Some(Tried {
            place,
            symbol,
            verdict,
            took: began.elapsed(),
        })
    }

    /// Runs a check on a thread of its own, and waits for it. A check that
    /// reaches its limit loses its processes, which ends it. If even that does
    /// not, the check is abandoned. `None` if the run was stopped.
    fn check(&self, requirement: &'static Requirement, rig: &Rig<'_>) -> Option<Checked> {
        if self.is_stopped() {
            return None;
        }
        let began = Instant::now();
        let checks = self.spawn(requirement, rig);
        loop {
            match checks.recv_timeout(STEP) {
                Ok(checked) => return Some(checked),
                Err(RecvTimeoutError::Disconnected) => {
                    return Some(Err(NotPassed::Error("the check panicked".to_owned())));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.is_stopped() {
                end(&checks, rig, STOPPING);
                return None;
            }
            if let Some(text) = self.reached(rig, began.elapsed()) {
                end(&checks, rig, ENDING);
                return Some(Err(untested_text(text)));
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn spawn(&self, requirement: &'static Requirement, rig: &Rig<'_>) -> Receiver<Checked> {
        let (sender, receiver) = mpsc::channel();
        let (plan, state) = (Arc::clone(&self.plan), Arc::clone(&self.state));
        let (transcript, launches) = (Arc::clone(&rig.transcript), Arc::clone(&rig.launches));
        let focus = rig.focus.clone();
        std::thread::spawn(move || {
            let began = Instant::now();
            let mut rig = Rig::new(&plan, &state);
            (rig.transcript, rig.launches, rig.focus) = (transcript, launches, focus);
            let checked = requirement.check.run(&rig);
            let checked = checked.map_err(|not_passed| match not_passed {
                NotPassed::NoRow { seen, reached } => {
                    rig.judge_silence(seen, reached, began.elapsed())
                }
                other => other,
            });
            // Nobody waits for an abandoned check.
            let _ = sender.send(checked);
        });
        receiver
    }

    /// Says which limit a check has reached, if it has reached one.
    fn reached(&self, rig: &Rig<'_>, took: Duration) -> Option<String> {
        let plan = &*self.plan;
        let limit = plan.lengthened(plan.check_limit);
        let turns = plan.lengthened(TURNS).max(limit);
        let ran = rig.launches.time();
        let (what, limit) = match () {
            () if ran >= limit => ("check", limit),
            () if took.saturating_sub(ran) >= turns => ("check", turns),
            () if Instant::now() >= self.end => ("run", plan.lengthened(plan.run_limit)),
            () => return None,
        };
        Some(format!(
            "the {what} did not end within {}, its limit, and the plugin's processes were ended",
            seconds(limit)
        ))
    }
}

/// Ends the processes of a check, and waits at most `limit` for the check.
fn end(checks: &Receiver<Checked>, rig: &Rig<'_>, limit: Duration) {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        rig.launches.end();
        if !matches!(checks.recv_timeout(STEP), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}

/// Returns a limit in whole seconds, or in milliseconds below one.
fn seconds(limit: Duration) -> String {
    match limit.as_secs() {
        0 => format!("{} ms", limit.as_millis()),
        seconds => format!("{seconds} s"),
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
            expected: "",
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

    static ENDLESS: Requirement = requirement(|_| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    static GOOD: Requirement = requirement(|_| Ok(()));

    #[test]
    fn a_run_that_reaches_its_limit_ends_and_names_what_it_did_not_finish() {
        let release = Release::find("2.4").unwrap();
        let mut plan = Plan::broken("/nowhere", "it is not there", release);
        plan.run_limit = Duration::from_secs(5);
        plan.jobs = 2;

        let trials = run(&plan, &[&ENDLESS, &GOOD], &|_| {});

        let Verdict::NotTestable(endless) = &trials[0].verdict else {
            panic!("{:?}", trials[0].verdict);
        };
        assert_eq!(
            endless.seen,
            "the run did not end within 5 s, its limit, and the plugin's processes were ended"
        );
        assert_eq!(trials[1].verdict, Verdict::Passed);
    }

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
