//! The HTTP API: which path does what.

mod answer;
mod body;
mod ekuiper;
mod faults;
mod functions;
mod instances;
mod plugins;
mod query;
mod sse;
mod streams;
mod tab;
mod work;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get, post, put};

pub(super) use self::answer::Refusal;
pub(super) use self::query::{is_text, value as query_value};
use super::state::Shared;

/// A path, and what its methods do.
pub(super) type Route = (&'static str, MethodRouter<Shared>);

/// Returns all paths of the API.
pub(super) fn routes() -> Vec<Route> {
    vec![
        ("/plugins/portables", get(ekuiper::list)),
        ("/plugins/portables/{plugin}/status", get(ekuiper::status)),
        ("/api", get(plugins::server)),
        ("/api/plugins", get(plugins::all)),
        ("/api/plugins/{plugin}", get(plugins::one)),
        ("/api/plugins/{plugin}/start", post(plugins::start)),
        ("/api/plugins/{plugin}/stop", post(plugins::stop)),
        ("/api/plugins/{plugin}/reload", post(plugins::reload)),
        ("/api/plugins/{plugin}/kill", post(plugins::kill)),
        ("/api/plugins/{plugin}/release", put(plugins::release)),
        ("/api/plugins/{plugin}/trace", get(plugins::trace)),
        ("/api/plugins/{plugin}/case", post(plugins::case)),
        (
            "/api/plugins/{plugin}/sources/{symbol}/start",
            post(instances::start_source),
        ),
        (
            "/api/plugins/{plugin}/sinks/{symbol}/start",
            post(instances::start_sink),
        ),
        ("/api/plugins/{plugin}/instances", get(instances::all)),
        (
            "/api/plugins/{plugin}/instances/{instance}",
            get(instances::one),
        ),
        (
            "/api/plugins/{plugin}/instances/{instance}/stop",
            post(instances::stop),
        ),
        (
            "/api/plugins/{plugin}/instances/{instance}/rows",
            get(streams::rows).post(instances::send),
        ),
        (
            "/api/plugins/{plugin}/functions/{symbol}/start",
            post(functions::start),
        ),
        (
            "/api/plugins/{plugin}/functions/{symbol}/call",
            post(functions::call),
        ),
        (
            "/api/plugins/{plugin}/functions/{symbol}/validate",
            post(functions::validate),
        ),
        (
            "/api/plugins/{plugin}/faults",
            get(faults::list).post(faults::play),
        ),
        ("/api/plugins/{plugin}/events", get(streams::events)),
        ("/api/plugins/{plugin}/log", get(streams::log)),
        ("/api/plugins/{plugin}/wire", get(streams::wire)),
        ("/api/plugins/{plugin}/stream", get(tab::stream)),
    ]
}

/// Makes the router of the API.
pub(super) fn router() -> Router<Shared> {
    let mut router = Router::new();
    for (path, methods) in routes() {
        router = router.route(path, methods);
    }
    router
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
}

async fn unknown(uri: axum::http::Uri) -> Refusal {
    let path = mock_kuiper::engine::foreign::in_sentence(uri.path());
    let text = format!("there is nothing at {path}");
    let advice = ["read which paths there are: GET /openapi.json"];
    Refusal::new(StatusCode::NOT_FOUND, "not-found", &text, &advice)
}

async fn not_allowed(method: axum::http::Method, uri: axum::http::Uri) -> Refusal {
    let path = mock_kuiper::engine::foreign::in_sentence(uri.path());
    let text = format!("{path} has no method {method}");
    let advice = ["use a method that the header `Allow` of this answer names"];
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", &text, &advice)
}
