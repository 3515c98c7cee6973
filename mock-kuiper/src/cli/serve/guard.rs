//! Who may talk to the server: refuses foreign pages, foreign names of this machine,
//! and whoever lacks the token.
//!
//! A page of another site can send requests to 127.0.0.1. Its browser names it in
//! `Origin`. With a name that first leads to that site and then to 127.0.0.1 (DNS
//! rebinding) the page is of the same origin, but the name stands in `Host`.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use mock_kuiper::engine::foreign::in_sentence;

use super::api::{Refusal, query_value};

/// What is allowed.
#[derive(Debug)]
pub(super) struct Guard {
    /// Where the server listens.
    pub(super) address: SocketAddr,
    /// Other names of this machine, with a port or for any.
    pub(super) names: Vec<String>,
    pub(super) token: Option<String>,
}

impl Guard {
    /// Returns the address of the page.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Refuses a request that may not be handled.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = text(headers, &header::HOST).unwrap_or_default();
        if !self.is_own(host) {
            let text = format!("the header `Host` names `{}`", in_sentence(host));
            let advice = format!(
                "use http://{}, or start `mock-kuiper serve` with --allow-host NAME",
                self.address
            );
            return Err(forbidden(&text, &advice));
        }
        if let Some(origin) = text(headers, &header::ORIGIN)
            && !self.is_own_page(origin, host)
        {
            let text = format!("the page `{}` is not of this server", in_sentence(origin));
            return Err(forbidden(&text, &format!("open http://{host} instead")));
        }
        match &self.token {
            // A browser loads the files of the page without the token, and they hold
            // no secret.
            Some(_) if uri.path() == "/" || uri.path().starts_with("/page/") => Ok(()),
            Some(token) if !is_same(token, &given_token(uri, headers)) => {
                let advice = [
                    "send the token that the server has printed at its start: `Authorization: \
                     Bearer TOKEN`, or ?token=TOKEN in the address",
                ];
                let text = "the token is missing or wrong";
                Err(Refusal::new(
                    StatusCode::UNAUTHORIZED,
                    "unauthorized",
                    text,
                    &advice,
                ))
            }
            _ => Ok(()),
        }
    }

    /// Whether a page is of this server, whose name in the request is `host`. A proxy may
    /// encrypt the connection to a name that is allowed, and change the header `Host`.
    fn is_own_page(&self, origin: &str, host: &str) -> bool {
        match origin.split_once("://") {
            Some(("http", page)) => page == host || self.is_allowed(page),
            Some(("https", page)) => self.is_allowed(page),
            _ => false,
        }
    }

    /// Whether the user has allowed this name.
    fn is_allowed(&self, host: &str) -> bool {
        let (name, _) = split(host);
        self.names.iter().any(|own| own == host || own == name)
    }

    /// Whether `host` is an address of this server, and no name that somebody else
    /// may have chosen.
    fn is_own(&self, host: &str) -> bool {
        let (name, port) = split(host);
        if self.is_allowed(host) {
            return true;
        }
        if port.unwrap_or(80) != self.address.port() {
            return false;
        }
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let own = self.address.ip();
        match bare.parse::<IpAddr>() {
            Ok(_) if own.is_unspecified() => true,
            Ok(ip) => ip == own || ip.is_loopback() && own.is_loopback(),
            Err(_) => {
                bare.eq_ignore_ascii_case("localhost")
                    && (own.is_loopback() || own.is_unspecified())
            }
        }
    }
}

/// Splits a host into its name and its port.
fn split(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            // No port is 0: this is a mistake.
            Err(_) => (host, Some(0)),
        },
        _ => (host, None),
    }
}

fn given_token(uri: &Uri, headers: &HeaderMap) -> String {
    let header = text(headers, &header::AUTHORIZATION);
    let bearer = header.and_then(|text| text.strip_prefix("Bearer "));
    let given = bearer.map(|token| token.trim().to_owned());
    given
        .or_else(|| query_value(uri, "token"))
        .unwrap_or_default()
}

/// Compares without telling by its time how much is right.
fn is_same(token: &str, given: &str) -> bool {
    let pairs = token.bytes().zip(given.bytes());
    token.len() == given.len() && pairs.fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // A header that comes twice counts as one that is wrong.
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    match values.next() {
        None => Some(first.to_str().unwrap_or("?")),
        Some(_) => Some("?"),
    }
}

fn forbidden(text: &str, advice: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "forbidden", text, &[advice])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str, names: &[&str]) -> Guard {
        Guard {
            address: address.parse().unwrap(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            token: None,
        }
    }

    #[test]
    fn only_an_address_of_this_server_is_its_own() {
        let own = guard("127.0.0.1:9081", &["desk.example", "one.example:80"]);
        for host in [
            "127.0.0.1:9081",
            "localhost:9081",
            "LOCALHOST:9081",
            "[::1]:9081",
            "desk.example",
            "desk.example:1234",
            "one.example:80",
        ] {
            assert!(own.is_own(host), "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1:x",
            "192.168.1.2:9081",
            "evil.example:9081",
            "localhost.evil.example:9081",
            "one.example:81",
        ] {
            assert!(!own.is_own(host), "{host}");
        }
    }

    #[test]
    fn a_server_for_all_addresses_takes_every_address_and_no_name() {
        let own = guard("0.0.0.0:80", &[]);

        assert!(own.is_own("192.168.1.2"));
        assert!(own.is_own("[fe80::1]:80"));
        assert!(!own.is_own("evil.example"));
        assert!(!own.is_own("192.168.1.2:81"));
    }

    #[test]
    fn a_token_is_compared_whole() {
        assert!(is_same("abc", "abc"));
        assert!(!is_same("abc", "abd"));
        assert!(!is_same("abc", "ab"));
        assert!(!is_same("abc", ""));
    }
}
