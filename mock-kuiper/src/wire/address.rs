//! The addresses of the channels.
//!
//! Source: protocol.md section 4.

use crate::symbol::Meta;

/// Returns the address of a plugin's control channel.
#[must_use]
pub fn control_url(plugin: &str) -> String {
    format!("ipc:///tmp/plugin_{plugin}.ipc")
}

/// Returns the address on which the rows of a source or sink travel.
#[must_use]
pub fn data_url(meta: &Meta) -> String {
    format!("ipc:///tmp/{meta}.ipc")
}

/// Returns the address on which a sink acks its rows.
#[must_use]
pub fn ack_url(meta: &Meta) -> String {
    format!("ipc:///tmp/{meta}_ack.ipc")
}

/// Returns the address of a function's channel.
#[must_use]
pub fn function_url(symbol: &str) -> String {
    format!("ipc:///tmp/func_{symbol}.ipc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_protocol() {
        let meta = Meta::new("rule1", "print_0");

        assert_eq!(control_url("mirror"), "ipc:///tmp/plugin_mirror.ipc");
        assert_eq!(data_url(&meta), "ipc:///tmp/rule1_print_0_0.ipc");
        assert_eq!(ack_url(&meta), "ipc:///tmp/rule1_print_0_0_ack.ipc");
        assert_eq!(function_url("echo"), "ipc:///tmp/func_echo.ipc");
    }
}
