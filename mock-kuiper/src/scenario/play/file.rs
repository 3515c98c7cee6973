//! What the cases of a test file share in a run.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Map, Value};

use super::commands::{CommandFailure, Commands};
use super::packages::Packages;
use super::stop::Stop;
use super::values::{text, text_of};
use crate::event::Limits;
use crate::host::{Builder, Host, HostError};
use crate::redact::Secrets;
use crate::release::Release;
use crate::scenario::model::{Action, Case, ProcessScope, TestFile};
use crate::scenario::pattern::{Template, Variables};
use crate::scenario::result::{CaseResult, Verdict};
use crate::scenario::symbols::unknown_symbols;
use crate::scratch::Scratch;

/// How many ports are given before one is given again.
const ENOUGH: usize = 10_000;

/// How a run plays its cases.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct Settings {
    /// Draws what eKuiper does in no certain order.
    pub(in crate::scenario) seed: Option<u64>,
    /// Lengthens every limit.
    pub(in crate::scenario) scale: f64,
    /// How often each case is tried again at least.
    pub(in crate::scenario) retries: u32,
    /// Whether a case goes on after an expectation that what was seen can replace.
    pub(in crate::scenario) updates: bool,
    /// The Python interpreter, instead of the one that the file names.
    pub(in crate::scenario) python: Option<PathBuf>,
    /// The keys and variables whose values no result shows.
    pub(in crate::scenario) redacted: Vec<String>,
}

/// A test file on a release, in a run.
#[derive(Debug)]
pub(in crate::scenario) struct FileRun<'a> {
    pub(in crate::scenario) file: &'a TestFile,
    pub(in crate::scenario) release: &'static Release,
    /// Opens the plugin once the file's `setup` has run, which may make it.
    packages: &'a Packages,
    pub(super) settings: &'a Settings,
    pub(super) stop: &'a Stop,
    /// Why a plugin that `setup` has made is not the one of the file, once it is known.
    unknown: OnceLock<Option<String>>,
    secrets: Mutex<Secrets>,
    shared: Mutex<Shared>,
}

/// What is set up once for all cases.
#[derive(Debug)]
struct Shared {
    /// How many units of cases have not ended.
    units: usize,
    prepared: Option<Prepared>,
}

/// What the file's `setup` has made, or why it failed.
#[derive(Debug)]
struct Prepared {
    variables: Variables,
    tmp: Option<Arc<Scratch>>,
    commands: Commands,
    failure: Option<CommandFailure>,
}

/// The variables of a case, and the directory that one of them names.
#[derive(Debug)]
pub(super) struct CaseVariables {
    pub(super) values: Variables,
    pub(super) tmp: Option<Arc<Scratch>>,
}

impl<'a> FileRun<'a> {
    /// Makes the run of a file on a release, of which so many units of cases are
    /// played.
    pub(in crate::scenario) fn new(
        file: &'a TestFile,
        release: &'static Release,
        packages: &'a Packages,
        settings: &'a Settings,
        stop: &'a Stop,
        units: usize,
    ) -> Self {
        Self {
            file,
            release,
            packages,
            settings,
            stop,
            unknown: OnceLock::new(),
            secrets: Mutex::new(secrets(file, &settings.redacted)),
            shared: Mutex::new(Shared {
                units,
                prepared: None,
            }),
        }
    }

