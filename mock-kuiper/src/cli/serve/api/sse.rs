//! Server-sent events: the body of a response that goes on.
//!
//! A task writes chunks to a channel of one place, so that a client that does not read
//! holds up nobody and costs a bounded amount of memory.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_core::Stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

/// How long a stream is silent before a comment shows that it is alive.
pub(super) const ALIVE: Duration = Duration::from_secs(15);

/// What is not sent yet.
#[derive(Debug)]
pub(super) struct Events {
    text: String,
    to: Sender<Bytes>,
}

/// The client is gone.
#[derive(Debug)]
pub(super) struct Gone;

struct Chunks(Receiver<Bytes>);

impl Stream for Chunks {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(Ok))
    }
}

/// Makes a response, and what writes its events.
pub(super) fn stream() -> (Response, Events) {
    let (to, from) = channel(1);
    let mut response = Response::new(Body::from_stream(Chunks(from)));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    // A proxy that collects the answer would show nothing.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    let events = Events {
        text: String::new(),
        to,
    };
    (response, events)
}

impl Events {
    /// Adds an event. Its data has no line ends.
    pub(super) fn add(&mut self, name: &str, id: &str, data: &str) {
        for part in ["id: ", id, "\nevent: ", name, "\ndata: ", data, "\n\n"] {
            self.text.push_str(part);
        }
    }

    /// Adds a comment, which clients ignore.
    pub(super) fn add_comment(&mut self) {
        self.text.push_str(": still here\n\n");
    }

    /// Sends what was added. Waits until the client has read what was sent before.
    pub(super) async fn send(&mut self) -> Result<(), Gone> {
        if self.text.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.text);
        self.to.send(chunk.into()).await.map_err(|_| Gone)
    }

    /// Waits until the client is gone, at most for this time.
    pub(super) async fn gone_within(&self, limit: Duration) -> bool {
        timeout(limit, self.to.closed()).await.is_ok()
    }

    /// Waits until the client is gone.
    pub(super) async fn gone(&self) {
        self.to.closed().await;
    }
}
