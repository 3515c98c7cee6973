//! Misfortunes of `mock-kuiper run --fault`, played on a plugin's symbols.

use mock_kuiper::fault::{Fault, Outcome, Stage};

use crate::bench::{Bench, Checked, ROW, Stop, not_testable};

/// What kinds of symbols a stage has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    Sources,
    Sinks,
    Functions,
    All,
}

impl Bench<'_> {
    /// Starts the first symbol of each of these kinds, and plays a misfortune
    /// of `mock-kuiper run --fault` on them.
    ///
    /// A kind that does not work before is another rule's affair: the others are
    /// played on.
    pub(crate) fn play(&self, kinds: Kinds, fault: &str) -> Checked {
        let fault: Fault = (fault.parse()).map_err(|error| Stop::Trouble(format!("{error}")))?;
        let play = |stage: &mut Stage<'_>| match fault.play(stage)? {
            Outcome::Survived => Ok(()),
            Outcome::NotApplicable(reason) => Err(Stop::NotApplicable(reason)),
        };
        if kinds != Kinds::All {
            return self.on_stage(&[kinds], play);
        }
        let manifest = self.manifest()?;
        let all = [
            (Kinds::Sinks, &manifest.sinks),
            (Kinds::Functions, &manifest.functions),
            (Kinds::Sources, &manifest.sources),
        ];
        let declared = all.into_iter().filter(|(_, names)| !names.is_empty());
        let declared: Vec<_> = declared.map(|(kind, _)| kind).collect();
        let seen = match self.on_stage(&declared, play) {
            Err(
                Stop::NotTestable(seen)
                | Stop::NoRow {
                    seen,
                    reached: false,
                },
            ) => seen,
            other => return other,
        };
        let works = |kind: &Kinds| self.on_stage(&[*kind], |_| Ok(())).is_ok();
        let working: Vec<_> = declared.iter().copied().filter(works).collect();
        match working.is_empty() || working.len() == declared.len() {
            true => Err(Stop::NotTestable(seen)),
            false => self.on_stage(&working, play),
        }
    }

    /// Starts the first symbol of each of these kinds, sees that they work, and
    /// hands them to `act`.
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
        let mut stage = Stage::set(&host, &mut sources, &mut sinks, &mut functions, row)
            .map_err(not_testable)?;
        act(&mut stage)
    }
}
