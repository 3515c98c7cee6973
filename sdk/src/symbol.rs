//! What a plugin registers under a name: anything that makes a source, a sink or
//! a function.
//!
//! The traits are implemented for closures and functions, and have a type
//! parameter that says how: without it the implementations would overlap. It is
//! inferred.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::config::Owner;
use crate::context::{InstanceInfo, instance_methods};
use crate::describe::Describe;
use crate::{BoxError, Config, Function, Result, Sink, Source};

/// The stream whose source is constructed: its datasource and its ids.
#[derive(Clone)]
pub struct Stream {
    datasource: String,
    info: Arc<InstanceInfo>,
}

impl Stream {
    pub(crate) fn new(datasource: &str, info: Arc<InstanceInfo>) -> Self {
        Stream {
            datasource: datasource.to_owned(),
            info,
        }
    }

    fn info(&self) -> &InstanceInfo {
        &self.info
    }

    /// Returns the stream's `DATASOURCE`, which is empty if it has none.
    ///
    /// The SDK finds it on every release, although releases send it in different
    /// places.
    ///
    /// Source: [the protocol](crate::reference::protocol), section 5.
    pub fn datasource(&self) -> &str {
        &self.datasource
    }

    instance_methods!();
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info.show(f, "Stream")
    }
}

/// The action of a rule whose sink is constructed: its ids.
#[derive(Clone)]
pub struct Action {
    info: Arc<InstanceInfo>,
}

impl Action {
    pub(crate) fn new(info: Arc<InstanceInfo>) -> Self {
        Action { info }
    }

    fn info(&self) -> &InstanceInfo {
        &self.info
    }

    instance_methods!();
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info.show(f, "Action")
    }
}

/// Makes a source from the properties and the stream of an instance.
pub(crate) type MakeSource = Box<dyn FnMut(&Config, &Stream) -> Result<Box<dyn Source>> + Send>;

/// Makes a sink from the properties and the action of an instance.
pub(crate) type MakeSink = Box<dyn FnMut(&Config, &Action) -> Result<Box<dyn Sink>> + Send>;

/// Makes a function of the given name.
pub(crate) type MakeFunction = Box<dyn FnMut(&str) -> Box<dyn Function> + Send>;

/// A source that can be registered.
#[must_use = "a source is registered with `PluginConfig::source`"]
pub struct SourceSymbol {
    pub(crate) make: MakeSource,
    /// Makes its description, if it has one.
    pub(crate) about: Option<Describe>,
}

impl SourceSymbol {
    /// Makes a source and configures it. Then warns of properties that it has
    /// not taken.
    pub(crate) fn configured(
        &mut self,
        config: &Config,
        stream: &Stream,
    ) -> Result<Box<dyn Source>> {
        let mut source = (self.make)(config, stream)?;
        source.configure(stream.datasource(), config)?;
        config.warn_of_oddities(Owner::Source, stream.logger());
        Ok(source)
    }
}

/// A sink that can be registered.
#[must_use = "a sink is registered with `PluginConfig::sink`"]
pub struct SinkSymbol {
    pub(crate) make: MakeSink,
    /// Makes its description, if it has one.
    pub(crate) about: Option<Describe>,
}

impl SinkSymbol {
    /// Makes a sink and configures it. Then warns of properties that it has not
    /// taken.
    pub(crate) fn configured(&mut self, config: &Config, action: &Action) -> Result<Box<dyn Sink>> {
        let mut sink = (self.make)(config, action)?;
        sink.configure(config)?;
        config.warn_of_oddities(Owner::Sink, action.logger());
        Ok(sink)
    }
}

/// A function that can be registered.
#[must_use = "a function is registered with `PluginConfig::function`"]
pub struct FunctionSymbol {
    pub(crate) make: MakeFunction,
    /// Makes its description, if it has one.
    pub(crate) about: Option<Describe>,
}

/// The properties of a symbol that reads its [`Config`] itself.
#[derive(Debug)]
pub enum Untyped {}

