//! Registration of async sources and sinks: the constructor and the runtime.
//!
//! The conversion goes through the constructors of `symbol`, so that an async
//! symbol has the same kinds of constructors and the same properties.

use std::fmt;

use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use super::runtime::Choice;
use super::sink::{self, AsyncSink};
use super::source::{self, AsyncSource};
use crate::symbol::{Always, Fallible};
use crate::{
    Action, BoxError, IntoSink, IntoSource, Result, Sink, SinkSymbol, Source, SourceSymbol, Stream,
    Untyped,
};

/// Makes an async source that can be registered, on the runtime that the SDK
/// starts.
///
/// `make` is what [`IntoSource`] describes: a closure or function without
/// arguments, or a constructor that takes the configuration, but its result
/// implements [`AsyncSource`].
pub fn source<F>(make: F) -> AsyncSourceSymbol<F> {
    AsyncSourceSymbol {
        runtime: Choice::Shared,
        make,
    }
}

/// Makes an async source that can be registered, on a runtime of the plugin's
/// own. See [`source`].
///
/// The runtime must have threads of its own: no thread drives the timers and
/// sockets of a current-thread runtime while `main` is in
/// [`plugin::start`](crate::plugin::start).
pub fn source_on<F>(runtime: Handle, make: F) -> AsyncSourceSymbol<F> {
    AsyncSourceSymbol {
        runtime: Choice::Own(runtime),
        make,
    }
}

/// Makes an async sink that can be registered, on the runtime that the SDK
/// starts.
///
/// `make` is what [`IntoSink`] describes: a closure or function without
/// arguments, or a constructor that takes the configuration, but its result
/// implements [`AsyncSink`].
pub fn sink<F>(make: F) -> AsyncSinkSymbol<F> {
    AsyncSinkSymbol {
        runtime: Choice::Shared,
        make,
    }
}

/// Makes an async sink that can be registered, on a runtime of the plugin's own.
/// See [`sink`] and, for the runtime, [`source_on`].
pub fn sink_on<F>(runtime: Handle, make: F) -> AsyncSinkSymbol<F> {
    AsyncSinkSymbol {
        runtime: Choice::Own(runtime),
        make,
    }
}

/// An async source that can be registered; see [`source`](fn@source).
#[must_use = "a source is registered with `PluginConfig::source`"]
pub struct AsyncSourceSymbol<F> {
    runtime: Choice,
    make: F,
}

impl<F> fmt::Debug for AsyncSourceSymbol<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncSourceSymbol").finish_non_exhaustive()
    }
}

/// What the constructor of an async source returns: an [`AsyncSource`], or the
/// [`Result`] of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async source",
    note = "implement `ekuiper::asynchronous::AsyncSource` for the type that the constructor makes"
)]
pub trait ConstructedAsyncSource<M> {
    /// The source.
    type Source: AsyncSource + 'static;

    /// Converts it to a result.
    fn constructed(self) -> Result<Self::Source>;
}

impl<S: AsyncSource + 'static> ConstructedAsyncSource<Always> for S {
    type Source = S;

    fn constructed(self) -> Result<S> {
        Ok(self)
    }
}

impl<S, E> ConstructedAsyncSource<Fallible> for Result<S, E>
where
    S: AsyncSource + 'static,
    E: Into<BoxError>,
{
    type Source = S;

    fn constructed(self) -> Result<S> {
        self.map_err(Into::into)
    }
}

impl Choice {
    /// Runs a constructor in the context of the runtime.
    fn make_source<R: ConstructedAsyncSource<M>, M>(
        &self,
        make: impl FnOnce() -> R,
    ) -> Result<Box<dyn Source>> {
        let handle = self.handle()?;
        let entered = handle.enter();
        let made = make().constructed()?;
        drop(entered);
        Ok(Box::new(source::Threaded::new(made, handle)))
    }
}

impl<F, S> IntoSource<fn() -> S> for AsyncSourceSymbol<F>
where
    F: FnMut() -> S + Send + 'static,
    S: AsyncSource + 'static,
{
    type Properties = Untyped;

    fn into_source(self) -> SourceSymbol {
        let AsyncSourceSymbol { runtime, mut make } = self;
        SourceSymbol {
            about: None,
            make: Box::new(move |_, _| runtime.make_source(&mut make)),
        }
    }
}

