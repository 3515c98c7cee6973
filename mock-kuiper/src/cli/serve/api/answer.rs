//! What handlers answer: JSON, or a problem with its HTTP status.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::cli::serve::desk::{Class, Problem};

/// What a handler answers.
pub(in crate::cli::serve) type Answer = Result<Reply, Refusal>;

/// An answer in JSON.
#[derive(Debug)]
pub(in crate::cli::serve) struct Reply(pub(super) StatusCode, pub(super) Value);

/// A request that was not done.
#[derive(Debug)]
pub(in crate::cli::serve) struct Refusal {
    status: StatusCode,
    error: Value,
}

impl Reply {
    pub(super) fn ok(value: Value) -> Answer {
        Ok(Self(StatusCode::OK, value))
    }
}

impl Refusal {
    /// Refuses a request before it reaches the desk.
    pub(in crate::cli::serve) fn new(
        status: StatusCode,
        code: &str,
        text: &str,
        advice: &[&str],
    ) -> Self {
        let error = json!({"code": code, "text": text, "advice": advice, "details": {}});
        Self { status, error }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = match problem.class {
            Class::Input => StatusCode::BAD_REQUEST,
            Class::NotFound => StatusCode::NOT_FOUND,
            Class::Conflict => StatusCode::CONFLICT,
            Class::Finding => StatusCode::UNPROCESSABLE_ENTITY,
            Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Class::Ending => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self {
            status,
            error: problem.to_json(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        json_response(self.status, &json!({"error": self.error}))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        json_response(self.0, &self.1)
    }
}

/// Writes JSON, with a line end for whoever reads it in a terminal.
pub(super) fn json_response(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{value}\n")));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
