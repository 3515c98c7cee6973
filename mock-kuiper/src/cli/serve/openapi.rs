//! The description of the API, which is in the binary.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::get;

use super::state::Shared;

/// The description, as OpenAPI 3.1.
const DOCUMENT: &str = include_str!("openapi.json");

/// Makes the router of the description.
pub(super) fn router() -> Router<Shared> {
    Router::new().route("/openapi.json", get(document))
}

async fn document() -> Response {
    let mut response = Response::new(Body::from(DOCUMENT));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::cli::serve::api;

    #[test]
    fn the_document_has_the_paths_of_the_router() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();

        let described = document["paths"].as_object().unwrap().keys();
        let described: BTreeSet<_> = described.map(String::as_str).collect();

        let routes = api::routes();
        let mut routed: BTreeSet<_> = routes.iter().map(|(path, _)| *path).collect();
        routed.insert("/openapi.json");
        assert_eq!(described, routed);
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        fn look(root: &Value, value: &Value) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(path)) = fields.get("$ref") {
                        assert!(root.pointer(&path[1..]).is_some(), "{path}");
                    }
                    fields.values().for_each(|value| look(root, value));
                }
                Value::Array(items) => items.iter().for_each(|value| look(root, value)),
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();

        look(&document, &document);
    }
}
