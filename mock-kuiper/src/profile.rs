//! What differs between eKuiper releases, as one row of data for each release.
//!
//! Nothing outside this file compares versions: code asks a named field of
//! [`Profile`].
//!
//! Source: protocol.md section 9 unless a field says otherwise.

mod properties;
mod releases;

use std::fmt;
use std::time::Duration;

pub use properties::{Property, Setting};
pub use releases::Releases;

/// How long a host waits for the answer to an order, in every release.
///
/// Source: protocol.md section 5.
pub const ORDER_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// The one argument a plugin is launched with, in every release.
///
/// Source: protocol.md section 3; the `launch` events of the vectors.
pub const LAUNCH_ARGUMENT: &str = r#"{"sendTimeout":1000}"#;

/// The release that is mocked when none is named.
pub const DEFAULT_HOST: &str = "2.4";

/// How one eKuiper release behaves towards its plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The release, without its patch level: `2.4`.
    pub name: &'static str,
    /// Where a stream's DATASOURCE stands in a source's start order.
    pub datasource: Datasource,
    /// The stream options that are merged into a source's `config`.
    pub stream_options: StreamOptions,
    /// Whether a function's start order has a `meta` (of empty values) at all.
    pub function_meta: FunctionMeta,
    /// Whether a column in `Validate` carries `HasIndex`, `SourceIndex` and `Index`.
    pub column_index: bool,
    /// Whether a nested call in `Validate` carries `CacheIndex`.
    ///
    /// Recorded for 1.14 (no) and 2.4 (yes); what lies between is taken to
    /// have changed together with `column_index`.
    pub call_cache_index: bool,
    /// What becomes of a sink's ack channel.
    pub ack: Ack,
    /// Whether a sink's ack channel is closed when the sink is stopped. A
    /// release that does not cannot start the sink again under the same rule.
    ///
    /// Source: protocol.md section 5.
    pub ack_closes: bool,
    /// Whether a greeting in the place of an order's answer is a greeting.
    /// Otherwise it is the text of a refusal.
    pub regreet_on_control: bool,
    /// Whether a greeting in the place of a function's answer is a greeting.
    pub regreet_on_functions: bool,
    /// Whether the host waits for a greeting on a function's channel before
    /// its first request.
    pub wait_function_greeting: bool,
    /// Whether a new process gets the start orders of what ran in the old one.
    pub replay: bool,
    /// How long the process lives.
    pub process_life: ProcessLife,
    /// The working directory of the process.
    pub working_directory: WorkingDirectory,
    /// Whether the Python interpreter gets `-u`.
    pub python_unbuffered: bool,
    /// How long a new process has to greet, from its launch, as shipped.
    pub init_timeout: Duration,
    /// How long the answer to a function's request may take.
    pub function_timeout: Duration,
    /// How long the send of a row to a sink may wait.
    pub sink_send_timeout: Duration,
    /// How long one receive on a source's channel waits before it looks
    /// whether the source was stopped.
    pub source_poll: Duration,
    /// The size of the largest message the host receives, in bytes; `None`: any.
    pub max_message: Option<u64>,
}

/// Where a stream's DATASOURCE stands in a source's start order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Datasource {
    /// As `dataSource`, beside `config`; left out when empty.
    Beside,
    /// As `datasource`, one of the stream options in `config`.
    InConfig,
}

/// The stream options that are merged into a source's `config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamOptions {
    /// `delimiter`, `format` and `key`.
    Three,
    /// `datasource`, `delimiter`, `format`, `key`, `retainSize`, `schemaId`,
    /// `strictValidation`, `timestamp` and `timestampFormat`.
    Nine,
}

/// The `meta` of a function's start order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FunctionMeta {
    /// There is none.
    Absent,
    /// Empty names and instance 0.
    Zeros,
}

/// What becomes of a sink's ack channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ack {
    /// Nobody listens.
    None,
    /// The host listens and never reads.
    Open,
    /// The host listens, and reads one ack for each row of a sink that has
    /// `requireAck`.
    Require,
}

/// How long a plugin's process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessLife {
    /// From the first rule that needs it to a second after the last symbol.
    Rules,
    /// As long as the host.
    Host,
}

