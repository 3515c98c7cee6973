//! Calls of functions.

use axum::body::Body;
use axum::extract::{Path, State};

use super::answer::{Answer, Reply};
use super::body::Fields;
use super::work::with_plugin;
use crate::cli::serve::state::Shared;

/// `POST /api/plugins/{plugin}/functions/{symbol}/start`
pub(super) async fn start(
    State(server): State<Shared>,
    Path((name, symbol)): Path<(String, String)>,
    body: Body,
) -> Answer {
    Fields::read(body).await?.finish()?;
    let started = with_plugin(&server, &name, move |plugin| plugin.start_function(&symbol));
    started.await.and_then(Reply::ok)
}

/// `POST /api/plugins/{plugin}/functions/{symbol}/call`
pub(super) async fn call(
    State(server): State<Shared>,
    Path((name, symbol)): Path<(String, String)>,
    body: Body,
) -> Answer {
    let mut fields = Fields::read(body).await?;
    let args = fields.list("args").unwrap_or_default();
    let rule = fields.rule();
    fields.finish()?;
    let called = with_plugin(&server, &name, move |plugin| {
        plugin.call(&symbol, &args, &rule)
    });
    called.await.and_then(Reply::ok)
}

/// `POST /api/plugins/{plugin}/functions/{symbol}/validate`
pub(super) async fn validate(
    State(server): State<Shared>,
    Path((name, symbol)): Path<(String, String)>,
    body: Body,
) -> Answer {
    let mut fields = Fields::read(body).await?;
    let args = fields.list("args").unwrap_or_default();
    fields.finish()?;
    let validated = with_plugin(&server, &name, move |plugin| {
        plugin.validate(&symbol, &args)
    });
    validated.await.and_then(Reply::ok)
}
