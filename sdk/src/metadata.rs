//! Descriptions of symbols for eKuiper's user interface, made from types.
//!
//! A source or sink that is constructed from a typed configuration is wrapped when it is
//! registered. Its configuration implements [`JsonSchema`]:
//!
//! ```no_run
//! use ekuiper::metadata::{self, JsonSchema, schemars};
//! # use ekuiper::{PluginConfig, Source, SourceContext, Stream};
//! # struct Weather;
//! # impl Source for Weather {
//! #     fn open(&mut self, _: &SourceContext) -> ekuiper::Result { Ok(()) }
//! # }
//! # impl Weather {
//! #     fn new(_: WeatherConfig, _: &Stream) -> ekuiper::Result<Self> { Ok(Weather) }
//! # }
//!
//! /// Polls a weather station.
//! #[derive(serde::Deserialize, JsonSchema)]
//! #[serde(default)]
//! struct WeatherConfig {
//!     /// The address of the station.
//!     #[schemars(extend("label" = "Address", "zh_CN" = "站点地址"))]
//!     url: String,
//! }
//! # impl Default for WeatherConfig {
//! #     fn default() -> Self { WeatherConfig { url: String::new() } }
//! # }
//!
//! let plugin = PluginConfig::new("weather")
//!     .source("weather", metadata::source(Weather::new).label("Weather station"));
//! ```
//!
//! The plugin then describes each property, and `mock-kuiper check` writes
//! `sources/weather.json` and `sources/weather.yaml` from that.
//!
//! | in the type | in the user interface |
//! |---|---|
//! | the doc comment of a field | the hint of the property |
//! | the doc comment of the struct | the description of the symbol |
//! | `Default` of the struct, `#[serde(default = …)]` | the default, if the type of the field implements `Serialize` |
//! | `Option`, a default | an optional property |
//! | `bool` | a radio button |
//! | an enum without fields | a selection |
//! | a struct, a map with a default | a list with an element for each field or key |
//! | a `Vec`, another map | a list |
//! | a number, a string, [`duration`](crate::duration), [`size`](crate::size), [`Secret`](crate::Secret) | a text field |
//!
//! Properties that are required come first, the others are sorted by name. The default
//! of a secret is left out, at any depth: of a [`Secret`](crate::Secret), of a field with
//! `#[schemars(extend("format" = "password"))]`, and of a property whose name says that
//! it is one, as [`Config`](crate::Config) hides it.
//!
//! `#[schemars(extend("zh_CN" = "…"))]` on a field or struct is the hint or description
//! in Chinese. `"label"` and `"label_zh_CN"` are the label of a field, and `"control"` is
//! another control, such as `textarea`.
//!
//! Source: eKuiper 2.4.0, internal/meta/sinkMeta.go (the type `fileField`) and
//! etc/sources/*.json.

mod properties;
#[cfg(test)]
mod tests;

pub use schemars::{self, JsonSchema};

use serde_json::{Map, Value};

use crate::describe::{About, Argument, Texts};
use crate::symbol::{FunctionSymbol, IntoFunction, IntoSink, IntoSource, SinkSymbol, SourceSymbol};
use crate::{IntoAggregate, Untyped};

/// A symbol with a description. It is registered like the symbol itself.
#[must_use = "a symbol is registered with `PluginConfig`"]
#[derive(Debug)]
pub struct Described<S> {
    symbol: S,
    about: fn() -> About,
    label: Texts,
    description: Texts,
    arguments: Option<Vec<Argument>>,
    sections: Map<String, Value>,
}

/// Describes a source by the type of its configuration.
pub fn source<M, F>(source: F) -> Described<SourceSymbol>
where
    F: IntoSource<M>,
    F::Properties: JsonSchema,
{
    Described::new(source.into_source(), properties::of::<F::Properties>)
}

/// Describes a sink by the type of its configuration.
pub fn sink<M, F>(sink: F) -> Described<SinkSymbol>
where
    F: IntoSink<M>,
    F::Properties: JsonSchema,
{
    Described::new(sink.into_sink(), properties::of::<F::Properties>)
}

/// Describes a function.
pub fn function<M>(function: impl IntoFunction<M>) -> Described<FunctionSymbol> {
    Described::new(function.into_function(), About::default)
}

/// Describes an aggregate. It is registered with
/// [`PluginConfig::function`](crate::PluginConfig::function).
pub fn aggregate<M>(aggregate: impl IntoAggregate<M>) -> Described<FunctionSymbol> {
    Described::new(aggregate.into_aggregate(), About::default)
}

