//! A check that the node's own HTTP server answers. It sends a request as any client would.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use easysight_daemon::pulse::Pulse;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

/// The interval between two requests.
const EVERY: Duration = Duration::from_secs(10);
/// The time limit of an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The request.
const QUESTION: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// The start of the expected answer.
const ANSWER: &[u8] = b"HTTP/1.1 200 ";

/// Sends requests to the node's own server until it is dropped.
pub(super) struct Door {
    answered: Arc<Pulse>,
    knocking: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.knocking.abort();
    }
}

impl Door {
    pub(super) fn watch(address: SocketAddr) -> Self {
        Self::watch_every(address, EVERY)
    }

    fn watch_every(address: SocketAddr, every: Duration) -> Self {
        let answered = Arc::new(Pulse::new());
        let pulse = Arc::clone(&answered);
        let knocking = tokio::spawn(async move {
            let mut beat = tokio::time::interval(every);
            loop {
                beat.tick().await;
                match timeout(PATIENCE, knock(within(address))).await {
                    Ok(Ok(())) => pulse.beat(),
                    Ok(Err(error)) => tracing::warn!(%error, "the worker's own health request failed"),
                    Err(_) => tracing::warn!("the worker's own health request timed out"),
                }
            }
        });
        Self { answered, knocking }
    }

    /// Returns a function that returns true if an answer arrived within the last `patience`.
    pub(super) fn is_answered(&self, patience: Duration) -> impl Fn() -> bool + Send + use<> {
        let answered = Arc::clone(&self.answered);
        move || answered.is_felt(Instant::now(), patience)
    }
}

/// Returns the address at which this machine reaches a server. A server that listens on all addresses is reached
/// on loopback.
fn within(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn knock(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(QUESTION).await?;
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer).await?;
    if answer == ANSWER { Ok(()) } else { Err(io::Error::other("the answer is not 200")) }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::net::TcpListener;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    async fn becomes(is_answered: &(impl Fn() -> bool + Send), expected: bool) {
        let until = Instant::now() + SOON;
        while is_answered() != expected {
            assert!(Instant::now() < until, "it does not become {expected}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_door_that_nobody_opens_any_more_is_noticed() {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Both values refer to one socket, which accepts connections while at least one of them is open.
        let std = listener.into_std().unwrap();
        let hung = TcpListener::from_std(std.try_clone().unwrap()).unwrap();
        let router = Router::new().route("/healthz", get(|| async { "ok" }));
        let server = axum::serve(TcpListener::from_std(std).unwrap(), router);
        let server = tokio::spawn(server.into_future());
        let door = Door::watch_every(address, Duration::from_millis(20));
        let is_answered = door.is_answered(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        becomes(&is_answered, true).await;
        // The system still accepts connections, but no program handles them.
        server.abort();
        becomes(&is_answered, false).await;
        drop(hung);
    }

    #[test]
    fn what_listens_everywhere_is_reached_from_within() {
        let within = |text: &str| within(text.parse().unwrap()).to_string();
        assert_eq!(within("0.0.0.0:8001"), "127.0.0.1:8001");
        assert_eq!(within("[::]:8001"), "[::1]:8001");
        assert_eq!(within("192.0.2.1:8001"), "192.0.2.1:8001");
    }
}
