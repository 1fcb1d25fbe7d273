//! Checks whether a camera accepts a connection. No request is sent.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};
use url::Url;

use crate::{
    error::{CaptureErrorKind as Kind, Failure},
    rtsp::unreachable,
};

/// Connects to the host of an address, and closes the connection.
pub(crate) async fn reach(url: &Url, within: Duration) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(if url.scheme() == "rtsps" { 322 } else { 554 });
    match timeout(within, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unreachable(&error)),
        Err(_) => {
            let detail = format!("no connection after {} s", within.as_secs_f64());
            Err(Failure::new(Kind::ConnectTimedOut, detail))
        }
    }
}
