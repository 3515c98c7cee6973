//! The paths of eKuiper 2.x itself, answered as eKuiper answers.
//!
//! Source: eKuiper 2.4.0, internal/server/portable_init.go and
//! internal/plugin/portable/runtime/plugin_ins_manager.go.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use mock_kuiper::engine::foreign::in_sentence;
use serde_json::{Value, json};

use super::answer::{Answer, Reply};
use super::work::with_plugin;
use crate::cli::serve::state::Shared;

/// eKuiper's code of what is not found.
const NOT_FOUND: u32 = 1002;

/// `GET /plugins/portables`
pub(super) async fn list(State(server): State<Shared>) -> Answer {
    let plugins = server.desk.plugins().iter();
    Reply::ok(plugins.map(|plugin| plugin.ekuiper_info()).collect())
}

/// `GET /plugins/portables/{plugin}/status`
pub(super) async fn status(State(server): State<Shared>, Path(name): Path<String>) -> Answer {
    if server.desk.plugin(&name).is_err() {
        let name = in_sentence(&name);
        let message = format!("portable plugin {name} not found: not found");
        let error: Value = json!({"error": NOT_FOUND, "message": message});
        return Ok(Reply(StatusCode::NOT_FOUND, error));
    }
    let status = with_plugin(&server, &name, |plugin| Ok(plugin.ekuiper_status()));
    status.await.and_then(Reply::ok)
}
