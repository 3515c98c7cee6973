//! Why a plugin could not be isolated, and what to do about it.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use super::namespace::Step;

/// Why a plugin could not be given a `/tmp` of its own.
#[derive(Debug)]
#[non_exhaustive]
pub enum IsolationError {
    /// The folder, or something in it, cannot be made.
    NoFolder {
        /// Its path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The plugin would have to see all of the real `/tmp`.
    TmpItself {
        /// The path that leads to `/tmp`.
        path: PathBuf,
    },
    /// The system refuses.
    Refused {
        /// What, as a noun.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
        /// The setting that is the cause, as far as it can be told, and how to
        /// change it.
        advice: String,
    },
}

impl IsolationError {
    /// Finds out why a step was refused.
    pub(super) fn at(step: Step, source: io::Error) -> Self {
        let advice = advice(step, &source, &|path| {
            let text = fs::read_to_string(path).ok()?;
            Some(text.trim().to_owned())
        });
        let doing = match step {
            Step::MountNamespace => "a mount namespace",
            Step::UserNamespace => "a user namespace",
            Step::Ids => "its own user in a user namespace",
            Step::Private => "private mounts",
            Step::Bind => "a directory of the real /tmp in its own",
            Step::Cover => "a mount over /tmp",
            Step::Directory => "its working directory under its own /tmp",
        };
        Self::Refused {
            doing,
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
                "no folder can be made to stand for the plugin's /tmp: {}: {source}; set TMPDIR \
                 to a directory with a short path that is yours to write",
                path.display()
            ),
            Self::TmpItself { path } => write!(
                f,
                "a plugin cannot have a /tmp of its own and see {}, which is /tmp itself; move \
                 the plugin to a directory of its own",
                path.display()
            ),
            Self::Refused {
                doing,
                source,
                advice,
            } => write!(
                f,
                "the plugin cannot have a /tmp of its own: the system refuses {doing}: {source}; \
                 {advice}; or run without isolation, one plugin at a time"
            ),
        }
    }
}

impl Error for IsolationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoFolder { source, .. } | Self::Refused { source, .. } => Some(source),
            Self::TmpItself { .. } => None,
        }
    }
}

const CONTAINER: &str = "in a container, start that with `--cap-add SYS_ADMIN --security-opt \
                         seccomp=unconfined --security-opt apparmor=unconfined`";

/// Names the setting that is the cause, and how to change it.
///
/// `setting` reads a file of `/proc`.
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
        (Step::Directory, _) => "make it one that the plugin's user may enter".to_owned(),
        (Step::UserNamespace, Some(Errno::NOSPC | Errno::USERS)) => {
            limit("max_user_namespaces", setting)
        }
        (Step::MountNamespace, Some(Errno::NOSPC)) => limit("max_mnt_namespaces", setting),
        (Step::UserNamespace, Some(Errno::INVAL | Errno::NOSYS)) => {
            "the kernel is built without user namespaces: run as root".to_owned()
        }
        (Step::Private, Some(Errno::INVAL)) => {
            "the root directory is no mount point (a chroot): bind it onto itself first".to_owned()
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
                            "it is not said which setting is the cause: run as root, or, {CONTAINER}"
                        )
                    }
                }
            }
        }
        _ => "run as root".to_owned(),
    }
}

/// Says what a limit of namespaces is, and how to raise it.
fn limit(name: &str, setting: &dyn Fn(&str) -> Option<String>) -> String {
    let path = format!("/proc/sys/user/{name}");
    let reached = match setting(&path).as_deref() {
        Some("0") => "is 0".to_owned(),
        Some(value) => format!("is {value}, and that many exist, or too many within each other"),
        None => "is reached".to_owned(),
    };
    format!("{path} {reached}: run `sysctl user.{name}=15000` as root")
}
