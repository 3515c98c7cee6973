//! The transport that the tests are run for.

use mock_kuiper::host::Builder;

/// Gives a host the transport that `MOCK_KUIPER_TEST_TRANSPORT` names.
pub(crate) fn on_transport(host: Builder) -> Builder {
    match std::env::var("MOCK_KUIPER_TEST_TRANSPORT") {
        Ok(transport) => host.transport(transport.parse().unwrap()),
        Err(_) => host,
    }
}
