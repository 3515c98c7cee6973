//! A profile as a list of named settings, for tables and JSON.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::fields::{
    AckChannel, Datasource, FunctionMeta, ProcessLife, Release, StreamOptionSet, WorkingDirectory,
    YamlKeys,
};

/// One field of a [`Release`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// The field's name. The name of a time ends with `_ms`, that of a size with
    /// `_bytes`.
    pub key: &'static str,
    /// A short description of the field for people.
    pub title: &'static str,
    /// The field's value.
    pub setting: Setting,
}

/// The value of a property. Its `Display` text fits into a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// Yes or no.
    Is(bool),
    /// One of a few words.
    Word(&'static str),
    /// A length of time.
    Time(Duration),
    /// A number of bytes; `None` for no limit.
    Size(Option<u64>),
}

const MIB: u64 = 1024 * 1024;

impl Setting {
    /// Returns the value as JSON: times in milliseconds, sizes in bytes.
    #[must_use]
    pub fn to_json(self) -> Value {
        match self {
            Setting::Is(so) => so.into(),
            Setting::Word(word) => word.into(),
            Setting::Time(time) => u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into(),
            Setting::Size(size) => size.into(),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Is(true) => f.pad("yes"),
            Setting::Is(false) => f.pad("no"),
            Setting::Word(word) => f.pad(word),
            Setting::Time(time) => f.pad(&format!("{} s", time.as_secs_f64())),
            Setting::Size(None) => f.pad("any"),
            Setting::Size(Some(size)) => f.pad(&format!("{} MiB", size / MIB)),
        }
    }
}

impl Release {
    /// Returns every field except the name, in the order of the struct.
    #[must_use]
    pub fn properties(&self) -> Vec<Property> {
        // No `..`: a new field does not compile until it has its line below.
        let Release {
            name: _,
            datasource,
            stream_options,
            yaml_keys,
            function_meta,
            column_index,
            call_cache_index,
            ack,
            ack_closes,
            regreet_on_control,
            regreet_on_functions,
            wait_function_greeting,
            replay,
            process_life,
            working_directory,
            python_unbuffered,
            init_timeout,
            function_timeout,
            sink_send_timeout,
            source_poll,
            max_message,
        } = *self;
        let datasource = Setting::Word(match datasource {
            Datasource::Beside => "beside",
            Datasource::InConfig => "config",
        });
        let stream_options = Setting::Word(match stream_options {
            StreamOptionSet::Three => "3",
            StreamOptionSet::Nine => "9",
        });
        let yaml_keys = Setting::Word(match yaml_keys {
            YamlKeys::AsWritten => "same",
            YamlKeys::LowerCase => "lower",
        });
        let function_meta = Setting::Word(match function_meta {
            FunctionMeta::Absent => "absent",
            FunctionMeta::Zeros => "zeros",
        });
        let ack = Setting::Word(match ack {
            AckChannel::Absent => "none",
            AckChannel::Unread => "unread",
            AckChannel::Read => "read",
        });
        let process_life = Setting::Word(match process_life {
            ProcessLife::Rules => "rules",
            ProcessLife::Host => "host",
        });
        let working_directory = Setting::Word(match working_directory {
            WorkingDirectory::Host => "host",
            WorkingDirectory::Executable => "plugin",
        });
        let is = Setting::Is;
        let time = Setting::Time;
        #[rustfmt::skip]
        let properties = [
            ("datasource", "place of the DATASOURCE", datasource),
            ("stream_options", "stream options in config", stream_options),
            ("yaml_keys", "keys of a source's yaml", yaml_keys),
            ("function_meta", "meta of a function's start", function_meta),
            ("column_index", "column indexes in Validate", is(column_index)),
            ("call_cache_index", "CacheIndex in Validate", is(call_cache_index)),
            ("ack", "acks of sinks", ack),
            ("ack_closes", "ack channel closed on stop", is(ack_closes)),
            ("regreet_on_control", "greeting again on control", is(regreet_on_control)),
            ("regreet_on_functions", "greeting again on functions", is(regreet_on_functions)),
            ("wait_function_greeting", "functions await a greeting", is(wait_function_greeting)),
            ("replay", "orders replayed on restart", is(replay)),
            ("process_life", "process lives as long as", process_life),
            ("working_directory", "working directory of", working_directory),
            ("python_unbuffered", "Python with -u", is(python_unbuffered)),
            ("init_timeout_ms", "time to greet", time(init_timeout)),
            ("function_timeout_ms", "function's time to answer", time(function_timeout)),
            ("sink_send_timeout_ms", "time to send to a sink", time(sink_send_timeout)),
            ("source_poll_ms", "source's time to receive", time(source_poll)),
            ("max_message_bytes", "largest message", Setting::Size(max_message)),
        ];
        properties
            .map(|(key, title, setting)| Property {
                key,
                title,
                setting,
            })
            .to_vec()
    }
}