/// The working directory of a plugin's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkingDirectory {
    /// The directory of the host.
    Host,
    /// The directory of the executable.
    Executable,
}

const MIB: u64 = 1024 * 1024;

const V1_4: Profile = Profile {
    name: "1.4",
    datasource: Datasource::Beside,
    stream_options: StreamOptions::Three,
    function_meta: FunctionMeta::Absent,
    column_index: false,
    call_cache_index: false,
    ack: Ack::None,
    ack_closes: false,
    regreet_on_control: false,
    regreet_on_functions: false,
    wait_function_greeting: true,
    replay: false,
    process_life: ProcessLife::Rules,
    working_directory: WorkingDirectory::Host,
    python_unbuffered: false,
    init_timeout: Duration::from_secs(5),
    function_timeout: Duration::from_secs(5),
    sink_send_timeout: Duration::from_secs(1),
    source_poll: Duration::from_millis(500),
    max_message: Some(MIB),
};

const V1_8: Profile = Profile {
    name: "1.8",
    function_meta: FunctionMeta::Zeros,
    regreet_on_functions: true,
    wait_function_greeting: false,
    replay: true,
    ..V1_4
};

const V1_11: Profile = Profile {
    name: "1.11",
    working_directory: WorkingDirectory::Executable,
    ..V1_8
};

const V1_14: Profile = Profile {
    name: "1.14",
    ack: Ack::Open,
    ..V1_11
};

const V2_0: Profile = Profile {
    name: "2.0",
    datasource: Datasource::InConfig,
    stream_options: StreamOptions::Nine,
    ack: Ack::Require,
    ack_closes: true,
    process_life: ProcessLife::Host,
    init_timeout: Duration::from_secs(60),
    max_message: None,
    ..V1_14
};

/// 2.1 before 2.1.3, the first release that knows a greeting on control.
const V2_1_2: Profile = Profile {
    name: "2.1.2",
    sink_send_timeout: Duration::from_secs(5),
    source_poll: Duration::from_secs(5),
    ..V2_0
};

const V2_1: Profile = Profile {
    name: "2.1",
    regreet_on_control: true,
    ..V2_1_2
};

const V2_2: Profile = Profile {
    name: "2.2",
    python_unbuffered: true,
    ..V2_1
};

const V2_4: Profile = Profile {
    name: "2.4",
    column_index: true,
    call_cache_index: true,
    ..V2_2
};

static PROFILES: [Profile; 17] = [
    V1_4,
    Profile {
        name: "1.5",
        ..V1_4
    },
    Profile {
        name: "1.6",
        ..V1_4
    },
    Profile {
        name: "1.7",
        ..V1_4
    },
    V1_8,
    Profile {
        name: "1.9",
        ..V1_8
    },
    Profile {
        name: "1.10",
        ..V1_8
    },
    V1_11,
    Profile {
        name: "1.12",
        ..V1_11
    },
    Profile {
        name: "1.13",
        ..V1_11
    },
    V1_14,
    V2_0,
    V2_1_2,
    V2_1,
    V2_2,
    Profile {
        name: "2.3",
        ..V2_2
    },
    V2_4,
];

impl Profile {
    /// Finds the profile of a release: `2.4`, `1.13`, `1.13.5`.
    ///
    /// A name without a patch level stands for the last of its line. One line
    /// changed in the middle, with 2.1.3 (greetings on control): `2.1.2` is the
    /// profile of the releases before it.
    ///
    /// # Errors
    ///
    /// [`UnknownHost`], which lists the names that are known.
    pub fn find(name: &str) -> Result<&'static Profile, UnknownHost> {
        let named = |name: &str| Profile::all().iter().find(|p| p.name == name);
        let found = named(name).or_else(|| {
            let (line, patch) = name.rsplit_once('.')?;
            let patch: u32 = patch.parse().ok()?;
            let ends_behind = |profile: &&Profile| {
                let last = profile.name.strip_prefix(line)?.strip_prefix('.')?;
                Some(patch <= last.parse().ok()?)
            };
            let mut ended = Profile::all().iter();
            ended
                .find(|profile| line.contains('.') && ends_behind(profile) == Some(true))
                .or_else(|| named(line))
        });
        found.ok_or_else(|| UnknownHost {
            name: name.to_owned(),
        })
    }

    /// Returns every profile, the oldest release first.
    #[must_use]
    pub fn all() -> &'static [Profile] {
        &PROFILES
    }
}

