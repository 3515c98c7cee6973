//! The server, its plugins, and their processes.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use mock_kuiper::Release;
use mock_kuiper::engine::foreign::in_sentence;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, Reply};
use super::body::Fields;
use super::work::with_plugin;
use crate::cli::serve::desk::{Plugin, Problem};
use crate::cli::serve::state::Shared;

/// `GET /api`
pub(super) async fn server(State(server): State<Shared>) -> Answer {
    let plugins = server.desk.plugins().iter();
    let plugins: Vec<_> = plugins.map(|plugin| plugin.name().to_owned()).collect();
    let releases: Vec<_> = Release::all().iter().map(describe).collect();
    Reply::ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "server": server.id,
        "plugins": plugins,
        "releases": releases,
    }))
}

fn describe(release: &Release) -> Value {
    use mock_kuiper::engine::release::{AckChannel, ProcessLife};
    json!({
        "name": release.name,
        "readsAcks": release.ack == AckChannel::Read,
        "replays": release.replay,
        "endsIdlePlugins": release.process_life == ProcessLife::Rules,
    })
}

/// `GET /api/plugins`
pub(super) async fn all(State(server): State<Shared>) -> Answer {
    let mut all = Vec::new();
    for plugin in server.desk.plugins() {
        all.push(with_plugin(&server, plugin.name(), |plugin| Ok(plugin.to_json())).await?);
    }
    Reply::ok(Value::Array(all))
}

/// `GET /api/plugins/{plugin}`
pub(super) async fn one(State(server): State<Shared>, Path(name): Path<String>) -> Answer {
    with_plugin(&server, &name, |plugin| Ok(plugin.to_json()))
        .await
        .and_then(Reply::ok)
}

/// `POST /api/plugins/{plugin}/start`
pub(super) async fn start(server: State<Shared>, name: Path<String>, body: Body) -> Answer {
    change(server, name, body, Plugin::start).await
}

/// `POST /api/plugins/{plugin}/stop`
pub(super) async fn stop(server: State<Shared>, name: Path<String>, body: Body) -> Answer {
    change(server, name, body, Plugin::stop).await
}

/// `POST /api/plugins/{plugin}/reload`
pub(super) async fn reload(server: State<Shared>, name: Path<String>, body: Body) -> Answer {
    change(server, name, body, Plugin::reload).await
}

/// `POST /api/plugins/{plugin}/kill`
pub(super) async fn kill(server: State<Shared>, name: Path<String>, body: Body) -> Answer {
    change(server, name, body, Plugin::kill).await
}

/// `PUT /api/plugins/{plugin}/release`
pub(super) async fn release(server: State<Shared>, name: Path<String>, body: Body) -> Answer {
    let mut fields = Fields::read(body).await?;
    let given = fields.text("release");
    let found = given.as_deref().map(Release::find);
    match &found {
        None => fields.missing("release", "1.13"),
        Some(Err(error)) => fields.mistake(format!("`release`: {error}")),
        Some(Ok(_)) => {}
    }
    fields.finish()?;
    let Some(Ok(release)) = found else {
        return Err(Problem::input("`release` is missing").into());
    };
    change(server, name, Body::empty(), move |plugin| {
        plugin.set_release(release)
    })
    .await
}

/// `GET /api/plugins/{plugin}/trace`
pub(super) async fn trace(
    State(server): State<Shared>,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let trace = with_plugin(&server, &name, |plugin| Ok(plugin.trace())).await?;
    let mut response = Response::new(Body::from(trace));
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let name = format!(
        "attachment; filename=\"{}.trace.jsonl\"",
        in_sentence(&name)
    );
    if let Ok(name) = HeaderValue::from_str(&name) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// `POST /api/plugins/{plugin}/case`
pub(super) async fn case(
    State(server): State<Shared>,
    Path(name): Path<String>,
    body: Body,
) -> Answer {
    let mut fields = Fields::read(body).await?;
    let title = fields.text("name");
    fields.finish()?;
    let case = with_plugin(&server, &name, move |plugin| plugin.case(title.as_deref()));
    case.await.and_then(Reply::ok)
}

/// Changes a plugin, and describes it afterwards. The body has no fields.
async fn change(
    State(server): State<Shared>,
    Path(name): Path<String>,
    body: Body,
    work: impl FnOnce(&Plugin) -> Result<(), Problem> + Send + 'static,
) -> Answer {
    Fields::read(body).await?.finish()?;
    let changed = with_plugin(&server, &name, move |plugin| {
        work(plugin)?;
        Ok(plugin.to_json())
    });
    changed.await.and_then(Reply::ok)
}