    /// Returns the directory of the file.
    pub(super) fn directory(&self) -> &Path {
        let parent = self.file.path.parent();
        parent
            .filter(|directory| !directory.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    }

    /// Runs the file's `setup`, once. Others wait for its end.
    pub(super) fn prepare(&self) -> Result<(), CommandFailure> {
        let mut shared = self.shared();
        if shared.prepared.is_none() {
            shared.prepared = Some(self.set_up());
        }
        let failure = shared.prepared.as_ref().and_then(|it| it.failure.clone());
        failure.map_or(Ok(()), Err)
    }

    /// Notes that a unit has ended. After the last one, runs the file's `teardown`.
    /// Adds its failure, and what the file's commands wrote, to the `last` result.
    pub(in crate::scenario) fn end_unit(&self, last: &mut CaseResult) {
        let mut shared = self.shared();
        shared.units -= 1;
        if shared.units > 0 {
            return;
        }
        let Some(prepared) = shared.prepared.take() else {
            return;
        };
        let Prepared {
            mut commands,
            variables,
            ..
        } = prepared;
        let checked = match last.verdict {
            Verdict::Skipped => Ok(()),
            _ => commands.check_running(),
        };
        let torn_down = commands.tear_down(&self.file.teardown, &variables);
        last.output.extend(commands.finish());
        if let Err(failure) = checked.and(torn_down) {
            if last.verdict.is_good() {
                last.verdict = failure.verdict;
            }
            last.failures.push(failure.into());
        }
        self.hide_secrets(last);
    }

    fn set_up(&self) -> Prepared {
        let mut prepared = Prepared {
            variables: Variables::new(),
            tmp: None,
            commands: Commands::new(self.directory(), self.settings.scale, self.stop),
            failure: None,
        };
        match own_variables(|name| self.shares(name)) {
            Ok(own) => {
                prepared.variables = own.values;
                prepared.tmp = own.tmp;
            }
            Err(error) => {
                prepared.failure = Some(CommandFailure::system(&error));
                return prepared;
            }
        }
        let turn = self.packages.turn(&self.file.plugin);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let commands = &mut prepared.commands;
        let run = commands.set_up(&self.file.setup, &prepared.variables);
        prepared.failure = run.err();
        prepared
    }

    /// Whether a variable has one value for all cases: if the file's commands use
    /// it, or if the cases share a process.
    fn shares(&self, name: &str) -> bool {
        self.file.process == ProcessScope::File || self.file.variables.contains(name)
    }

    /// Returns the variables of an attempt of a case.
    pub(super) fn variables(&self, case: &Case) -> io::Result<CaseVariables> {
        let mut own = own_variables(|name| case.variables.contains(name) && !self.shares(name))?;
        let shared = self.shared();
        if let Some(prepared) = &shared.prepared {
            own.values.extend(prepared.variables.clone());
            own.tmp = own.tmp.or_else(|| prepared.tmp.clone());
        }
        Ok(own)
    }

    /// Describes the host of a case.
    pub(super) fn builder(
        &self,
        variables: &Variables,
        tmp: Option<&Path>,
    ) -> Result<Builder, HostError> {
        let release = self.release;
        let package = self.packages.open(&self.file.plugin)?;
        let unknown = self.unknown.get_or_init(|| {
            let mistakes = unknown_symbols(self.file, package.manifest());
            mistakes.first().map(ToString::to_string)
        });
        if let Some(mistake) = unknown {
            return Err(HostError::invalid(mistake));
        }
        let mut host = Host::builder(package)
            .release(release.name)
            .python(self.settings.python.as_ref().unwrap_or(&self.file.python))
            .record(Limits::NONE)
            .scale_limits(self.settings.scale)
            .interrupted_by({
                let stop = self.stop.clone();
                move || stop.is_stopped()
            })
            .visible(self.directory());
        if let Some(limit) = self.file.init_timeout {
            host = host.init_timeout(limit);
        }
        if let Some(tmp) = tmp {
            host = host.visible(tmp);
        }
        if let Some(seed) = self.settings.seed {
            host = host.seed(seed);
        }
        for (name, value) in &self.file.env {
            let value = text(value, variables).map_err(HostError::invalid)?;
            if self.settings.redacted.contains(name) {
                self.secrets().add_text(&value);
            }
            host = host.env(name, value);
        }
        Ok(host)
    }

    /// Remembers the secrets of a configuration.
    pub(super) fn keep_secrets(&self, config: &Map<String, Value>) {
        self.secrets().add(&self.settings.redacted, config);
    }

    /// Hides the secrets that were used so far.
    pub(in crate::scenario) fn hide_secrets(&self, result: &mut CaseResult) {
        result.hide(&self.secrets());
    }

    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the secrets that a file has, without the values of variables: a command may
/// show one before it is used.
fn secrets(file: &TestFile, redacted: &[String]) -> Secrets {
    let literal = |template: &Template| {
        let names = template.variables().into_iter();
        let variables = names.map(|name| (name, Value::from(""))).collect();
        template.resolve(&variables).ok()
    };
    let mut secrets = Secrets::default();
    if redacted.is_empty() {
        return secrets;
    }
    for (name, value) in &file.env {
        if redacted.contains(name)
            && let Some(value) = literal(value)
        {
            secrets.add_text(&text_of(value));
        }
    }
    for step in file.cases.iter().flat_map(|case| &case.steps) {
        let starts = match &step.action {
            Action::Start(start) => vec![start],
            Action::Rule(rule) => std::iter::once(&rule.source).chain(&rule.sinks).collect(),
            _ => Vec::new(),
        };
        for start in starts {
            if let Some(Value::Object(config)) = literal(&start.config) {
                secrets.add(redacted, &config);
            }
        }
    }
    secrets
}

/// Makes an empty directory for the variable `tmp`, and finds a free port for `port`,
/// if they are needed.
fn own_variables(needs: impl Fn(&str) -> bool) -> io::Result<CaseVariables> {
    let mut own = CaseVariables {
        values: Variables::new(),
        tmp: None,
    };
    if needs("tmp") {
        let tmp = Scratch::new("mk-")?;
        let path = tmp.path().display().to_string();
        own.values.insert("tmp".to_owned(), path.into());
        own.tmp = Some(Arc::new(tmp));
    }
    if needs("port") {
        own.values.insert("port".to_owned(), free_port()?.into());
    }
    Ok(own)
}

/// Returns a port of 127.0.0.1 on which nothing listens at this moment, and which
/// this process has not returned before.
fn free_port() -> io::Result<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        // When all have been given once, they are given again.
        if given.insert(port) || given.len() > ENOUGH {
            return Ok(port);
        }
    }
}
