//! `mock-kuiper serve`: plugins, driven by hand over HTTP.

mod api;
mod desk;
mod guard;
mod hub;
mod listener;
mod open;
mod openapi;
mod page;
mod server;
mod state;

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueHint;
use mock_kuiper::engine::trace::hex;
use serde_json::json;

pub(super) use self::open::open;

use self::desk::{Desk, Launch};
use self::guard::Guard;
use self::state::Shared;
use super::attach;
use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::host_args::HostArgs;
use super::output::{print_results, say, say_error};

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
  mock-kuiper serve ./mirror --attach
      Waits for the plugin, which you start in a debugger.
  mock-kuiper serve ./mirror --listen 0.0.0.0
      Serves the whole network. The token that each request needs is in the line
      on stdout.";

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
    /// Cargo package or Go module, which is built first; may be repeated
    #[arg(required = true, value_name = "PLUGIN", value_hint = ValueHint::AnyPath)]
    plugins: Vec<PathBuf>,

    /// Listen on this port; 0 lets the system choose a free one
    #[arg(long, default_value_t = 9081, allow_negative_numbers = true)]
    port: u16,

    /// Listen on this address of the machine; 0.0.0.0 is all of them
    ///
    /// If it is not a loopback address, each request needs a token.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,

    /// Require this token of each request [default: a random one if the address is
    /// not a loopback address, otherwise none]
    #[arg(long, value_parser = token)]
    token: Option<String>,

    /// Allow this name of the machine in the header `Host`, with a port or for any;
    /// may be repeated
    #[arg(long, value_name = "NAME[:PORT]")]
    allow_host: Vec<String>,

    /// End also when stdin ends
    ///
    /// For a program that starts the server with a pipe on stdin: the server then ends
    /// with the program, however that ends.
    #[arg(long)]
    end_with_stdin: bool,

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
        end_with_stdin,
        host,
    } = args;
    let refused = [("--isolate", host.isolate.is_some(), attach::ISOLATE)];
    let refused = attach::refusals(&refused);
    if host.attach && !refused.is_empty() {
        return Err(CliError::Input(refused));
    }
    // Before a build that may take minutes.
    let listener = listener::bind(SocketAddr::new(listen, port))?;
    let host = Arc::new(host);
    let mut desk = Desk::default();
    for path in &plugins {
        let package = host.package(path)?;
        let name = package.manifest().name.clone();
        if !desk.add(path, package, &host) {
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
    let launch = |server: &Shared| {
        announce(&server.guard)?;
        server.desk.launch(|launch| match launch {
            Launch::Attachable(command) => say(&attach::instructions(command)),
            Launch::Failed(name, problem) => {
                say_error(&format!("`{name}` does not run"));
                problem
                    .lines()
                    .iter()
                    .for_each(|line| say(&format!("  {}", line.trim_start())));
            }
        });
        Ok(())
    };
    server::run(listener, desk, guard, end_with_stdin, launch)
}

/// Prints where the server listens.
fn announce(guard: &Guard) -> Result<(), CliError> {
    let line = json!({
        "url": guard.url(),
        "port": guard.address.port(),
        "pid": std::process::id(),
        "token": guard.token,
    });
    print_results(&format!("{line}\n"))
}

/// Reads a token. An empty one, as of a variable that is not set, would let everybody in.
fn token(text: &str) -> Result<String, String> {
    match text.bytes().all(|byte| byte.is_ascii_graphic()) {
        _ if text.is_empty() => {
            Err("it is empty; without the option, the token is a random one".to_owned())
        }
        true => Ok(text.to_owned()),
        false => Err("it goes into a header: use ASCII without spaces".to_owned()),
    }
}

/// Returns a token that nobody can guess.
fn secret() -> Result<String, CliError> {
    let mut bytes = [0; TOKEN];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| CliError::Trouble(format!("cannot make a token: {error}")))?;
    Ok(hex(&bytes))
}
