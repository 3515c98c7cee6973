//! Faults on the rig: those of `mock_kuiper::fault`, played on a plugin's
//! symbols.

use mock_kuiper::{Fault, Outcome, Stage};

use super::launch::Rig;
use super::sink::ROW;
use crate::checked::{Checked, NotPassed, untested};

/// The kinds of symbols that a fault is played on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    Sources,
    Sinks,
    Functions,
    All,
}

impl Rig<'_> {
    /// Starts the first symbol of each of these kinds, and plays a fault on
    /// them.
    ///
    /// With [`Kinds::All`], a kind that does not even work before the fault is
    /// left out: another rule is about that.
    pub(crate) fn play(&self, kinds: Kinds, fault: Fault) -> Checked {
        let play = |stage: &mut Stage<'_>| match fault.play(stage)? {
            Outcome::Survived => Ok(()),
            Outcome::NotApplicable(reason) => Err(NotPassed::NotApplicable(reason)),
        };
        if kinds != Kinds::All {
            return self.on_stage(&[kinds], play);
        }
        let all = [
            (Kinds::Sinks, self.sinks()?),
            (Kinds::Functions, self.functions()?),
            (Kinds::Sources, self.sources()?),
        ];
        let declared = all.into_iter().filter(|(_, names)| !names.is_empty());
        let declared: Vec<_> = declared.map(|(kind, _)| kind).collect();
        let seen = match self.on_stage(&declared, play) {
            Err(
                NotPassed::Untested(seen)
                | NotPassed::NoRow {
                    seen,
                    reached: false,
                },
            ) => seen,
            other => return other,
        };
        let works = |kind: &Kinds| self.on_stage(&[*kind], |_| Ok(())).is_ok();
        let working: Vec<_> = declared.iter().copied().filter(works).collect();
        match working.is_empty() || working.len() == declared.len() {
            true => Err(NotPassed::Untested(seen)),
            false => self.on_stage(&working, play),
        }
    }

    /// Starts the first symbol of each of these kinds, makes sure that they
    /// work, and hands them to `act`.
    fn on_stage(&self, kinds: &[Kinds], act: impl FnOnce(&mut Stage<'_>) -> Checked) -> Checked {
        let host = self.host()?;
        let (mut sources, mut sinks, mut functions) = (Vec::new(), Vec::new(), Vec::new());
        for kind in kinds {
            match kind {
                Kinds::Sources => sources.push(self.source(&host)?),
                Kinds::Sinks => sinks.push(self.sink(&host)?),
                Kinds::Functions => functions.push(self.function(&host)?),
                Kinds::All => {}
            }
        }
        let row = ROW.to_vec();
        let mut stage =
            Stage::set(&host, &mut sources, &mut sinks, &mut functions, row).map_err(untested)?;
        act(&mut stage)
    }
}
