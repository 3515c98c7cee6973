//! A plugin: its name, its symbols, and its process from launch to exit.
//!
//! Rules: [the protocol](crate::reference::protocol), "Launch" and "Control
//! channel".

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ekuiper_sp::{Closer, Options, Req};
use log::{error, info, warn};
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::context::InstanceInfo;
use crate::control::{Dispatcher, Launcher, OrderError};
use crate::describe::{self, About, Describe, DescribedFunction, DescribedSymbol, Description};
use crate::function::plain::IntoAggregate;
use crate::instance::Instance;
use crate::span::Span;
use crate::symbol::{FunctionSymbol, IntoFunction, IntoSink, IntoSource, SinkSymbol, SourceSymbol};
use crate::wire::{Kind, Target};
use crate::{
    Action, BoxError, Stream, channel, function, logger, neighbours, open_files, panics, sink,
    source, wire,
};

/// The name and the symbols of a plugin, to be run by [`start`].
///
/// A source or sink is given as a closure or function that makes a value for each
/// instance: see [`IntoSource`] and [`IntoSink`]. A function is given as
/// [`IntoFunction`] says.
///
/// ```no_run
/// # #[derive(Default)] struct PyJson;
/// # impl ekuiper::Source for PyJson {
/// #     fn configure(&mut self, _: &str, _: &ekuiper::Config) -> ekuiper::Result { Ok(()) }
/// #     fn open(&mut self, _: &ekuiper::SourceContext) -> ekuiper::Result { Ok(()) }
/// # }
/// # struct Revert;
/// # impl ekuiper::Function for Revert {
/// #     fn exec(&mut self, _: ekuiper::Args, _: &ekuiper::FunctionContext) -> ekuiper::Result<ekuiper::Value> { Ok(().into()) }
/// # }
/// use ekuiper::{PluginConfig, plugin};
///
/// fn main() -> std::process::ExitCode {
///     plugin::start(
///         PluginConfig::new("pysam")
///             .source("pyjson", PyJson::default)
///             .function("revert", || Revert),
///     )
/// }
/// ```
#[must_use = "a plugin runs when it is started"]
pub struct PluginConfig {
    name: String,
    sources: HashMap<String, SourceSymbol>,
    sinks: HashMap<String, SinkSymbol>,
    functions: HashMap<String, FunctionSymbol>,
}

impl PluginConfig {
    /// Creates a plugin without symbols. `name` is the name of its directory and
    /// of its `NAME.json`.
    pub fn new(name: impl Into<String>) -> Self {
        PluginConfig {
            name: name.into(),
            sources: HashMap::new(),
            sinks: HashMap::new(),
            functions: HashMap::new(),
        }
    }

    /// Adds a source. `name` is listed under `sources` in the plugin's json.
    ///
    /// # Panics
    ///
    /// If the plugin has another source of that name.
    #[track_caller]
    pub fn source<M>(mut self, name: impl Into<String>, source: impl IntoSource<M>) -> Self {
        let symbol = source.into_source();
        add(&mut self.sources, Kind::Source, name.into(), symbol);
        self
    }

    /// Adds a sink. `name` is listed under `sinks` in the plugin's json.
    ///
    /// # Panics
    ///
    /// If the plugin has another sink of that name.
    #[track_caller]
    pub fn sink<M>(mut self, name: impl Into<String>, sink: impl IntoSink<M>) -> Self {
        let symbol = sink.into_sink();
        add(&mut self.sinks, Kind::Sink, name.into(), symbol);
        self
    }

