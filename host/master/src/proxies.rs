//! The address of a client. Behind a reverse proxy, the connection comes from the proxy, which names the client's
//! address in the header `X-Forwarded-For`. Anybody can send this header, so it counts only if it comes from a proxy
//! that the settings name.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderName, StatusCode, request::Parts},
};
use easysight_daemon::problem::Error;
use ipnet::IpNet;

use crate::master::Shared;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that may name the address of a client.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    trusted: Vec<IpNet>,
    /// True after a proxy that is not trusted was noticed.
    warned: AtomicBool,
}

impl Clone for Proxies {
    fn clone(&self) -> Self {
        Self { trusted: self.trusted.clone(), warned: AtomicBool::new(false) }
    }
}

impl Proxies {
    /// Parses addresses and networks, separated by commas.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parse = |one: &str| {
            let address = || one.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
            one.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
                format!(
                    "`{one}` is neither an address nor a network: expected a list such as \
                     10.0.0.5,10.1.0.0/16"
                )
            })
        };
        let trusted = text.split(',').map(|one| parse(one.trim())).collect::<Result<_, _>>()?;
        Ok(Self { trusted, warned: AtomicBool::new(false) })
    }

    /// Returns true if the settings name a proxy.
    pub(crate) const fn has_any(&self) -> bool {
        !self.trusted.is_empty()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Returns the address of the client: the last address in the header that is not a trusted proxy itself.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        // A part that is not UTF-8 counts as an invalid address. The later parts, which proxies added, still count.
        let values = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let named: Vec<&str> =
            values.map(|part| std::str::from_utf8(part).unwrap_or_default().trim()).collect();
        if !named.is_empty() && !self.trusts(client) && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = %client,
                "a request came through a proxy that is not in --trusted-proxies: failed sign-ins of all clients behind \
                 it are counted together"
            );
        }
        for one in named.into_iter().rev() {
            let address = one.parse::<IpAddr>().or_else(|_| one.parse::<SocketAddr>().map(|with| with.ip()));
            match address {
                Ok(address) if self.trusts(client) => client = address.to_canonical(),
                _ => break,
            }
        }
        client
    }
}

/// The address of the client that sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client(pub(crate) IpAddr);

impl Client {
    /// Returns the address under which failed sign-ins are counted. One customer of an IPv6 network usually has 2^64
    /// addresses, which count as one.
    pub(crate) fn counted(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

impl FromRequestParts<Shared> for Client {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, master: &Shared) -> Result<Self, Error> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let peer = peer.ok_or_else(|| {
            let detail = "the address of the client is unknown";
            Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
        })?;
        Ok(Self(master.proxies.client(peer, &parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&'static str]) -> String {
        let proxies = if trusted.is_empty() { Proxies::default() } else { Proxies::parse(trusted).unwrap() };
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_names_the_client() {
        assert_eq!(client("", "10.0.0.5", &["1.2.3.4"]), "10.0.0.5");
        assert_eq!(client("10.0.0.6", "10.0.0.5", &["1.2.3.4"]), "10.0.0.5");
        assert_eq!(client("10.0.0.5", "10.0.0.5", &[]), "10.0.0.5");
        assert_eq!(client("10.0.0.5", "::ffff:10.0.0.5", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8, 2001:db8::/32", "2001:db8::1", &["2001:db9::7"]), "2001:db9::7");
    }

    #[test]
    fn what_a_client_wrote_into_the_header_itself_does_not_count() {
        // The client sent `6.6.6.6`; each of two proxies has added the address from which it got the request.
        assert_eq!(client("10.0.0.0/8", "10.0.0.5", &["6.6.6.6, 1.2.3.4, 10.0.0.7"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.5", &["6.6.6.6", "1.2.3.4:5060", "10.0.0.7"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.5", &["1.2.3.4, unknown"]), "10.0.0.5");
        // Invalid text is not an address, and does not hide the addresses that the proxy has added.
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_bytes(b"\xff, 1.2.3.4").unwrap());
        let proxies = Proxies::parse("10.0.0.0/8").unwrap();
        assert_eq!(proxies.client("10.0.0.5".parse().unwrap(), &headers).to_string(), "1.2.3.4");
    }

    #[test]
    fn the_addresses_of_one_customer_count_as_one() {
        let counted = |address: &str| Client(address.parse().unwrap()).counted();
        assert_eq!(counted("1.2.3.4"), "1.2.3.4");
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), counted("2001:db8:1:2::1"));
        assert_ne!(counted("2001:db8:1:2::1"), counted("2001:db8:1:3::1"));
    }

    #[test]
    fn a_list_that_is_no_list_of_addresses_is_refused() {
        assert!(Proxies::parse("10.0.0.5,proxy.example").unwrap_err().contains("`proxy.example`"));
        assert!(Proxies::parse("").is_err());
    }
}
