//! The socket that the server listens on.

use std::fs;
use std::io;
use std::net::{self, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use mock_kuiper::engine::host::process_name;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cli::error::CliError;

/// The most connections at once; a browser has six for each page.
const CONNECTIONS: usize = 256;

/// How long the head of a request may take to arrive, and a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);

/// The pause after a connection that the system could not accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens on an address.
///
/// # Errors
///
/// [`CliError::Trouble`] if it is in use, with the process that uses it.
pub(super) fn bind(address: SocketAddr) -> Result<net::TcpListener, CliError> {
    let bound = net::TcpListener::bind(address);
    bound.map_err(|error| CliError::Trouble(not_bound(address, &error)))
}

/// Serves a bounded number of connections at a time. Once `over` changes, none is
/// accepted any more, and the requests under way are answered.
pub(super) async fn serve(listener: TcpListener, router: Router, mut over: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            _ = over.changed() => break,
        };
        let Ok((stream, _)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let connection = connection(stream, router.clone(), over.clone());
        connections.spawn(async move {
            connection.await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection.
async fn connection(stream: TcpStream, router: Router, mut over: watch::Receiver<bool>) {
    // An event must not wait for the next one.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let service = TowerToHyperService::new(router);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // A client that breaks off is no error of the server.
        _ = served.as_mut() => return,
        _ = over.changed() => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

/// Says why an address cannot be listened on, and what to do.
fn not_bound(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let owner = match owner(port) {
                Some(pid) => {
                    let name = process_name(pid);
                    let name = name.map_or_else(String::new, |name| format!(" ({name})"));
                    format!("process {pid}{name}")
                }
                None => "another process".to_owned(),
            };
            format!(
                "port {port} is in use by {owner}\n  help: choose another with --port, or let the \
                 system choose with --port 0; or end that process"
            )
        }
        io::ErrorKind::PermissionDenied => format!(
            "cannot listen on {address}: {error}\n  help: choose a port from 1024 on with --port"
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "cannot listen on {address}: {error}\n  help: name an address of this machine with \
             --listen, or 0.0.0.0 for all"
        ),
        _ => format!("cannot listen on {address}: {error}"),
    }
}

/// Returns the process that listens on a port, if the system tells.
fn owner(port: u16) -> Option<u32> {
    let inodes: Vec<_> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| listening(&fs::read_to_string(table).ok()?, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let held = fs::read_dir(format!("/proc/{pid}/fd"));
        let mut links = held.into_iter().flatten().flatten();
        links.any(|link| {
            let target = fs::read_link(link.path()).unwrap_or_default();
            inodes.iter().any(|inode| target.to_str() == Some(inode))
        })
    })
}

/// Returns the inode of the socket that listens on a port.
fn listening(table: &str, port: u16) -> Option<String> {
    /// TCP_LISTEN
    const LISTENS: &str = "0A";
    let port = format!(":{port:04X}");
    table.lines().find_map(|line| {
        // sl local_address rem_address st … … … uid timeout inode
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_it = fields.get(1)?.ends_with(&port) && *fields.get(3)? == LISTENS;
        is_it.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inode_of_a_port_is_that_of_the_socket_that_listens() {
        const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2379 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:2379 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
";
        assert_eq!(listening(TABLE, 9081).as_deref(), Some("222"));
        assert_eq!(listening(TABLE, 9082), None);
    }

    #[test]
    fn the_owner_of_a_port_is_found() {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();

        let owner = owner(listener.local_addr().unwrap().port());

        assert_eq!(owner, Some(std::process::id()));
    }
}
