//! The page, which is in the binary: no file is read, and nothing is built.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::api::Refusal;
use super::state::Shared;

/// The page itself.
const INDEX: File = ("index.html", HTML, include_str!("page/index.html"));

/// What the page loads, below `/page/`.
const FILES: &[File] = &[];

/// Name, type and content.
type File = (&'static str, &'static str, &'static str);

const HTML: &str = "text/html; charset=utf-8";

/// Nothing but what this server gives.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Makes the router of the page.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(|| async { response(INDEX) }))
        .route(
            "/page/{file}",
            get(
                |axum::extract::Path(name): axum::extract::Path<String>| async move {
                    match FILES.iter().find(|(known, _, _)| *known == name) {
                        Some(file) => response(*file),
                        None => {
                            let text = "the page has no such file";
                            Refusal::new(StatusCode::NOT_FOUND, "not-found", text, &[])
                                .into_response()
                        }
                    }
                },
            ),
        )
}

fn response((_, kind, content): File) -> Response {
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
