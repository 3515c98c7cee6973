//! The socket that the server listens on.

use std::fs;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;

use axum::serve::Listener;
use mock_kuiper::engine::host::process_name;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cli::error::CliError;

/// The most connections at once; a browser has six for each page.
const CONNECTIONS: usize = 256;

/// Accepts a bounded number of connections.
#[derive(Debug)]
pub(super) struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

/// A connection, which takes up a place until it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
}

/// Listens on an address.
///
/// # Errors
///
/// [`CliError::Trouble`] if it is in use, with the process that uses it.
pub(super) fn bind(address: SocketAddr) -> Result<net::TcpListener, CliError> {
    let bound = net::TcpListener::bind(address);
    bound.map_err(|error| CliError::Trouble(not_bound(address, &error)))
}

impl Bounded {
    pub(super) fn new(listener: net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            room: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let place = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        // An event must not wait for the next one.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            stream,
            _place: place,
        };
        (connection, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::pin::Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_shutdown(cx)
    }
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
