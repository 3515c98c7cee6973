//! The values of every release, and how a release is found by its name.

use std::fmt;
use std::time::Duration;

use super::fields::{
    AckChannel, Datasource, FunctionMeta, ProcessLife, Release, StreamOptionSet, WorkingDirectory,
    YamlKeys,
};
use crate::foreign::in_sentence;

/// How long a host waits for the answer to an order, in every release.
///
/// Source: protocol.md section 5.
pub const ORDER_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// The one argument that a plugin is launched with, in every release.
///
/// Source: protocol.md section 3; the `launch` events of the vectors.
pub const LAUNCH_ARGUMENT: &str = r#"{"sendTimeout":1000}"#;

/// The release that is mocked by default.
pub const DEFAULT_HOST: &str = "2.4";

const MIB: u64 = 1024 * 1024;

const V1_4: Release = Release {
    name: "1.4",
    datasource: Datasource::Beside,
    stream_options: StreamOptionSet::Three,
    yaml_keys: YamlKeys::AsWritten,
    function_meta: FunctionMeta::Absent,
    column_index: false,
    call_cache_index: false,
    ack: AckChannel::Absent,
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

const V1_8: Release = Release {
    name: "1.8",
    function_meta: FunctionMeta::Zeros,
    regreet_on_functions: true,
    wait_function_greeting: false,
    replay: true,
    ..V1_4
};

const V1_11: Release = Release {
    name: "1.11",
    working_directory: WorkingDirectory::Executable,
    ..V1_8
};

const V1_14: Release = Release {
    name: "1.14",
    ack: AckChannel::Unread,
    ..V1_11
};

const V2_0: Release = Release {
    name: "2.0",
    datasource: Datasource::InConfig,
    stream_options: StreamOptionSet::Nine,
    yaml_keys: YamlKeys::LowerCase,
    ack: AckChannel::Read,
    ack_closes: true,
    process_life: ProcessLife::Host,
    init_timeout: Duration::from_secs(60),
    max_message: None,
    ..V1_14
};

/// 2.1.0 to 2.1.2. With 2.1.3 the host recognizes a greeting on control.
const V2_1_2: Release = Release {
    name: "2.1.2",
    sink_send_timeout: Duration::from_secs(5),
    source_poll: Duration::from_secs(5),
    ..V2_0
};

const V2_1: Release = Release {
    name: "2.1",
    regreet_on_control: true,
    ..V2_1_2
};

const V2_2: Release = Release {
    name: "2.2",
    python_unbuffered: true,
    ..V2_1
};

const V2_4: Release = Release {
    name: "2.4",
    column_index: true,
    call_cache_index: true,
    ..V2_2
};

static PROFILES: [Release; 17] = [
    V1_4,
    Release {
        name: "1.5",
        ..V1_4
    },
    Release {
        name: "1.6",
        ..V1_4
    },
    Release {
        name: "1.7",
        ..V1_4
    },
    V1_8,
    Release {
        name: "1.9",
        ..V1_8
    },
    Release {
        name: "1.10",
        ..V1_8
    },
    V1_11,
    Release {
        name: "1.12",
        ..V1_11
    },
    Release {
        name: "1.13",
        ..V1_11
    },
    V1_14,
    V2_0,
    V2_1_2,
    V2_1,
    V2_2,
    Release {
        name: "2.3",
        ..V2_2
    },
    V2_4,
];

impl Release {
    /// Finds the profile of a release by its name: `2.4`, `1.13`, `1.13.5`.
    ///
    /// A name without a patch level means the last release of that line. 2.1 is
    /// the one line that changed on its way: the releases before 2.1.3 do not
    /// recognize a greeting on the control channel. Their profile is `2.1.2`.
    ///
    /// # Errors
    ///
    /// [`UnknownRelease`], which lists the known names.
    pub fn find(name: &str) -> Result<&'static Release, UnknownRelease> {
        let named = |name: &str| Release::all().iter().find(|p| p.name == name);
        let found = named(name).or_else(|| {
            let (line, patch) = name.rsplit_once('.')?;
            let patch: u32 = patch.parse().ok()?;
            let ends_after = |profile: &&Release| {
                let last = profile.name.strip_prefix(line)?.strip_prefix('.')?;
                Some(patch <= last.parse().ok()?)
            };
            let mut ended = Release::all().iter();
            ended
                .find(|profile| line.contains('.') && ends_after(profile) == Some(true))
                .or_else(|| named(line))
        });
        found.ok_or_else(|| UnknownRelease {
            name: name.to_owned(),
        })
    }

    /// Returns every profile, the oldest release first.
    #[must_use]
    pub fn all() -> &'static [Release] {
        &PROFILES
    }
}

/// A name for which there is no profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRelease {
    name: String,
}

impl fmt::Display for UnknownRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = Release::all().iter().map(|p| p.name).collect();
        write!(
            f,
            "unknown eKuiper release `{}`; use one of {}",
            in_sentence(&self.name),
            known.join(", ")
        )
    }
}

impl std::error::Error for UnknownRelease {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_has_a_name_of_its_own_and_is_found_by_it() {
        for profile in Release::all() {
            let same_name = Release::all().iter().filter(|p| p.name == profile.name);

            assert_eq!(same_name.count(), 1, "{}", profile.name);
            assert_eq!(Release::find(profile.name), Ok(profile));
        }
    }

    #[test]
    fn a_patch_level_is_found_in_its_line() {
        for (name, profile) in [
            ("1.4.0", "1.4"),
            ("1.13.5", "1.13"),
            ("2.1.0", "2.1.2"),
            ("2.1.3", "2.1"),
            ("2.1.14", "2.1"),
            ("2.4.0", "2.4"),
        ] {
            assert_eq!(Release::find(name).unwrap().name, profile, "{name}");
        }
        for name in [
            "1", "1.3", "1.3.0", "2.4.0.1", "2.4.x", "2.4.", "2", "", "3.0.0",
        ] {
            assert!(Release::find(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_default_release_has_a_profile() {
        assert!(Release::find(DEFAULT_HOST).is_ok());
    }

    #[test]
    fn an_unknown_release_is_rejected_with_a_list_of_the_known_ones() {
        let error = Release::find("3.0").unwrap_err();

        assert_eq!(
            error.to_string(),
            "unknown eKuiper release `3.0`; use one of 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 1.10, \
             1.11, 1.12, 1.13, 1.14, 2.0, 2.1.2, 2.1, 2.2, 2.3, 2.4"
        );
    }

    /// The rows of protocol.md section 9, release by release.
    #[test]
    fn each_difference_begins_with_the_release_that_introduced_it() {
        let since = |what: fn(&Release) -> bool| -> Vec<&str> {
            let mut names = Vec::new();
            let mut before = false;
            for profile in Release::all() {
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
        assert_eq!(since(|p| p.ack == AckChannel::Unread), ["1.14", "2.0"]);
        assert_eq!(since(|p| p.ack == AckChannel::Read), ["2.0"]);
        assert_eq!(since(|p| p.ack_closes), ["2.0"]);
        assert_eq!(since(|p| p.datasource == Datasource::InConfig), ["2.0"]);
        assert_eq!(
            since(|p| p.stream_options == StreamOptionSet::Nine),
            ["2.0"]
        );
        assert_eq!(since(|p| p.yaml_keys == YamlKeys::LowerCase), ["2.0"]);
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
