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
const FILES: &[File] = &[
    ("style.css", CSS, include_str!("page/style.css")),
    ("icon.svg", SVG, include_str!("page/icon.svg")),
    ("api.js", SCRIPT, include_str!("page/api.js")),
    ("app.js", SCRIPT, include_str!("page/app.js")),
    ("call.js", SCRIPT, include_str!("page/call.js")),
    ("case.js", SCRIPT, include_str!("page/case.js")),
    ("controls.js", SCRIPT, include_str!("page/controls.js")),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("faults.js", SCRIPT, include_str!("page/faults.js")),
    ("fields.js", SCRIPT, include_str!("page/fields.js")),
    ("form.js", SCRIPT, include_str!("page/form.js")),
    ("head.js", SCRIPT, include_str!("page/head.js")),
    ("instances.js", SCRIPT, include_str!("page/instances.js")),
    ("json.js", SCRIPT, include_str!("page/json.js")),
    ("lanes.js", SCRIPT, include_str!("page/lanes.js")),
    ("list.js", SCRIPT, include_str!("page/list.js")),
    ("log.js", SCRIPT, include_str!("page/log.js")),
    ("rows.js", SCRIPT, include_str!("page/rows.js")),
    ("sink.js", SCRIPT, include_str!("page/sink.js")),
    ("source.js", SCRIPT, include_str!("page/source.js")),
    ("start.js", SCRIPT, include_str!("page/start.js")),
    ("store.js", SCRIPT, include_str!("page/store.js")),
    ("symbols.js", SCRIPT, include_str!("page/symbols.js")),
    ("text.js", SCRIPT, include_str!("page/text.js")),
    ("wire.js", SCRIPT, include_str!("page/wire.js")),
];

/// Name, type and content.
type File = (&'static str, &'static str, &'static str);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_of_the_folder_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/serve/page");
        let mut found: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();

        let mut served: Vec<_> = FILES.iter().map(|(name, ..)| (*name).to_owned()).collect();
        served.push(INDEX.0.to_owned());
        served.sort();

        assert_eq!(served, found);
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere_and_makes_no_html_from_text() {
        for (name, _, text) in FILES.iter().chain([&INDEX]) {
            let text = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
            for never in ["http:", "https:", "innerHTML", "style=", "onclick="] {
                assert!(!text.contains(never), "{name}: {never}");
            }
        }
    }
}
