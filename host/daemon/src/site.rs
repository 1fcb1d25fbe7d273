//! The site to which a browser sends a request. A web page may use a name that its owner points to this machine
//! (DNS rebinding). For the browser, the page and a server of this machine are then the same site, so the page can call
//! the server, and nothing but the name in the header `Host` tells the server.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Request, header, uri::Authority};

/// Adds the header `Host` to a request of HTTP/2, which names the host in its address instead.
pub fn complete<B>(request: &mut Request<B>) {
    if request.headers().contains_key(header::HOST) {
        return;
    }
    let host = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
}

/// Returns true if nobody else can choose to which machine the host of a request leads: the host is `localhost`, a name
/// that ends in `.localhost`, or an IP address. Browsers always name the host, so a request that names none comes from
/// another program.
#[must_use]
pub fn is_certain(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().all(|host| host.to_str().is_ok_and(is_certain_host))
}

fn is_certain_host(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    if host.contains('@') {
        return false;
    }
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if address.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        is_certain(&headers)
    }

    #[test]
    fn only_names_that_nobody_else_controls_are_certain() {
        let certain = [
            "localhost",
            "LOCALHOST:8000",
            "localhost.:8000",
            "sight.localhost:8000",
            "127.0.0.1",
            "127.0.0.1:8000",
            "127.9.9.9:8000",
            "10.0.0.5:8000",
            "[::1]",
            "[::1]:8000",
            "[2001:db8::1]:443",
        ];
        for host in certain {
            assert!(of(&[host]), "{host}");
        }
        let foreign = [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example:8000",
            "evillocalhost",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "sight",
            "127.1",
            "0x7f000001",
            "",
            "[::1",
            "localhost:8000:8000",
        ];
        for host in foreign {
            assert!(!of(&[host]), "{host}");
        }
        assert!(of(&[]));
        assert!(!of(&["localhost", "evil.example"]) && !of(&["evil.example", "localhost"]));
    }

    #[test]
    fn the_host_of_http_2_is_read_from_the_address() {
        let mut request = Request::get("https://evil.example:8000/api").body(()).unwrap();
        complete(&mut request);
        assert_eq!(request.headers()[header::HOST], "evil.example:8000");
        let mut request = Request::get("/api").header(header::HOST, "localhost").body(()).unwrap();
        complete(&mut request);
        assert_eq!(request.headers()[header::HOST], "localhost");
    }
}