/// A release that has no profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownHost {
    name: String,
}

impl fmt::Display for UnknownHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = Profile::all().iter().map(|p| p.name).collect();
        write!(
            f,
            "no eKuiper release `{}` is known; use one of {}",
            self.name,
            known.join(", ")
        )
    }
}

impl std::error::Error for UnknownHost {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_found_by_its_own_name_alone() {
        for profile in Profile::all() {
            let same_name = Profile::all().iter().filter(|p| p.name == profile.name);

            assert_eq!(same_name.count(), 1, "{}", profile.name);
            assert_eq!(Profile::find(profile.name), Ok(profile));
        }
    }

    #[test]
    fn a_patch_level_is_that_of_its_line() {
        for (name, profile) in [
            ("1.4.0", "1.4"),
            ("1.13.5", "1.13"),
            ("2.1.0", "2.1.2"),
            ("2.1.3", "2.1"),
            ("2.1.14", "2.1"),
            ("2.4.0", "2.4"),
        ] {
            assert_eq!(Profile::find(name).unwrap().name, profile, "{name}");
        }
        for name in [
            "1", "1.3", "1.3.0", "2.4.0.1", "2.4.x", "2.4.", "2", "", "3.0.0",
        ] {
            assert!(Profile::find(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_default_host_has_a_profile() {
        assert!(Profile::find(DEFAULT_HOST).is_ok());
    }

    #[test]
    fn an_unknown_release_is_answered_with_the_known_ones() {
        let error = Profile::find("3.0").unwrap_err();

        assert_eq!(
            error.to_string(),
            "no eKuiper release `3.0` is known; use one of 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 1.10, \
             1.11, 1.12, 1.13, 1.14, 2.0, 2.1.2, 2.1, 2.2, 2.3, 2.4"
        );
    }

    /// The rows of protocol.md section 9, release by release.
    #[test]
    fn each_difference_begins_with_the_release_that_brought_it() {
        let since = |what: fn(&Profile) -> bool| -> Vec<&str> {
            let mut names = Vec::new();
            let mut before = false;
            for profile in Profile::all() {
                if what(profile) != before {
                    names.push(profile.name);
                    before = !before;
                }
            }
            names
        };

        assert_eq!(since(|p| p.function_meta == FunctionMeta::Zeros), ["1.8"]);
        assert_eq!(since(|p| p.regreet_on_functions), ["1.8"]);
        assert_eq!(since(|p| p.replay), ["1.8"]);
        assert_eq!(since(|p| p.wait_function_greeting), ["1.4", "1.8"]);
        assert_eq!(
            since(|p| p.working_directory == WorkingDirectory::Executable),
            ["1.11"]
        );
        assert_eq!(since(|p| p.ack == Ack::Open), ["1.14", "2.0"]);
        assert_eq!(since(|p| p.ack == Ack::Require), ["2.0"]);
        assert_eq!(since(|p| p.ack_closes), ["2.0"]);
        assert_eq!(since(|p| p.datasource == Datasource::InConfig), ["2.0"]);
        assert_eq!(since(|p| p.stream_options == StreamOptions::Nine), ["2.0"]);
        assert_eq!(since(|p| p.process_life == ProcessLife::Host), ["2.0"]);
        assert_eq!(since(|p| p.init_timeout.as_secs() == 60), ["2.0"]);
        assert_eq!(since(|p| p.max_message.is_none()), ["2.0"]);
        assert_eq!(since(|p| p.sink_send_timeout.as_secs() == 5), ["2.1.2"]);
        assert_eq!(since(|p| p.source_poll.as_secs() == 5), ["2.1.2"]);
        assert_eq!(since(|p| p.regreet_on_control), ["2.1"]);
        assert_eq!(since(|p| p.python_unbuffered), ["2.2"]);
        assert_eq!(since(|p| p.column_index), ["2.4"]);
        assert_eq!(since(|p| p.call_cache_index), ["2.4"]);
    }
}