impl<S> Described<S> {
    fn new(symbol: S, about: fn() -> About) -> Self {
        Described {
            symbol,
            about,
            label: Texts::default(),
            description: Texts::default(),
            arguments: None,
            sections: Map::new(),
        }
    }

    /// Sets the name that the user interface shows.
    pub fn label(mut self, english: impl Into<String>) -> Self {
        self.label.en_us = Some(english.into());
        self
    }

    /// Sets the name that the user interface shows in Chinese.
    pub fn label_zh_cn(mut self, chinese: impl Into<String>) -> Self {
        self.label.zh_cn = Some(chinese.into());
        self
    }

    /// Sets the description, instead of the doc comment of the configuration's type.
    pub fn description(mut self, english: impl Into<String>) -> Self {
        self.description.en_us = Some(english.into());
        self
    }

    /// Sets the description in Chinese.
    pub fn description_zh_cn(mut self, chinese: impl Into<String>) -> Self {
        self.description.zh_cn = Some(chinese.into());
        self
    }

    /// Splits it into the symbol and what makes its description.
    fn parts(self) -> (S, impl FnOnce() -> About + Send) {
        let (about, label) = (self.about, self.label);
        let (description, arguments) = (self.description, self.arguments);
        let sections = self.sections;
        let about = move || {
            let mut about = about();
            overlay(&mut about.label, label);
            overlay(&mut about.description, description);
            about.args = arguments.or(about.args);
            about.sections = sections;
            about
        };
        (self.symbol, about)
    }
}

impl Described<SourceSymbol> {
    /// Adds a section to the yaml of the source, which a stream selects with `CONF_KEY`.
    /// Properties that it does not have are those of the defaults.
    ///
    /// ```
    /// # use ekuiper::{Source, SourceContext, metadata, serde_json::json};
    /// # struct Weather;
    /// # impl Source for Weather {
    /// #     fn open(&mut self, _: &SourceContext) -> ekuiper::Result { Ok(()) }
    /// # }
    /// # #[derive(serde::Deserialize, metadata::JsonSchema)]
    /// # #[schemars(crate = "ekuiper::metadata::schemars")]
    /// # struct WeatherConfig { period: u64 }
    /// # let new = |_: WeatherConfig| Weather;
    /// let source = metadata::source(new).section("fast", json!({"period": 10}));
    /// ```
    ///
    /// # Panics
    ///
    /// If the name is `default`, which is the section of the defaults, or if the properties
    /// are not an object.
    #[track_caller]
    pub fn section(mut self, name: impl Into<String>, properties: Value) -> Self {
        let name = name.into();
        assert!(
            name != "default",
            "the section `default` is made from the defaults of the type: name this one otherwise"
        );
        assert!(
            properties.is_object(),
            "the properties of the section `{name}` must be an object, such as `json!({{\"period\": 10}})`"
        );
        self.sections.insert(name, properties);
        self
    }
}

/// Replaces the texts that are given.
fn overlay(texts: &mut Texts, given: Texts) {
    texts.en_us = given.en_us.or(texts.en_us.take());
    texts.zh_cn = given.zh_cn.or(texts.zh_cn.take());
}

impl Described<FunctionSymbol> {
    /// Adds an argument: its name, its type in the user interface, such as `float` or
    /// `any`, and a hint.
    pub fn argument(
        mut self,
        name: impl Into<String>,
        kind: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let argument = Argument::new(name.into(), kind.into(), Some(hint.into()));
        self.arguments.get_or_insert_default().push(argument);
        self
    }
}

impl IntoSource<Described<SourceSymbol>> for Described<SourceSymbol> {
    type Properties = Untyped;

    fn into_source(self) -> SourceSymbol {
        let (mut symbol, about) = self.parts();
        symbol.about = Some(Box::new(about));
        symbol
    }
}

impl IntoSink<Described<SinkSymbol>> for Described<SinkSymbol> {
    type Properties = Untyped;

    fn into_sink(self) -> SinkSymbol {
        let (mut symbol, about) = self.parts();
        symbol.about = Some(Box::new(about));
        symbol
    }
}

impl IntoFunction<Described<FunctionSymbol>> for Described<FunctionSymbol> {
    fn into_function(self) -> FunctionSymbol {
        let (mut symbol, about) = self.parts();
        let of_types = symbol.about.take();
        symbol.about = Some(Box::new(move || {
            let mut about = about();
            let arguments = of_types.and_then(|about| about().args).unwrap_or_default();
            for (argument, of_type) in about.args.iter_mut().flatten().zip(arguments) {
                argument.optional = of_type.optional;
            }
            about
        }));
        symbol
    }
}
