//! Runs the cases of test files, on many threads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::discover::discover;
use super::model::{Case, TestFile};
use super::node::FileMistake;
use super::parse::load;
use super::play::{Attempt, FileRun, Live, Packages, Settings, Stop, play};
use super::result::{CaseResult, Results, Verdict};
use super::selection::{Filter, Selected, groups, part, select};
use super::symbols::unknown_symbols;
use crate::package::{Build, PackageError};
use crate::release::Release;

/// Runs the cases of test files. [`Runner::new`] finds the files.
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `run`"]
pub struct Runner {
    paths: Vec<PathBuf>,
    executable: Option<PathBuf>,
    build: Build,
    jobs: usize,
    filters: Vec<Filter>,
    releases: Option<Vec<&'static Release>>,
    fail_fast: bool,
    shard: Option<(usize, usize)>,
    settings: Settings,
    stop: Stop,
}

/// Why nothing has run: the files are wrong, or there are none.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunnerError {
    /// Test files, or the plugins that they name, have mistakes: all that were
    /// found.
    Mistakes(Vec<FileMistake>),
    /// A plugin cannot be read or built.
    Package {
        /// The test file that names it.
        file: PathBuf,
        /// The reason.
        error: PackageError,
    },
    /// The paths have no test files.
    NoFile {
        /// The paths.
        paths: Vec<PathBuf>,
    },
    /// No case matches the filter, the releases and the shard.
    NoCase,
}

impl fmt::Display for RunnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes(mistakes) => {
                let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
                f.write_str(&mistakes.join("\n"))
            }
            Self::Package { file, error } => write!(f, "{}: {error}", file.display()),
            Self::NoFile { paths } => {
                let paths: Vec<_> = paths
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                write!(f, "no file that ends in .test.yaml in {}", paths.join(", "))
            }
            Self::NoCase => f.write_str("no case matches; name another filter or release"),
        }
    }
}

impl Error for RunnerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Package { error, .. } => Some(error),
            Self::Mistakes(_) | Self::NoFile { .. } | Self::NoCase => None,
        }
    }
}

/// Receives what happens, on the threads where it happens.
pub trait Progress: Sync {
    /// The run begins: these are the cases.
    fn begins(&self, cases: &[Selected]);

    /// A case has begun.
    fn began(&self, case: &Selected);

    /// A case has ended. What only a failure needs, its log and its messages, can
    /// be dropped here.
    fn ended(&self, result: &mut CaseResult);
}

/// Hears nothing.
struct Quiet;

impl Progress for Quiet {
    fn begins(&self, _: &[Selected]) {}

    fn began(&self, _: &Selected) {}

    fn ended(&self, _: &mut CaseResult) {}
}

/// Cases that run one after another: those that share a process, or a single one.
struct Unit {
    /// The number of the file on a release.
    run: usize,
    /// Each with its place in the order of the results.
    cases: Vec<(usize, usize)>,
}