/// What makes a source:
///
/// - a closure or function without arguments, such as `Weather::default`. The
///   value is then configured with [`Source::configure`];
/// - a constructor that takes the configuration as a type of the plugin:
///   `fn(WeatherConfig) -> Result<Weather, E>`,
///   `fn(WeatherConfig, &Stream) -> Result<Weather, E>`, or the same with
///   `Weather` as result.
///
/// It is called once for each instance.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make a source",
    note = "pass `MySource::default`, or a function `fn(MyConfig, &Stream) -> ekuiper::Result<MySource>` where `MyConfig` implements `DeserializeOwned` and `MySource` implements `Source`",
    note = "for an async source, pass `ekuiper::asynchronous::source(MySource::new)`"
)]
pub trait IntoSource<M> {
    /// The type of the configuration; [`Untyped`] if the source reads it itself.
    type Properties;

    /// Converts it to what [`PluginConfig::source`](crate::PluginConfig::source)
    /// registers.
    fn into_source(self) -> SourceSymbol;
}

/// What makes a sink:
///
/// - a closure or function without arguments, such as `Print::default`. The
///   value is then configured with [`Sink::configure`];
/// - a constructor that takes the configuration as a type of the plugin:
///   `fn(PrintConfig) -> Result<Print, E>`,
///   `fn(PrintConfig, &Action) -> Result<Print, E>`, or the same with `Print` as
///   result.
///
/// It is called once for each instance.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make a sink",
    note = "pass `MySink::default`, or a function `fn(MyConfig, &Action) -> ekuiper::Result<MySink>` where `MyConfig` implements `DeserializeOwned` and `MySink` implements `Sink`",
    note = "for an async sink, pass `ekuiper::asynchronous::sink(MySink::new)`"
)]
pub trait IntoSink<M> {
    /// The type of the configuration; [`Untyped`] if the sink reads it itself.
    type Properties;

    /// Converts it to what [`PluginConfig::sink`](crate::PluginConfig::sink)
    /// registers.
    fn into_sink(self) -> SinkSymbol;
}

/// What makes a function:
///
/// - a plain function or closure of up to eight arguments that implement
///   [`DeserializeOwned`]. It may have a last argument
///   [`&FunctionContext`](crate::FunctionContext), and returns a value that
///   implements `Serialize`, or the `Result` of one;
/// - a closure without arguments that returns a [`Function`]. It is called at the first
///   start, and at a later one if the function has ended.
///
/// See [`PluginConfig::function`](crate::PluginConfig::function).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make a function",
    note = "pass a function of at most eight arguments that implement `DeserializeOwned` and are not borrowed (`String`, not `&str`); declare the types of a closure's arguments, and put `&FunctionContext` last",
    note = "its result implements `Serialize`, or is a `Result` of one whose error is a `String`, implements `std::error::Error`, or is a `BoxError`",
    note = "or pass a closure `|| MyFunction` where `MyFunction` implements `Function`"
)]
pub trait IntoFunction<M> {
    /// Converts it to what
    /// [`PluginConfig::function`](crate::PluginConfig::function) registers.
    fn into_function(self) -> FunctionSymbol;
}

/// What the constructor of a source returns: a source, or the [`Result`] of one.
pub trait ConstructedSource<M> {
    /// Converts it to a result.
    fn constructed(self) -> Result<Box<dyn Source>>;
}

/// What the constructor of a sink returns: a sink, or the [`Result`] of one.
pub trait ConstructedSink<M> {
    /// Converts it to a result.
    fn constructed(self) -> Result<Box<dyn Sink>>;
}

/// Marks a constructor that returns a value.
#[derive(Debug)]
pub enum Always {}

/// Marks a constructor that may fail.
#[derive(Debug)]
pub enum Fallible {}

impl<S: Source + 'static> ConstructedSource<Always> for S {
    fn constructed(self) -> Result<Box<dyn Source>> {
        Ok(Box::new(self))
    }
}

impl<S: Source + 'static, E: Into<BoxError>> ConstructedSource<Fallible> for Result<S, E> {
    fn constructed(self) -> Result<Box<dyn Source>> {
        match self {
            Ok(symbol) => Ok(Box::new(symbol)),
            Err(error) => Err(error.into()),
        }
    }
}