    /// Adds a function. `name` is listed under `functions` in the plugin's json.
    ///
    /// A plain function is enough. Its arguments are values of any type that
    /// deserializes, and its result is any value that serializes, or a `Result`:
    ///
    /// ```
    /// use ekuiper::PluginConfig;
    ///
    /// fn distance(x1: f64, y1: f64, x2: f64, y2: f64) -> Result<f64, String> {
    ///     let distance = (x2 - x1).hypot(y2 - y1);
    ///     if distance.is_finite() { Ok(distance) } else { Err("too far".into()) }
    /// }
    ///
    /// let plugin = PluginConfig::new("geometry")
    ///     .function("c_to_f", |celsius: f64| celsius * 1.8 + 32.0)
    ///     .function("distance", distance);
    ///
    /// // In a unit test:
    /// # use ekuiper::{serde_json::json, testing};
    /// let mut distance = testing::function(distance);
    /// assert_eq!(distance.exec([json!(0), json!(0), json!(3), json!(4)])?, json!(5.0));
    /// # Ok::<(), testing::Failure>(())
    /// ```
    ///
    /// - `Option<T>` accepts null, which is also the value of a column that the
    ///   row lacks. Any other argument of the wrong type is an error, such as
    ///   `distance: argument 2: expected f64, found string "x"`.
    /// - `Option`s at the end may be left out: `fn clamp(value: f64, low: f64, high:
    ///   Option<f64>)` can be called as `clamp(x, 0)`.
    /// - A rule is refused if a call has another number of arguments than the
    ///   function, or a literal of the wrong type.
    /// - A result that is not a finite number, such as `f64::NAN`, becomes null. Only
    ///   the outermost `Result` can fail a call.
    /// - An optional last argument `&FunctionContext` has the ids of the call, and
    ///   [state](crate::FunctionContext::with_state).
    /// - A type that implements [`Function`](crate::Function) is given as a
    ///   closure that makes it: `|| Revert`.
    ///
    /// # Panics
    ///
    /// If the plugin has another function of that name.
    #[track_caller]
    pub fn function<M>(mut self, name: impl Into<String>, function: impl IntoFunction<M>) -> Self {
        let symbol = function.into_function();
        add(&mut self.functions, Kind::Function, name.into(), symbol);
        self
    }

    /// Adds an aggregate: a function of the columns of a window. `name` is listed
    /// under `functions` in the plugin's json.
    ///
    /// Each argument is a `Vec` with one value for each row, which is empty if the
    /// window is empty. A row that lacks the column has null, which an `Option`
    /// accepts. A literal in the SQL is repeated for each row.
    ///
    /// Source: [the protocol](crate::reference::protocol), section 7; eKuiper 2.4.0
    /// internal/xsql/collection.go, `AggregateEval`.
    ///
    /// ```
    /// use ekuiper::PluginConfig;
    ///
    /// /// The median of the numbers; null if there are none.
    /// fn middle(column: Vec<Option<f64>>) -> Option<f64> {
    ///     let mut numbers: Vec<f64> = column.into_iter().flatten().collect();
    ///     numbers.sort_by(f64::total_cmp);
    ///     let upper = *numbers.get(numbers.len() / 2)?;
    ///     let lower = numbers[(numbers.len() - 1) / 2];
    ///     Some((lower + upper) / 2.0)
    /// }
    ///
    /// let plugin = PluginConfig::new("statistics").aggregate("middle", middle);
    ///
    /// // In a unit test:
    /// # use ekuiper::{serde_json::json, testing};
    /// let mut middle = testing::aggregate(middle);
    /// assert_eq!(middle.exec([json!([7, null, 1, 3])])?, json!(3.0));
    /// assert_eq!(middle.exec([json!([])])?, json!(null));
    /// # Ok::<(), testing::Failure>(())
    /// ```
    ///
    /// The name must not be one of eKuiper's own functions, such as `median`: eKuiper
    /// then calls its own. `mock-kuiper check` warns of such a name.
    ///
    /// A type that implements [`Function`](crate::Function) is an aggregate if its
    /// `is_aggregate` says so, and is added with [`function`](Self::function).
    ///
    /// # Panics
    ///
    /// If the plugin has another function of that name.
    #[track_caller]
    pub fn aggregate<M>(
        mut self,
        name: impl Into<String>,
        aggregate: impl IntoAggregate<M>,
    ) -> Self {
        let symbol = aggregate.into_aggregate();
        add(&mut self.functions, Kind::Function, name.into(), symbol);
        self
    }