impl Runner {
    /// Runs the files that end in `.test.yaml` below these paths. A path that is a
    /// file is taken whatever its name. As many cases run at once as the machine
    /// has processors.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            executable: None,
            build: Build::optimized(),
            jobs: thread::available_parallelism().map_or(1, usize::from),
            filters: Vec::new(),
            releases: None,
            fail_fast: false,
            shard: None,
            settings: Settings {
                seed: None,
                scale: 1.0,
                retries: 0,
                updates: false,
                python: None,
                redacted: Vec::new(),
            },
            stop: Stop::default(),
        }
    }

    /// Uses this executable for every plugin, for example
    /// `env!("CARGO_BIN_EXE_mirror")`.
    pub fn executable(mut self, executable: impl Into<PathBuf>) -> Self {
        self.executable = Some(executable.into());
        self
    }

    /// Uses this Python interpreter, whatever the files say.
    pub fn python(mut self, interpreter: impl Into<PathBuf>) -> Self {
        self.settings.python = Some(interpreter.into());
        self
    }

    /// Builds Cargo packages in this way.
    #[doc(hidden)]
    pub fn build(mut self, build: Build) -> Self {
        self.build = build;
        self
    }

    /// Sets how many cases run at once.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Selects cases; of several filters, one must select a case.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Runs each case on these releases, whatever its file says.
    #[doc(hidden)]
    pub fn releases(mut self, releases: Vec<&'static Release>) -> Self {
        self.releases = Some(releases);
        self
    }

    /// Begins no case after one has failed.
    pub fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// Runs part `part` of `parts`, which count from 1.
    pub fn shard(mut self, part: usize, parts: usize) -> Self {
        self.shard = Some((part, parts));
        self
    }

    /// Tries each case again that fails, so often. A case may say more.
    pub fn retries(mut self, retries: u32) -> Self {
        self.settings.retries = retries;
        self
    }

    /// Multiplies all limits, for a slow machine.
    pub fn timeout_scale(mut self, scale: f64) -> Self {
        self.settings.scale = scale;
        self
    }

    /// Draws what eKuiper does in no certain order; see
    /// [`Builder::seed`](crate::Builder::seed).
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Plays each case to its end, also after an expectation that did not hold, so
    /// that [`Results::update`] can replace all of them.
    pub fn for_update(mut self) -> Self {
        self.settings.updates = true;
        self
    }

    /// Hides the values under this key of each `config`, and of the variable of this
    /// name in `env`, in the results.
    pub fn redact(mut self, key: impl Into<String>) -> Self {
        self.settings.redacted.push(key.into());
        self
    }

    /// Returns a handle that ends the run early.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Returns the cases that [`run`](Self::run) runs.
    ///
    /// # Errors
    ///
    /// [`RunnerError`], except that the plugins are not looked at.
    pub fn list(&self) -> Result<Vec<Selected>, RunnerError> {
        let files = self.load()?;
        let selected = self.select(&files)?;
        Ok(selected.into_iter().map(|(_, _, one)| one).collect())
    }

    /// Runs the cases.
    ///
    /// # Errors
    ///
    /// [`RunnerError`]; then nothing was run.
    pub fn run(&self) -> Result<Results, RunnerError> {
        self.run_with(&Quiet)
    }

    /// Runs the cases, and tells `progress` of each.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    pub fn run_with(&self, progress: &impl Progress) -> Result<Results, RunnerError> {
        let began = Instant::now();
        let files = self.load()?;
        let selected = self.select(&files)?;
        let packages = Packages::new(self.executable.clone(), self.build.clone());
        self.open(&packages, &files, &selected)?;
        let (runs, units) = self.plan(&files, &packages, &selected);
        let all: Vec<_> = selected.iter().map(|(_, _, one)| one.clone()).collect();
        progress.begins(&all);
        let queue = Mutex::new(VecDeque::from(units));
        let done: Mutex<BTreeMap<usize, CaseResult>> = Mutex::default();
        let has_failed = AtomicBool::new(false);
        let keep = |order: usize, mut result: CaseResult| {
            if self.fail_fast && !result.verdict.is_good() {
                has_failed.store(true, Ordering::SeqCst);
            }
            progress.ended(&mut result);
            lock(&done).insert(order, result);
        };
        let ends = || self.stop.is_stopped() || has_failed.load(Ordering::SeqCst);
        let work = || {
            while let Some(unit) = next(&queue) {
                self.play_unit(&unit, &runs, &selected, progress, &ends, &keep);
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.jobs.min(lock(&queue).len()) {
                scope.spawn(work);
            }
            work();
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Results {
            plugins: packages.names(),
            cases: done.into_values().collect(),
            took: began.elapsed(),
            seed: self.settings.seed,
        })
    }

    /// Reads all files.
    fn load(&self) -> Result<Vec<TestFile>, RunnerError> {
        let paths = discover(&self.paths).map_err(RunnerError::Mistakes)?;
        if paths.is_empty() {
            return Err(RunnerError::NoFile {
                paths: self.paths.clone(),
            });
        }
        let (mut files, mut mistakes) = (Vec::new(), Vec::new());
        for path in &paths {
            match load(path) {
                Ok(file) => files.push(file),
                Err(more) => mistakes.extend(more),
            }
        }
        match mistakes.is_empty() {
            true => Ok(files),
            false => Err(RunnerError::Mistakes(mistakes)),
        }
    }

    fn select(&self, files: &[TestFile]) -> Result<Vec<(usize, usize, Selected)>, RunnerError> {
        let selected = select(files, &self.filters, self.releases.as_deref());
        if selected.is_empty() {
            return Err(RunnerError::NoCase);
        }
        // There may be more parts than cases.
        Ok(match self.shard {
            Some((number, parts)) => part(selected, number, parts),
            None => selected,
        })
    }

    /// Opens the plugins that no `setup` makes, so that their mistakes are known
    /// before anything runs.
    fn open(
        &self,
        packages: &Packages,
        files: &[TestFile],
        selected: &[(usize, usize, Selected)],
    ) -> Result<(), RunnerError> {
        let numbers: BTreeSet<_> = selected.iter().map(|(file, ..)| *file).collect();
        let files = numbers.into_iter().map(|number| &files[number]);
        let mut mistakes = Vec::new();
        for file in files.filter(|file| file.setup.is_empty()) {
            let opened = packages.open(&file.plugin);
            let package = opened.map_err(|error| RunnerError::Package {
                file: file.path.clone(),
                error,
            })?;
            mistakes.extend(unknown_symbols(file, package.manifest()));
        }
        match mistakes.is_empty() {
            true => Ok(()),
            false => Err(RunnerError::Mistakes(mistakes)),
        }
    }

    /// Makes the run of each file on each release, and sorts the units of cases: those
    /// that were written first begin first.
    fn plan<'a>(
        &'a self,
        files: &'a [TestFile],
        packages: &'a Packages,
        selected: &[(usize, usize, Selected)],
    ) -> (Vec<FileRun<'a>>, Vec<Unit>) {
        let (mut runs, mut units) = (Vec::new(), Vec::new());
        for group in groups(files, selected) {
            let release = Release::find(group.release);
            runs.push(FileRun::new(
                &files[group.file],
                release.expect("a case has a release of the table"),
                packages,
                &self.settings,
                &self.stop,
                group.units.len(),
            ));
            let run = runs.len() - 1;
            units.extend(group.units.into_iter().map(|cases| Unit { run, cases }));
        }
        units.sort_by_key(|unit| unit.cases[0].0);
        (runs, units)
    }

    /// Plays the cases of a unit. What the teardown of the file does wrong belongs to
    /// the last case.
    fn play_unit(
        &self,
        unit: &Unit,
        runs: &[FileRun<'_>],
        selected: &[(usize, usize, Selected)],
        progress: &impl Progress,
        ends: &impl Fn() -> bool,
        keep: &impl Fn(usize, CaseResult),
    ) {
        let run = &runs[unit.run];
        let mut live = None;
        let mut last: Option<(usize, CaseResult)> = None;
        for (order, case) in &unit.cases {
            if let Some((order, result)) = last.take() {
                keep(order, result);
            }
            let one = &selected[*order].2;
            let case = &run.file.cases[*case];
            let result = match ends() {
                true => skipped(one),
                false => self.play_case(case, one, run, &mut live, progress),
            };
            last = Some((*order, result));
        }
        drop(live);
        let Some((order, mut result)) = last else {
            return;
        };
        run.end_unit(&mut result);
        keep(order, result);
    }

    /// Plays a case, again if it fails and may be tried again.
    fn play_case(
        &self,
        case: &Case,
        one: &Selected,
        run: &FileRun<'_>,
        live: &mut Option<Live>,
        progress: &impl Progress,
    ) -> CaseResult {
        let retries = case.retries.max(self.settings.retries);
        let mut attempts = 0;
        let mut failed: Option<Attempt> = None;
        progress.began(one);
        loop {
            attempts += 1;
            let attempt = play(case, run, live);
            let verdict = match attempt.verdict {
                Verdict::Passed if failed.is_some() => Verdict::Flaky,
                Verdict::Failed if attempts <= retries => {
                    failed = Some(attempt);
                    continue;
                }
                verdict => verdict,
            };
            // A case that passed after a retry shows why it failed before.
            let shown = match verdict {
                Verdict::Flaky => failed.unwrap_or(attempt),
                _ => attempt,
            };
            let mut result = result(one, verdict, attempts, shown);
            run.hide_secrets(&mut result);
            return result;
        }
    }
}

fn result(one: &Selected, verdict: Verdict, attempts: u32, attempt: Attempt) -> CaseResult {
    CaseResult {
        attempts,
        took: attempt.took,
        failures: attempt.failures,
        notes: attempt.notes,
        log: attempt.log,
        output: attempt.output,
        frames: attempt.frames,
        steps: attempt.steps,
        updates: attempt.updates,
        ..CaseResult::new(&one.file, one.place, &one.name, one.release, verdict)
    }
}

fn skipped(one: &Selected) -> CaseResult {
    CaseResult {
        attempts: 0,
        ..CaseResult::new(
            &one.file,
            one.place,
            &one.name,
            one.release,
            Verdict::Skipped,
        )
    }
}

fn next(queue: &Mutex<VecDeque<Unit>>) -> Option<Unit> {
    lock(queue).pop_front()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
