//! `mock-kuiper serve`: plugins, driven by hand over HTTP.

mod api;
mod desk;
mod guard;
mod hub;
mod listener;
mod page;
mod state;

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener as _;
use clap::ValueHint;
use mock_kuiper::engine::trace::hex;
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::time::{interval, timeout};

use self::desk::Desk;
use self::guard::Guard;
use self::listener::Bounded;
use self::state::{Server, Shared};
use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::host_args::HostArgs;
use super::interrupt::Interrupt;
use super::output::print_results;

const EXAMPLES: &str = "\
Examples:
  mock-kuiper serve ./mirror
      Launches the plugin, and serves the page and the API at
      http://127.0.0.1:9081 until Ctrl-C.
  mock-kuiper serve ./mirror ./weather.zip --port 0
      Serves two plugins on a free port, which is in the line on stdout.
  curl -s localhost:9081/api/plugins/mirror/functions/echo/call -d '{\"args\":[1]}'
      Calls a function.
  curl -sN localhost:9081/api/plugins/mirror/wire
      Shows all messages, with what they mean.
  mock-kuiper serve ./mirror --listen 0.0.0.0
      Serves the whole network. The token that each request needs is in the line
      on stdout.";

/// How long requests and streams may take to end.
const LEAVING: Duration = Duration::from_secs(2);

/// The bytes of a random token.
const TOKEN: usize = 16;

/// Serve a page and an HTTP API to drive plugins by hand.
///
/// The plugins are launched as eKuiper launches them. Nothing is started in them
/// until somebody asks for it: start sources and sinks, read rows, send rows, call
/// functions, play faults, kill the plugin, and watch every message.
///
/// The address is printed to stdout as a line of JSON:
/// {"url":"http://127.0.0.1:9081","port":9081,"pid":1234,"token":null}. The API is
/// described at /openapi.json. The server runs until Ctrl-C; then the plugins are
/// stopped and ended.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// A plugin: a directory with NAME.json and the executable, a zip of one, or a
    /// Cargo package, which is built first; may be repeated
    #[arg(required = true, value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    plugins: Vec<PathBuf>,

    /// Listen on this port; 0 lets the system choose a free one
    #[arg(long, default_value_t = 9081)]
    port: u16,

    /// Listen on this address of the machine; 0.0.0.0 is all of them
    ///
    /// If it is not a loopback address, each request needs a token.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,

    /// Require this token of each request [default: a random one if the address is
    /// not a loopback address, otherwise none]
    #[arg(long)]
    token: Option<String>,

    /// Allow this name of the machine in the header `Host`, with a port or for any;
    /// may be repeated
    #[arg(long, value_name = "NAME[:PORT]")]
    allow_host: Vec<String>,

    #[command(flatten)]
    host: HostArgs,
}

/// Serves plugins until a signal.
pub(crate) fn run(args: Args) -> Result<Exit, CliError> {
    let Args {
        plugins,
        port,
        listen,
        token,
        allow_host,
        host,
    } = args;
    let host = Arc::new(host);
    let mut desk = Desk::default();
    for path in &plugins {
        let package = host.package(path)?;
        let name = package.manifest().name.clone();
        let made = Arc::clone(&host);
        let is_new = desk.add(
            path,
            package,
            host.host,
            Box::new(move |package| made.builder(package)),
        );
        if !is_new {
            return Err(CliError::input(format!(
                "{}: another plugin is called `{name}`, too",
                path.display()
            )));
        }
    }
    let token = match token {
        None if !listen.is_loopback() => Some(secret()?),
        given => given,
    };
    let guard = |address| Guard {
        address,
        names: allow_host,
        token,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| CliError::Trouble(format!("cannot start the server: {error}")))?;
    let served = runtime.block_on(serve(SocketAddr::new(listen, port), desk, guard));
    // A handler that still blocks ends with the process.
    runtime.shutdown_background();
    served.map(|()| Exit::Fine)
}

async fn serve(
    address: SocketAddr,
    desk: Desk,
    guard: impl FnOnce(SocketAddr) -> Guard,
) -> Result<(), CliError> {
    let signal = Arc::new(Notify::new());
    let came = Arc::clone(&signal);
    let _signals = Interrupt::watch(move || came.notify_one())?;
    let listener = Bounded::bind(address).await?;
    let bound = listener.local_addr();
    let address = bound.map_err(|error| CliError::Trouble(format!("no address: {error}")))?;
    let server: Shared = Arc::new(Server {
        id: std::iter::repeat_with(fastrand::alphanumeric)
            .take(12)
            .collect(),
        desk,
        guard: guard(address),
        ending: watch::Sender::new(false),
    });
    announce(&server.guard)?;
    server.desk.launch();
    let ticking = Arc::clone(&server);
    tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            ticking.desk.tick();
        }
    });
    let checked = axum::middleware::from_fn_with_state(Arc::clone(&server), guard::check);
    let router = api::router().merge(page::router()).layer(checked);
    let (is_over, over) = tokio::sync::oneshot::channel::<()>();
    let served = axum::serve(listener, router.with_state(Arc::clone(&server)))
        .with_graceful_shutdown(async {
            let _ = over.await;
        });
    let serving = tokio::spawn(served.into_future());
    signal.notified().await;
    server.ending.send_replace(true);
    let desk = Arc::clone(&server);
    let ended = tokio::task::spawn_blocking(move || desk.desk.end());
    tokio::select! {
        _ = ended => {}
        // A second signal waits for nothing.
        () = signal.notified() => {}
    }
    drop(is_over);
    let _ = timeout(LEAVING, serving).await;
    Ok(())
}

/// Prints where the server listens.
fn announce(guard: &Guard) -> Result<(), CliError> {
    let line = json!({
        "url": format!("http://{}", guard.address),
        "port": guard.address.port(),
        "pid": std::process::id(),
        "token": guard.token,
    });
    print_results(&format!("{line}\n"))
}

/// Returns a token that nobody can guess.
fn secret() -> Result<String, CliError> {
    let mut bytes = [0; TOKEN];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| CliError::Trouble(format!("cannot make a token: {error}")))?;
    Ok(hex(&bytes))
}