impl<S: Sink + 'static> ConstructedSink<Always> for S {
    fn constructed(self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self))
    }
}

impl<S: Sink + 'static, E: Into<BoxError>> ConstructedSink<Fallible> for Result<S, E> {
    fn constructed(self) -> Result<Box<dyn Sink>> {
        match self {
            Ok(symbol) => Ok(Box::new(symbol)),
            Err(error) => Err(error.into()),
        }
    }
}

impl IntoSource<SourceSymbol> for SourceSymbol {
    type Properties = Untyped;

    fn into_source(self) -> SourceSymbol {
        self
    }
}

impl<F, S> IntoSource<fn() -> S> for F
where
    F: FnMut() -> S + Send + 'static,
    S: Source + 'static,
{
    type Properties = Untyped;

    fn into_source(mut self) -> SourceSymbol {
        SourceSymbol {
            about: None,
            make: Box::new(move |_, _| Ok(Box::new(self()))),
        }
    }
}

impl<F, C, R, M> IntoSource<fn(C, M) -> R> for F
where
    F: FnMut(C) -> R + Send + 'static,
    C: DeserializeOwned,
    R: ConstructedSource<M>,
{
    type Properties = C;

    fn into_source(mut self) -> SourceSymbol {
        SourceSymbol {
            about: None,
            make: Box::new(move |config, _| self(config.parse()?).constructed()),
        }
    }
}

impl<F, C, R, M> IntoSource<fn(C, &Stream, M) -> R> for F
where
    F: FnMut(C, &Stream) -> R + Send + 'static,
    C: DeserializeOwned,
    R: ConstructedSource<M>,
{
    type Properties = C;

    fn into_source(mut self) -> SourceSymbol {
        SourceSymbol {
            about: None,
            make: Box::new(move |config, stream| self(config.parse()?, stream).constructed()),
        }
    }
}

impl IntoSink<SinkSymbol> for SinkSymbol {
    type Properties = Untyped;

    fn into_sink(self) -> SinkSymbol {
        self
    }
}

impl<F, S> IntoSink<fn() -> S> for F
where
    F: FnMut() -> S + Send + 'static,
    S: Sink + 'static,
{
    type Properties = Untyped;

    fn into_sink(mut self) -> SinkSymbol {
        SinkSymbol {
            about: None,
            make: Box::new(move |_, _| Ok(Box::new(self()))),
        }
    }
}

impl<F, C, R, M> IntoSink<fn(C, M) -> R> for F
where
    F: FnMut(C) -> R + Send + 'static,
    C: DeserializeOwned,
    R: ConstructedSink<M>,
{
    type Properties = C;

    fn into_sink(mut self) -> SinkSymbol {
        SinkSymbol {
            about: None,
            make: Box::new(move |config, _| self(config.parse()?).constructed()),
        }
    }
}

impl<F, C, R, M> IntoSink<fn(C, &Action, M) -> R> for F
where
    F: FnMut(C, &Action) -> R + Send + 'static,
    C: DeserializeOwned,
    R: ConstructedSink<M>,
{
    type Properties = C;

    fn into_sink(mut self) -> SinkSymbol {
        SinkSymbol {
            about: None,
            make: Box::new(move |config, action| self(config.parse()?, action).constructed()),
        }
    }
}

impl IntoFunction<FunctionSymbol> for FunctionSymbol {
    fn into_function(self) -> FunctionSymbol {
        self
    }
}

impl<F, T> IntoFunction<fn() -> T> for F
where
    F: FnMut() -> T + Send + 'static,
    T: Function + 'static,
{
    fn into_function(mut self) -> FunctionSymbol {
        FunctionSymbol {
            about: None,
            make: Box::new(move |_name| Box::new(self())),
        }
    }
}

impl fmt::Debug for SourceSymbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceSymbol").finish_non_exhaustive()
    }
}

impl fmt::Debug for SinkSymbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkSymbol").finish_non_exhaustive()
    }
}

impl fmt::Debug for FunctionSymbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionSymbol").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
