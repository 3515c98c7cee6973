//! A fault of the reference plugin, and what it must make fail.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ekuiper_conformance::section;
use ekuiper_tests::Staged;
use mock_kuiper::Release;

use crate::stage;

/// A factor for all limits of the checks.
pub(crate) const SCALE: f64 = 0.5;

/// The requirements that take more than a minute; they are examined only for the
/// faults that prove them.
pub(crate) const LONG: [&str; 2] = ["CTL-27", "FUN-20"];

/// A fault of the reference plugin, and the requirements that it fails.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// The requirement whose check it proves.
    pub(crate) proves: &'static str,
    /// The other requirements that cannot pass either.
    pub(crate) with: &'static [&'static str],
    /// The release under which it is observed.
    pub(crate) release: &'static str,
    /// The properties of `ticks`.
    pub(crate) ticks: &'static str,
    /// The plan's `timeout_scale`: [`SCALE`], or 1 if the fault begins after a wait.
    pub(crate) scale: f64,
    /// Changes the plugin's files, and returns the path that is tried instead.
    pub(crate) change: Option<fn(&Path) -> PathBuf>,
}

impl Fault {
    pub(crate) const fn new(
        proves: &'static str,
        name: &'static str,
        with: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            proves,
            with,
            release: "2.4",
            ticks: "{}",
            scale: SCALE,
            change: None,
        }
    }

    /// A fault of the plugin's files, not of its process.
    pub(crate) const fn of_files(self, change: fn(&Path) -> PathBuf) -> Self {
        Self {
            change: Some(change),
            ..self
        }
    }

    pub(crate) const fn under(self, release: &'static str) -> Self {
        Self { release, ..self }
    }

    /// A fault that begins after a wait, for example for [`IDLE`].
    pub(crate) const fn unscaled(self) -> Self {
        Self { scale: 1.0, ..self }
    }

    pub(crate) const fn ticks(self, ticks: &'static str) -> Self {
        Self { ticks, ..self }
    }

    /// Returns whether only a check of more than a minute finds it.
    pub(crate) fn takes_a_minute(&self) -> bool {
        LONG.contains(&self.proves)
    }

    /// Returns the path of a plugin with the fault, and the folder that holds it.
    pub(crate) fn staged(&self) -> (PathBuf, Staged) {
        let staged = stage();
        let plugin = staged.path();
        let plugin = self
            .change
            .map_or(plugin.to_owned(), |change| change(plugin));
        (plugin, staged)
    }

    /// Returns the requirements that must fail: exactly those whose numbers begin
    /// with an entry of the list, if the release has them.
    pub(crate) fn fails(&self) -> BTreeSet<&'static str> {
        let release = Release::find(self.release).unwrap();
        let begins = |id: &str| self.with.iter().any(|with| id.starts_with(with));
        let all = section::all().into_iter();
        all.filter(|requirement| requirement.releases.has(release))
            .map(|requirement| requirement.id)
            .filter(|id| self.takes_a_minute() || !LONG.contains(id))
            .filter(|id| *id == self.proves || begins(id))
            .collect()
    }
}
