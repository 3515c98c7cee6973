//! Why a plugin was not isolated, and which setting to change.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use super::step::Step;

/// Why a plugin has no `/tmp` of its own.
#[derive(Debug)]
#[non_exhaustive]
pub enum IsolationError {
    /// The folder that would be the plugin's `/tmp`, or a file in it, cannot be
    /// made.
    NoFolder {
        /// Its path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A path that the plugin must see is `/tmp` itself.
    TmpItself {
        /// The path, as it was given.
        path: PathBuf,
    },
    /// A path that the plugin must see cannot be found.
    NotThere {
        /// The path, as it was given.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The system refuses to isolate a process.
    Refused {
        /// What it refuses, as a noun.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
        /// The setting that is the cause, as far as it is known, and how to
        /// change it.
        advice: String,
    },
}

impl IsolationError {
    /// Makes the error for a step that was refused.
    pub(super) fn at(step: Step, source: io::Error) -> Self {
        let advice = advice(step, &source, &|path| {
            let text = fs::read_to_string(path).ok()?;
            Some(text.trim().to_owned())
        });
        Self::Refused {
            doing: step.noun(),
            source,
            advice,
        }
    }
}

impl fmt::Display for IsolationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFolder { path, source } => write!(
                f,
                "cannot make a folder for the plugin's /tmp: {}: {source}; set TMPDIR to a \
                 directory with a short path in which you may write",
                path.display()
            ),
            Self::TmpItself { path } => write!(
                f,
                "cannot isolate a plugin that needs {}, which is /tmp itself; move the plugin to \
                 a directory of its own",
                path.display()
            ),
            Self::NotThere { path, source } => write!(
                f,
                "cannot let the plugin see {}: {source}; correct the path",
                path.display()
            ),
            Self::Refused {
                doing,
                source,
                advice,
            } => write!(
                f,
                "cannot isolate the plugin: the system refuses {doing}: {source}; {advice}; or \
                 run one plugin at a time, without isolation"
            ),
        }
    }
}

impl Error for IsolationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoFolder { source, .. }
            | Self::NotThere { source, .. }
            | Self::Refused { source, .. } => Some(source),
            Self::TmpItself { .. } => None,
        }
    }
}

/// Why an isolated program was not started.
#[derive(Debug)]
pub(crate) enum SpawnError {
    /// The program cannot be run, with or without isolation.
    Program(io::Error),
    /// The system does not isolate it.
    Refused(IsolationError),
}

impl From<IsolationError> for SpawnError {
    fn from(error: IsolationError) -> Self {
        Self::Refused(error)
    }
}

const CONTAINER: &str = "in a container, start it with `--cap-add SYS_ADMIN --security-opt \
                         seccomp=unconfined --security-opt apparmor=unconfined`";

/// Returns the setting that is the cause, and how to change it. `setting` reads a
/// file of `/proc`.
///
/// Source: user_namespaces(7), namespaces(7), mount(2); Ubuntu's "Restricted
/// unprivileged user namespaces"; Docker's default seccomp and AppArmor
/// profiles.
pub(super) fn advice(
    step: Step,
    error: &io::Error,
    setting: &dyn Fn(&str) -> Option<String>,
) -> String {
    let is = |path: &str, value: &str| setting(path).as_deref() == Some(value);
    match (step, error.raw_os_error().map(Errno::from_raw_os_error)) {
        (Step::Directory, _) => "let the plugin's user enter that directory".to_owned(),
        (Step::UserNamespace, Some(Errno::NOSPC | Errno::USERS)) => {
            limit("max_user_namespaces", setting)
        }
        (Step::MountNamespace, Some(Errno::NOSPC)) => limit("max_mnt_namespaces", setting),
        (Step::UserNamespace, Some(Errno::INVAL | Errno::NOSYS)) => {
            "the kernel has no user namespaces: run as root".to_owned()
        }
        (Step::Private, Some(Errno::INVAL)) => {
            "the root directory is not a mount point (a chroot): bind it onto itself first"
                .to_owned()
        }
        (_, Some(Errno::PERM | Errno::ACCESS)) => {
            if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
                "/proc/sys/kernel/unprivileged_userns_clone is 0: run `sysctl \
                 kernel.unprivileged_userns_clone=1` as root"
                    .to_owned()
            } else if is(
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                "1",
            ) {
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns is 1: run `sysctl \
                 kernel.apparmor_restrict_unprivileged_userns=0` as root, or give this program \
                 an AppArmor profile with `userns`"
                    .to_owned()
            } else {
                let filtered = setting("/proc/self/status")
                    .is_some_and(|status| status.lines().any(|line| line == "Seccomp:\t2"));
                let confined = setting("/proc/self/attr/current")
                    .filter(|profile| profile.ends_with("(enforce)"));
                match (confined, filtered) {
                    (Some(profile), _) => {
                        format!("the AppArmor profile `{profile}` is in force: {CONTAINER}")
                    }
                    (None, true) => format!("a seccomp filter is in force: {CONTAINER}"),
                    (None, false) => {
                        format!(
                            "the setting that is the cause is unknown: run as root or, {CONTAINER}"
                        )
                    }
                }
            }
        }
        _ => "run as root".to_owned(),
    }
}

/// Describes a limit of namespaces, and how to raise it.
fn limit(name: &str, setting: &dyn Fn(&str) -> Option<String>) -> String {
    let path = format!("/proc/sys/user/{name}");
    let reached = match setting(&path).as_deref() {
        Some("0") => "is 0".to_owned(),
        Some(value) => format!("is {value}, and that many exist or too many are nested"),
        None => "is reached".to_owned(),
    };
    format!("{path} {reached}: run `sysctl user.{name}=15000` as root")
}
