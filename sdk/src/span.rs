//! Spans of the crate `tracing` around the plugin's code. Without the feature
//! `tracing` a [`Span`] is empty and costs nothing.
//!
//! A thread of an instance inherits the span in which it is started, see
//! `instance::Worker`.

#[cfg(feature = "tracing")]
pub(crate) use with_tracing::Span;
#[cfg(not(feature = "tracing"))]
pub(crate) use without::Span;

#[cfg(feature = "tracing")]
mod with_tracing {
    use tracing::{Level, info_span, span_enabled};

    use crate::context::Identity;
    use crate::wire::Kind;

    /// The target of all spans, for filters.
    const TARGET: &str = "ekuiper::span";

    /// A span, or none if no subscriber wants it.
    #[derive(Clone, Debug)]
    pub(crate) struct Span(tracing::Span);

    impl Span {
        /// Creates a span, if a subscriber wants it. Without a subscriber, the
        /// macro alone would pass each span to `log`.
        fn if_wanted(create: impl FnOnce() -> tracing::Span) -> Self {
            match span_enabled!(target: TARGET, Level::INFO) {
                true => Span(create()),
                false => Span(tracing::Span::none()),
            }
        }

        /// Returns the span of an instance: of a source or sink with its
        /// `identity`, or of a function, which all rules share.
        pub(crate) fn instance(kind: Kind, symbol: &str, identity: Option<&Identity>) -> Self {
            Self::if_wanted(|| {
                info_span!(
                    target: TARGET,
                    "instance",
                    %kind,
                    symbol,
                    rule = identity.map(|identity| identity.rule_id.as_str()),
                    op = identity.map(|identity| identity.op_id.as_str()),
                    instance = identity.map(|identity| identity.instance_id),
                )
            })
        }

        /// Returns the span of one call of a sink's `collect`.
        pub(crate) fn collect(symbol: &str, identity: &Identity) -> Self {
            Self::if_wanted(|| {
                info_span!(
                    target: TARGET,
                    "collect",
                    symbol,
                    rule = identity.rule_id,
                    op = identity.op_id,
                    instance = identity.instance_id,
                )
            })
        }

        /// Returns the span of one call of a sink's `flush`.
        pub(crate) fn flush(symbol: &str, identity: &Identity) -> Self {
            Self::if_wanted(|| {
                info_span!(
                    target: TARGET,
                    "flush",
                    symbol,
                    rule = identity.rule_id,
                    op = identity.op_id,
                    instance = identity.instance_id,
                )
            })
        }

        /// Returns the span of one call of a function's `exec`.
        pub(crate) fn exec(symbol: &str, identity: &Identity, function_id: i64) -> Self {
            Self::if_wanted(|| {
                info_span!(
                    target: TARGET,
                    "exec",
                    symbol,
                    rule = identity.rule_id,
                    op = identity.op_id,
                    instance = identity.instance_id,
                    function_id,
                )
            })
        }

        /// Returns the span that this thread is in.
        pub(crate) fn current() -> Self {
            Span(tracing::Span::current())
        }

        /// Runs code in the span.
        pub(crate) fn within<T>(&self, code: impl FnOnce() -> T) -> T {
            self.0.in_scope(code)
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod without {
    use crate::context::Identity;
    use crate::wire::Kind;

    /// The place of a span.
    #[derive(Clone, Debug)]
    pub(crate) struct Span;

    impl Span {
        pub(crate) fn instance(_: Kind, _: &str, _: Option<&Identity>) -> Self {
            Span
        }

        pub(crate) fn collect(_: &str, _: &Identity) -> Self {
            Span
        }

        pub(crate) fn flush(_: &str, _: &Identity) -> Self {
            Span
        }

        pub(crate) fn exec(_: &str, _: &Identity, _: i64) -> Self {
            Span
        }

        pub(crate) fn current() -> Self {
            Span
        }

        pub(crate) fn within<T>(&self, code: impl FnOnce() -> T) -> T {
            code()
        }
    }
}
