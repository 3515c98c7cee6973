//! The runtime of an async symbol: the plugin's own, or the one that the SDK
//! starts.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::{Result, UntilStopped};

/// How many workers the SDK's runtime has. Rows are emitted by one thread at a
/// time per channel, so that more rarely help on a small device.
const WORKERS: usize = 2;

/// The runtime that the SDK has started. It lives until the process ends.
static SHARED: Mutex<Option<Runtime>> = Mutex::new(None);

/// Selects the runtime of a symbol.
#[derive(Clone, Debug)]
pub(super) enum Choice {
    /// The runtime that the SDK starts.
    Shared,
    /// A runtime of the plugin's own.
    Own(Handle),
}

impl Choice {
    /// Returns a handle to the runtime. Starts it if necessary.
    pub(super) fn handle(&self) -> Result<Handle> {
        match self {
            Choice::Own(handle) => Ok(handle.clone()),
            Choice::Shared => {
                let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(runtime) = &*shared {
                    return Ok(runtime.handle().clone());
                }
                let runtime = Builder::new_multi_thread()
                    .worker_threads(WORKERS)
                    .thread_name("ekuiper-async")
                    .enable_all()
                    .build()
                    .map_err(|error| format!("cannot start the async runtime: {error}"))?;
                Ok(shared.insert(runtime).handle().clone())
            }
        }
    }
}

/// A value of the plugin that is used and dropped in the context of a runtime.
pub(super) struct Inside<T> {
    /// `None` only while it is dropped.
    value: Option<T>,
    handle: Handle,
}

impl<T> Inside<T> {
    pub(super) fn new(value: T, handle: Handle) -> Self {
        Inside {
            value: Some(value),
            handle,
        }
    }

    pub(super) fn get(&self) -> &T {
        self.value.as_ref().expect("used before its drop")
    }

    /// Runs code with the value and in the context of the runtime.
    pub(super) fn enter<R>(&mut self, code: impl FnOnce(&mut T) -> R) -> R {
        let _entered = self.handle.enter();
        code(self.value.as_mut().expect("used before its drop"))
    }

    /// Runs an async closure with the value to its end, on this thread.
    pub(super) fn block_on<R>(&mut self, code: impl AsyncFnOnce(&mut T) -> R) -> R {
        let value = self.value.as_mut().expect("used before its drop");
        self.handle.block_on(code(value))
    }
}

impl<T> Drop for Inside<T> {
    fn drop(&mut self) {
        let _entered = self.handle.enter();
        drop(self.value.take());
    }
}

/// Runs a future until the instance is stopped. Returns `None` if the stop came
/// first; the future is then dropped.
pub(super) async fn unless_stopped<R>(
    stopped: UntilStopped,
    code: impl Future<Output = R>,
) -> Option<R> {
    let mut stopped = pin!(stopped);
    let mut code = pin!(code);
    poll_fn(|cx| {
        if stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        code.as_mut().poll(cx).map(Some)
    })
    .await
}