    /// Describes the plugin. The functions are made for it.
    fn description(self) -> Description {
        // Types of the plugin make their schemas and their defaults.
        let about = |describe: Option<Describe>| {
            let about = describe.map_or(Ok(About::default()), panics::catch);
            match about {
                Ok(about) => (about, None),
                Err(panic) => (About::default(), Some(panic)),
            }
        };
        let symbol = |name, describe| {
            let (about, error) = about(describe);
            DescribedSymbol { name, error, about }
        };
        let functions = self.functions.into_iter().map(|(name, mut function)| {
            let aggregate = panics::catch(|| (function.make)(&name).is_aggregate());
            let (about, error) = about(function.about);
            DescribedFunction {
                name,
                aggregate: aggregate.as_ref().ok().copied(),
                error: aggregate.err().or(error),
                about,
            }
        });
        let sources = self.sources.into_iter();
        let sinks = self.sinks.into_iter();
        Description::new(
            &self.name,
            sources.map(|(name, it)| symbol(name, it.about)).collect(),
            sinks.map(|(name, it)| symbol(name, it.about)).collect(),
            functions.collect(),
        )
    }
}

#[track_caller]
fn add<T>(symbols: &mut HashMap<String, T>, kind: Kind, name: String, symbol: T) {
    assert!(
        !symbols.contains_key(&name),
        "the plugin has two {kind}s named `{name}`"
    );
    symbols.insert(name, symbol);
}

impl fmt::Debug for PluginConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginConfig")
            .field("name", &self.name)
            .field("sources", &self.sources.keys())
            .field("sinks", &self.sinks.keys())
            .field("functions", &self.functions.keys())
            .finish()
    }
}

impl Launcher for PluginConfig {
    fn start(&mut self, target: &Target) -> Result<Box<dyn Instance>, OrderError> {
        let (kind, symbol) = (target.kind, target.symbol.as_str());
        let info = InstanceInfo::new(symbol, target.identity.clone());
        let identity = (kind != Kind::Function).then_some(&target.identity);
        let started = Span::instance(kind, symbol, identity).within(|| match kind {
            Kind::Source => self.sources.get_mut(symbol).map(|source| {
                let stream = Stream::new(&target.datasource, Arc::clone(&info));
                let made = panics::attempt(|| source.configured(&target.config, &stream))?;
                panics::attempt(|| source::start(made, info).map_err(open_files::explain))
            }),
            Kind::Sink => self.sinks.get_mut(symbol).map(|sink| {
                let action = Action::new(Arc::clone(&info));
                let made = panics::attempt(|| sink.configured(&target.config, &action))?;
                panics::attempt(|| sink::run::start(made, info).map_err(open_files::explain))
            }),
            Kind::Function => self.functions.get_mut(symbol).map(|function| {
                let made = panics::catch(|| (function.make)(symbol))?;
                panics::attempt(|| function::start(made, target).map_err(open_files::explain))
            }),
        });
        let symbol = symbol.to_owned();
        match started {
            None => Err(OrderError::UnknownSymbol { kind, symbol }),
            Some(outcome) => outcome.map_err(|cause| OrderError::Refused {
                kind,
                symbol,
                cause,
            }),
        }
    }
}

/// How long the host's control address may be unreachable.
const REACH: Duration = Duration::from_secs(30);

/// How long the process may take to stop its instances after a signal.
const LEAVE: Duration = Duration::from_millis(1800);

