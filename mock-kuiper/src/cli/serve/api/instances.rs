//! Sources and sinks: started, stopped, described, and rows to sinks.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::answer::{Answer, Reply};
use super::body::Fields;
use super::work::with_plugin;
use crate::cli::serve::desk::{Problem, Rows, SinkSpec, SourceSpec};
use crate::cli::serve::state::Shared;

/// The plugin, and an instance or a symbol of it.
type Both = Path<(String, String)>;

/// `POST /api/plugins/{plugin}/sources/{symbol}/start`
pub(super) async fn start_source(
    State(server): State<Shared>,
    Path((name, symbol)): Both,
    body: Body,
) -> Answer {
    let mut fields = Fields::read(body).await?;
    let spec = SourceSpec {
        rule: fields.rule(),
        config: fields.object("config"),
        datasource: fields.text("datasource").unwrap_or_default(),
        conf_key: fields.text("confKey"),
        options: fields.object("options"),
        to: fields.texts("to"),
        all_rows: fields.flag("allRows"),
    };
    fields.finish()?;
    let started = with_plugin(&server, &name, move |plugin| {
        plugin.start_source(&symbol, spec)
    });
    Ok(Reply(StatusCode::CREATED, started.await?))
}

/// `POST /api/plugins/{plugin}/sinks/{symbol}/start`
pub(super) async fn start_sink(
    State(server): State<Shared>,
    Path((name, symbol)): Both,
    body: Body,
) -> Answer {
    let mut fields = Fields::read(body).await?;
    let spec = SinkSpec {
        rule: fields.rule(),
        config: fields.object("config"),
        require_ack: fields.flag("requireAck"),
        send_single: fields.flag("sendSingle"),
        from: fields.texts("from"),
    };
    fields.finish()?;
    let started = with_plugin(&server, &name, move |plugin| {
        plugin.start_sink(&symbol, spec)
    });
    Ok(Reply(StatusCode::CREATED, started.await?))
}

/// `GET /api/plugins/{plugin}/instances`
pub(super) async fn all(State(server): State<Shared>, Path(name): Path<String>) -> Answer {
    let all = with_plugin(&server, &name, |plugin| Ok(plugin.instances_json()));
    all.await.and_then(Reply::ok)
}

/// `GET /api/plugins/{plugin}/instances/{instance}`
pub(super) async fn one(State(server): State<Shared>, Path((name, id)): Both) -> Answer {
    let one = with_plugin(&server, &name, move |plugin| plugin.instance_json(&id));
    one.await.and_then(Reply::ok)
}

/// `POST /api/plugins/{plugin}/instances/{instance}/stop`
pub(super) async fn stop(
    State(server): State<Shared>,
    Path((name, id)): Both,
    body: Body,
) -> Answer {
    Fields::read(body).await?.finish()?;
    let stopped = with_plugin(&server, &name, move |plugin| plugin.stop_instance(&id));
    stopped.await.and_then(Reply::ok)
}

/// `POST /api/plugins/{plugin}/instances/{instance}/rows`
pub(super) async fn send(
    State(server): State<Shared>,
    Path((name, id)): Both,
    body: Body,
) -> Answer {
    let mut fields = Fields::read(body).await?;
    let rows = match (fields.list("rows"), fields.text("text")) {
        (Some(rows), None) => Some(Rows::Values(rows)),
        (None, Some(text)) => Some(Rows::Text(text)),
        (Some(_), Some(_)) => {
            fields.mistake("`rows` and `text` are both set; set one of them");
            None
        }
        (None, None) => None,
    };
    fields.finish()?;
    let Some(rows) = rows else {
        let text = "set `rows`, a list of rows, or `text`, the bytes of one message";
        return Err(Problem::input(text).into());
    };
    let sent = with_plugin(&server, &name, move |plugin| plugin.send(&id, &rows));
    sent.await.and_then(Reply::ok)
}