impl<F, C, R, M> IntoSource<fn(C, M) -> R> for AsyncSourceSymbol<F>
where
    F: FnMut(C) -> R + Send + 'static,
    C: DeserializeOwned,
    R: ConstructedAsyncSource<M>,
{
    type Properties = C;

    fn into_source(self) -> SourceSymbol {
        let AsyncSourceSymbol { runtime, mut make } = self;
        let make = move |config: C| runtime.make_source(|| make(config));
        make.into_source()
    }
}

impl<F, C, R, M> IntoSource<fn(C, &Stream, M) -> R> for AsyncSourceSymbol<F>
where
    F: FnMut(C, &Stream) -> R + Send + 'static,
    C: DeserializeOwned,
    R: ConstructedAsyncSource<M>,
{
    type Properties = C;

    fn into_source(self) -> SourceSymbol {
        let AsyncSourceSymbol { runtime, mut make } = self;
        let make = move |config: C, of: &Stream| runtime.make_source(|| make(config, of));
        make.into_source()
    }
}

/// An async sink that can be registered; see [`sink`](fn@sink).
#[must_use = "a sink is registered with `PluginConfig::sink`"]
pub struct AsyncSinkSymbol<F> {
    runtime: Choice,
    make: F,
}

impl<F> fmt::Debug for AsyncSinkSymbol<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncSinkSymbol").finish_non_exhaustive()
    }
}

/// What the constructor of an async sink returns: an [`AsyncSink`], or the
/// [`Result`] of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async sink",
    note = "implement `ekuiper::asynchronous::AsyncSink` for the type that the constructor makes"
)]
pub trait ConstructedAsyncSink<M> {
    /// The sink.
    type Sink: AsyncSink + 'static;

    /// Converts it to a result.
    fn constructed(self) -> Result<Self::Sink>;
}

impl<S: AsyncSink + 'static> ConstructedAsyncSink<Always> for S {
    type Sink = S;

    fn constructed(self) -> Result<S> {
        Ok(self)
    }
}

impl<S, E> ConstructedAsyncSink<Fallible> for Result<S, E>
where
    S: AsyncSink + 'static,
    E: Into<BoxError>,
{
    type Sink = S;

    fn constructed(self) -> Result<S> {
        self.map_err(Into::into)
    }
}

impl Choice {
    /// Runs a constructor in the context of the runtime.
    fn make_sink<R: ConstructedAsyncSink<M>, M>(
        &self,
        make: impl FnOnce() -> R,
    ) -> Result<Box<dyn Sink>> {
        let handle = self.handle()?;
        let entered = handle.enter();
        let made = make().constructed()?;
        drop(entered);
        Ok(Box::new(sink::Threaded::new(made, handle)))
    }
}

impl<F, S> IntoSink<fn() -> S> for AsyncSinkSymbol<F>
where
    F: FnMut() -> S + Send + 'static,
    S: AsyncSink + 'static,
{
    type Properties = Untyped;

    fn into_sink(self) -> SinkSymbol {
        let AsyncSinkSymbol { runtime, mut make } = self;
        SinkSymbol {
            about: None,
            make: Box::new(move |_, _| runtime.make_sink(&mut make)),
        }
    }
}

impl<F, C, R, M> IntoSink<fn(C, M) -> R> for AsyncSinkSymbol<F>
where
    F: FnMut(C) -> R + Send + 'static,
    C: DeserializeOwned,
    R: ConstructedAsyncSink<M>,
{
    type Properties = C;

    fn into_sink(self) -> SinkSymbol {
        let AsyncSinkSymbol { runtime, mut make } = self;
        let make = move |config: C| runtime.make_sink(|| make(config));
        make.into_sink()
    }
}

impl<F, C, R, M> IntoSink<fn(C, &Action, M) -> R> for AsyncSinkSymbol<F>
where
    F: FnMut(C, &Action) -> R + Send + 'static,
    C: DeserializeOwned,
    R: ConstructedAsyncSink<M>,
{
    type Properties = C;

    fn into_sink(self) -> SinkSymbol {
        let AsyncSinkSymbol { runtime, mut make } = self;
        let make = move |config: C, of: &Action| runtime.make_sink(|| make(config, of));
        make.into_sink()
    }
}
