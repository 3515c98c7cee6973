//! The fields in which eKuiper releases differ.

use std::time::Duration;

/// How one eKuiper release behaves towards its plugins.
///
/// Source: protocol.md section 9 unless a field names another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// The release without its patch level, for example `2.4`.
    pub name: &'static str,
    /// Where a source's start order has the stream's DATASOURCE.
    pub datasource: Datasource,
    /// Which stream options are merged into a source's `config`.
    pub stream_options: StreamOptionSet,
    /// How the keys of a source's yaml are sent.
    ///
    /// Source: protocol.md section 5.
    pub yaml_keys: YamlKeys,
    /// Whether a function's start order has a `meta`.
    pub function_meta: FunctionMeta,
    /// Whether a column in `Validate` has `HasIndex`, `SourceIndex` and `Index`.
    pub column_index: bool,
    /// Whether a nested call in `Validate` has `CacheIndex`.
    ///
    /// Recorded for 1.14 (no) and 2.4 (yes). The change is assumed to have come
    /// with that of `column_index`.
    pub call_cache_index: bool,
    /// What the host does with a sink's ack channel.
    pub ack: AckChannel,
    /// Whether stopping a sink closes its ack channel. If not, the sink cannot
    /// be started again under the same rule.
    ///
    /// Source: protocol.md section 5.
    pub ack_closes: bool,
    /// Whether the host recognizes a greeting that comes instead of an order's
    /// answer. If not, it takes the greeting for the text of a refusal.
    pub regreet_on_control: bool,
    /// Whether the host recognizes a greeting that comes instead of a function's
    /// answer.
    pub regreet_on_functions: bool,
    /// Whether the host waits for a greeting on a function's channel before its
    /// first request.
    pub wait_function_greeting: bool,
    /// Whether the host sends the start orders of the old process again to a new
    /// one.
    pub replay: bool,
    /// How long the plugin's process lives.
    pub process_life: ProcessLife,
    /// The working directory of the plugin's process.
    pub working_directory: WorkingDirectory,
    /// Whether the Python interpreter is run with `-u`.
    pub python_unbuffered: bool,
    /// How long a new process has for its greeting, counted from its launch, as
    /// eKuiper is shipped.
    pub init_timeout: Duration,
    /// How long a function has for its answer to a request.
    pub function_timeout: Duration,
    /// How long sending a row to a sink may take.
    pub sink_send_timeout: Duration,
    /// How long one receive on a source's channel lasts before the host checks
    /// whether the source was stopped.
    pub source_poll: Duration,
    /// The size in bytes of the largest message that the host receives; `None`
    /// for no limit.
    pub max_message: Option<u64>,
}

/// Where a source's start order has the stream's DATASOURCE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Datasource {
    /// In `dataSource`, beside `config`. It is left out when empty.
    Beside,
    /// In `config.datasource`, as one of the stream options.
    InConfig,
}

/// The stream options that are merged into a source's `config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamOptionSet {
    /// `delimiter`, `format` and `key`.
    Three,
    /// `datasource`, `delimiter`, `format`, `key`, `retainSize`, `schemaId`,
    /// `strictValidation`, `timestamp` and `timestampFormat`.
    Nine,
}

/// How the keys of a source's yaml are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum YamlKeys {
    /// As they are written.
    AsWritten,
    /// In lower case, except those that `sources/NAME.json` lists. Without a json
    /// that can be read for its names, the whole yaml is ignored.
    LowerCase,
}

/// The `meta` of a function's start order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FunctionMeta {
    /// The order has no `meta`.
    Absent,
    /// `meta` has empty names and instance 0.
    Zeros,
}

/// What the host does with a sink's ack channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckChannel {
    /// The host does not listen.
    Absent,
    /// The host listens and never reads.
    Unread,
    /// The host listens, and reads one ack for each row of a sink that has
    /// `requireAck`.
    Read,
}

/// How long a plugin's process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessLife {
    /// From the first rule that needs it until a second after its last symbol
    /// was stopped.
    Rules,
    /// As long as the host.
    Host,
}

/// The working directory of a plugin's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkingDirectory {
    /// The host's own working directory.
    Host,
    /// The directory of the executable.
    Executable,
}