/// Runs the plugin until the host ends it. Returns the exit status for `main`.
///
/// It dials the host and carries out its orders. If the process has no logger
/// yet, it installs one that writes to stderr; the variable `RUST_LOG` selects
/// what is shown, `info` by default.
///
/// It raises the soft limit of open files of the process to the hard limit. An
/// instance needs up to nine of them.
///
/// A host passes one argument, `{"sendTimeout":1000}`. It is optional, so that a
/// plugin can be run by hand, and its content is ignored.
///
/// With the argument `--describe` alone it prints the plugin's name and its symbols
/// to stdout, as JSON, and returns. It dials no host, and it makes no source and no
/// sink. A function is made to find out whether it is an aggregate. `mock-kuiper`
/// compares the result with the files of the plugin;
/// [this page](crate::reference::configuration) describes the format.
///
/// # Exit status
///
/// - 0 after `--describe`, and after SIGTERM or SIGINT. After a signal all
///   instances are stopped, and the process has exited within 2 s, even if the
///   plugin's code does not return.
/// - 1 if the host's control address was unreachable for 30 s.
/// - 2 if the argument is not a JSON object, or if there are several arguments.
///
/// A line on stderr gives the reason for status 1 and 2.
pub fn start(plugin: PluginConfig) -> ExitCode {
    if std::env::args_os().skip(1).eq([describe::ARGUMENT]) {
        return describe(plugin);
    }
    if let Err(error) = check_arguments(std::env::args_os().skip(1)) {
        logger::print(&format!("plugin `{}`: {error}", plugin.name));
        return ExitCode::from(2);
    }
    logger::install();
    open_files::raise_limit();
    match run(plugin) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logger::print(&error);
            ExitCode::from(1)
        }
    }
}

/// Prints the plugin's description.
fn describe(plugin: PluginConfig) -> ExitCode {
    let name = plugin.name.clone();
    match plugin.description().print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logger::print(&format!("plugin `{name}`: cannot write to stdout: {error}"));
            ExitCode::from(1)
        }
    }
}

/// Serves the control channel until a signal comes. The error is a complete line
/// for stderr.
fn run(plugin: PluginConfig) -> Result<(), String> {
    let name = plugin.name.clone();
    if let Some(text) = neighbours::missing_json(&name) {
        warn!("{text}");
    }
    let url = wire::control_url(&name);
    let failed = |error: ekuiper_sp::Error| {
        let error = crate::error::chain(&error);
        format!(
            "plugin `{name}`: no connection to a host: {error}; launch the plugin with eKuiper or `mock-kuiper run`"
        )
    };
    let mut req = Req::dial(&url, Options::default()).map_err(failed)?;
    leave_at_a_signal(req.closer())
        .map_err(|error| format!("plugin `{name}`: cannot wait for signals: {error}"))?;
    info!("plugin `{name}` dials {url}");
    let mut dispatcher = Dispatcher::new(plugin);
    let served = channel::serve(&mut req, Some(REACH), |order, answer| {
        *answer = dispatcher.answer(order);
    });
    dispatcher.stop_all();
    served.map_err(failed)
}

/// Checks the launch arguments: one JSON object, or none.
fn check_arguments(mut arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let Some(argument) = arguments.next() else {
        return Ok(());
    };
    if let Some(more) = arguments.next() {
        return Err(format!(
            "unexpected argument {more:?}: pass at most one, a JSON object"
        ));
    }
    let object = argument
        .to_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
        .is_some_and(|value| value.is_object());
    if object {
        Ok(())
    } else {
        Err(format!(
            "argument {argument:?} is not a JSON object: pass one such as {{\"sendTimeout\":1000}}, or no argument"
        ))
    }
}

/// Starts the thread that waits for SIGTERM and SIGINT.
///
/// After a signal it closes the control channel, which ends [`run`]. If the
/// process still runs after [`LEAVE`], the thread exits it.
fn leave_at_a_signal(control: Closer) -> Result<(), BoxError> {
    let (mut read, write) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
    }
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if read.read_exact(&mut [0]).is_ok() {
                info!("received a signal: stopping all instances");
                control.close();
                thread::sleep(LEAVE);
                error!("an instance did not stop in time: exiting without it");
                std::process::exit(0);
            }
        })?;
    Ok(())
}

#[cfg(test)]
mod tests;
