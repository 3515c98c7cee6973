//! The server: runs until a signal, and ends everything.

use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mock_kuiper::engine::foreign::in_sentence;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::desk::Desk;
use super::guard::Guard;
use super::state::{Server, Shared};
use super::{api, listener, openapi, page};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::interrupt::{self, Interrupt};

/// How long plugins may take to stop before they are killed.
const STOPPING: Duration = Duration::from_secs(5);

/// How long requests and streams may take to end.
const LEAVING: Duration = Duration::from_secs(2);

/// Serves a desk until a signal, or, with `end_with_stdin`, until stdin ends. `begin` is
/// called once the server accepts connections.
pub(super) fn run(
    listener: net::TcpListener,
    desk: Desk,
    guard: impl FnOnce(SocketAddr) -> Guard,
    end_with_stdin: bool,
    begin: impl FnOnce(&Shared) -> Result<(), CliError>,
) -> Result<Exit, CliError> {
    let trouble = |error| CliError::Trouble(format!("cannot start the server: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(trouble)?;
    let served = runtime.block_on(async {
        let address = listener.local_addr().map_err(trouble)?;
        listener.set_nonblocking(true).map_err(trouble)?;
        let listener = TcpListener::from_std(listener).map_err(trouble)?;
        let server = Arc::new(Server {
            id: std::iter::repeat_with(fastrand::alphanumeric)
                .take(12)
                .collect(),
            desk,
            guard: guard(address),
            ending: watch::Sender::new(false),
        });
        serve(listener, &server, end_with_stdin, begin).await
    });
    // A handler that still blocks ends with the process.
    runtime.shutdown_background();
    served.map(|()| Exit::Fine)
}

async fn serve(
    listener: TcpListener,
    server: &Shared,
    end_with_stdin: bool,
    begin: impl FnOnce(&Shared) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let signal = Arc::new(Notify::new());
    let came = Arc::clone(&signal);
    let _signals = Interrupt::watch(move || came.notify_one())?;
    if end_with_stdin {
        let came = Arc::clone(&signal);
        interrupt::watch_stdin(move || came.notify_one())?;
    }
    let checked = axum::middleware::from_fn_with_state(Arc::clone(server), check);
    let router = api::router()
        .merge(page::router())
        .merge(openapi::router())
        .layer(checked);
    let router = router.with_state(Arc::clone(server));
    let is_over = watch::Sender::new(false);
    let serving = tokio::spawn(listener::serve(listener, router, is_over.subscribe()));
    begin(server)?;
    let ticking = Arc::clone(server);
    tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            ticking.desk.tick();
        }
    });
    signal.notified().await;
    server.ending.send_replace(true);
    end(server, &signal).await;
    is_over.send_replace(true);
    let _ = timeout(LEAVING, serving).await;
    Ok(())
}

/// Checks each request before it is handled.
async fn check(State(server): State<Shared>, request: Request, next: Next) -> Response {
    if let Err(refusal) = server.guard.check(request.uri(), request.headers()) {
        return refusal.into_response();
    }
    let mut response = match api::is_text(request.uri().path()) {
        true => next.run(request).await,
        false => not_text(request.uri().path()).into_response(),
    };
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        let headers = response.headers_mut();
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

fn not_text(path: &str) -> api::Refusal {
    let text = format!("the path `{}` is not UTF-8", in_sentence(path));
    api::Refusal::new(StatusCode::BAD_REQUEST, "input", &text, &[])
}

/// Ends all plugins. A second signal, or a plugin that takes too long, has them killed.
async fn end(server: &Shared, signal: &Notify) {
    let desk = Arc::clone(server);
    let mut ended = tokio::task::spawn_blocking(move || desk.desk.end());
    loop {
        tokio::select! {
            _ = &mut ended => return,
            _ = timeout(STOPPING, signal.notified()) => {}
        }
        let desk = Arc::clone(server);
        let _ = tokio::task::spawn_blocking(move || desk.desk.hurry()).await;
    }
}
