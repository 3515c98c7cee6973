//! Faults: listed, and played.

use axum::body::Body;
use axum::extract::{Path, State};
use mock_kuiper::Fault;
use mock_kuiper::engine::fault::Amount;
use serde_json::{Value, json};

use super::answer::{Answer, Reply};
use super::body::Fields;
use super::work::with_plugin;
use crate::cli::serve::desk::Problem;
use crate::cli::serve::state::Shared;

/// `GET /api/plugins/{plugin}/faults`
pub(super) async fn list(State(server): State<Shared>, Path(name): Path<String>) -> Answer {
    server.desk.plugin(&name)?;
    Reply::ok(Fault::all().map(describe).collect())
}

/// `POST /api/plugins/{plugin}/faults`
pub(super) async fn play(
    State(server): State<Shared>,
    Path(name): Path<String>,
    body: Body,
) -> Answer {
    let mut fields = Fields::read(body).await?;
    let given = fields.text("fault");
    let fault = given.as_deref().map(str::parse::<Fault>);
    match &fault {
        None => fields.missing("fault", "kill"),
        Some(Err(error)) => fields.mistake(format!("`fault`: {error}")),
        Some(Ok(_)) => {}
    }
    let row = fields.value("row");
    fields.finish()?;
    let Some(Ok(fault)) = fault else {
        return Err(Problem::input("`fault` is missing").into());
    };
    let played = with_plugin(&server, &name, move |plugin| plugin.play(fault, row));
    played.await.and_then(Reply::ok)
}

fn describe(fault: Fault) -> Value {
    let described = fault.describe();
    let value = match fault.amount() {
        Amount::Time(time) => {
            json!({"kind": "time", "default": humantime::format_duration(time).to_string()})
        }
        Amount::Times(times) => json!({"kind": "times", "default": times}),
        _ => Value::Null,
    };
    json!({
        "name": described.name,
        "happens": described.happens,
        "survival": described.survival,
        "value": value,
    })
}
