//! Faults on the rig: those of `mock_kuiper::fault`, played on a plugin's
//! symbols.

use mock_kuiper::{Fault, Kind, Outcome, Stage};

use super::launch::Rig;
use super::sink::ROW;
use crate::checked::{Checked, NotPassed, untested};

/// The kinds of symbols that a fault is played on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    Sinks,
    Functions,
    All,
}

impl Rig<'_> {
    /// Starts symbols of these kinds and plays a fault on them: the symbol that
    /// the check is about, otherwise all that are examined.
    ///
    /// With [`Kinds::All`], a symbol that does not even work before the fault is
    /// left out: another rule is about that.
    pub(crate) fn play(&self, kinds: Kinds, fault: Fault) -> Checked {
        let play = |stage: &mut Stage<'_>| match fault.play(stage)? {
            Outcome::Survived => Ok(()),
            Outcome::NotApplicable(reason) => Err(NotPassed::NotApplicable(reason)),
        };
        match kinds {
            Kinds::Sinks => return self.on_stage(&[(Kind::Sink, self.sink_name()?)], play),
            Kinds::Functions => {
                return self.on_stage(&[(Kind::Function, self.function_name()?)], play);
            }
            Kinds::All => {}
        }
        let declared: Vec<_> = [
            (Kind::Sink, self.sinks()?),
            (Kind::Function, self.functions()?),
            (Kind::Source, self.sources()?),
        ]
        .into_iter()
        .flat_map(|(kind, names)| names.into_iter().map(move |name| (kind, name)))
        .collect();
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
        let works = |symbol: &(Kind, &str)| self.on_stage(&[*symbol], |_| Ok(())).is_ok();
        let working: Vec<_> = declared.iter().copied().filter(works).collect();
        match working.is_empty() || working.len() == declared.len() {
            true => Err(NotPassed::Untested(seen)),
            false => self.on_stage(&working, play),
        }
    }

    /// Starts symbols, makes sure that they work, and hands them to `act`.
    fn on_stage(
        &self,
        symbols: &[(Kind, &str)],
        act: impl FnOnce(&mut Stage<'_>) -> Checked,
    ) -> Checked {
        let host = self.host()?;
        let (mut sources, mut sinks, mut functions) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, name) in symbols {
            match kind {
                Kind::Source if sources.is_empty() => {
                    sources.push(self.start_source(&host, name, "rule").map_err(untested)?);
                }
                // The address of a source does not contain its name.
                Kind::Source => {
                    sources.push(self.start_source(&host, name, name).map_err(untested)?);
                }
                Kind::Sink => sinks.push(self.start_sink(&host, name, "rule").map_err(untested)?),
                Kind::Function => functions.push(host.function(name).map_err(untested)?),
            }
        }
        let row = ROW.to_vec();
        let mut stage =
            Stage::set(&host, &mut sources, &mut sinks, &mut functions, row).map_err(untested)?;
        act(&mut stage)
    }
}
