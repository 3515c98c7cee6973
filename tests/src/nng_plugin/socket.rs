//! NNG's sockets as a plugin sets them up, and the addresses that eKuiper fixes.

use std::time::Duration;

use nng::{
    Error, Protocol, Socket,
    options::{Options, ReconnectMaxTime, ReconnectMinTime, RecvMaxSize},
};

/// The URL of a plugin's control channel.
pub fn control_url(plugin: &str) -> String {
    format!("ipc:///tmp/plugin_{plugin}.ipc")
}

/// The URL of a function's channel.
pub fn function_url(symbol: &str) -> String {
    format!("ipc:///tmp/func_{symbol}.ipc")
}

/// Opens a PULL socket that accepts messages of any size, and listens.
///
/// # Errors
///
/// NNG's error, for example if the address is in use.
pub fn listen(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Pull0)?;
    socket.set_opt::<RecvMaxSize>(0)?;
    socket.listen(url)?;
    Ok(socket)
}

/// Dials in the background until somebody listens, and again when a connection
/// is lost; the pause between two attempts grows from 10 to 100 ms.
///
/// # Errors
///
/// NNG's error if it rejects the URL.
pub fn dial_in_background(socket: &Socket, url: &str) -> Result<(), Error> {
    socket.set_opt::<ReconnectMinTime>(Some(Duration::from_millis(10)))?;
    socket.set_opt::<ReconnectMaxTime>(Some(Duration::from_millis(100)))?;
    socket.dial_async(url)
}
