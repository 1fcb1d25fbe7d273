//! Hands a camera's address to ffmpeg without putting it on the command line, where every user of the machine
//! could read the password. ffmpeg is started with an address of this machine, sends its request there, and is
//! redirected to the camera. This program sends the redirect to no other process.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use url::Url;

use crate::source::SourceKind;

/// The time limit for a connected process to send its request.
const ASKING: Duration = Duration::from_secs(5);
/// The largest request in bytes.
const MAX_QUESTION_BYTES: usize = 4 << 10;

/// A listener that redirects one process to a camera.
pub(crate) struct Handover {
    listener: TcpListener,
    own: SocketAddr,
    /// The camera's address.
    to: Url,
    kind: SourceKind,
}

impl Handover {
    /// Opens the listener.
    pub(crate) async fn prepare(to: &Url, kind: SourceKind) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let own = listener.local_addr()?;
        Ok(Self { listener, own, to: to.clone(), kind })
    }

    /// Returns the address that the process opens.
    pub(crate) fn address(&self) -> String {
        let scheme = if self.kind == SourceKind::Rtsp { "rtsp" } else { "http" };
        format!("{scheme}://{}/", self.own)
    }

    /// Waits for the process `pid` and redirects it to the camera. Any other process is disconnected without an
    /// answer.
    ///
    /// Dropping the future closes the listener.
    pub(crate) async fn send_on(self, pid: u32) -> io::Result<()> {
        loop {
            let (stream, peer) = self.listener.accept().await?;
            let own = self.own;
            let ours = tokio::task::spawn_blocking(move || is_of(peer, own, pid)).await??;
            if !ours {
                tracing::warn!(%peer, "another process requested the address of a camera and was disconnected");
                continue;
            }
            return timeout(ASKING, self.answer(stream))
                .await
                .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "ffmpeg sent no request")));
        }
    }

    async fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let question = read_question(&mut stream).await?;
        let to = self.to.as_str();
        let answer = match self.kind {
            SourceKind::Rtsp => {
                let number =
                    question.lines().find_map(|line| line.strip_prefix("CSeq:")).unwrap_or("1").trim();
                format!("RTSP/1.0 302 Moved Temporarily\r\nCSeq: {number}\r\nLocation: {to}\r\n\r\n")
            }
            _ => format!(
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            ),
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }
}

/// Reads the head of a request.
async fn read_question(stream: &mut TcpStream) -> io::Result<String> {
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") {
        if question.len() >= MAX_QUESTION_BYTES {
            return Err(io::Error::other("ffmpeg's request is too long"));
        }
        question.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&question).into_owned())
}

/// Returns whether the process `pid` is at the other end of a connection. `peer` is the address of the other end, and
/// `own` is the address of this program's end.
fn is_of(peer: SocketAddr, own: SocketAddr, pid: u32) -> io::Result<bool> {
    let connections = fs::read_to_string("/proc/self/net/tcp")?;
    let Some(inode) = inode_of(&connections, peer, own) else { return Ok(false) };
    let socket = format!("socket:[{inode}]");
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // A descriptor that was closed meanwhile cannot belong to the connection that waits for an answer.
        let Ok(target) = fs::read_link(descriptor?.path()) else { continue };
        if target.as_os_str() == socket.as_str() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Finds the inode of the socket `local` that is connected to `remote`, in the kernel's table of connections.
fn inode_of(connections: &str, local: SocketAddr, remote: SocketAddr) -> Option<&str> {
    let (local, remote) = (in_table(local)?, in_table(remote)?);
    connections.lines().find_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let is_it = columns.next() == Some(&local) && columns.next() == Some(&remote);
        is_it.then(|| columns.nth(6)).flatten()
    })
}

/// Formats an address as in the kernel's table: the bytes of the address as a number in this machine's byte order.
fn in_table(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else { return None };
    let number = u32::from_ne_bytes(address.ip().octets());
    Some(format!("{number:08X}:{:04X}", address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_process_that_is_expected_is_told() {
        let camera = Url::parse("rtsp://admin:s3cretword@camera/live").unwrap();
        let handover = Handover::prepare(&camera, SourceKind::Rtsp).await.unwrap();
        let address = handover.own;
        let mut expected = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let waiting = tokio::spawn(handover.send_on(expected.id()));
        // This process is not the expected one.
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // A connection that is closed while bytes are unread is reset.
        stream.read_to_end(&mut answer).await.ok();
        assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
        assert!(!waiting.is_finished());
        waiting.abort();
        expected.kill().unwrap();
        expected.wait().unwrap();
    }

    #[tokio::test]
    async fn the_one_that_is_expected_is_sent_on() {
        for (text, kind, head) in [
            ("rtsp://admin:s3cretword@camera/live?a=b", SourceKind::Rtsp, "RTSP/1.0 302 "),
            ("https://admin:s3cretword@camera/live", SourceKind::Http, "HTTP/1.1 302 "),
        ] {
            let handover = Handover::prepare(&Url::parse(text).unwrap(), kind).await.unwrap();
            assert!(!handover.address().contains("s3cretword"));
            let mut stream = TcpStream::connect(handover.own).await.unwrap();
            stream.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\n").await.unwrap();
            handover.send_on(std::process::id()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(head), "{answer}");
            assert!(answer.contains(&format!("\r\nLocation: {text}\r\n")), "{answer}");
            assert_eq!(answer.contains("CSeq: 7"), kind == SourceKind::Rtsp);
        }
    }

    #[test]
    fn a_connection_is_found_in_the_table_of_the_kernel() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17 1 0000 100 0 0 10 0
   1: 0100007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000 20 4 30 10 -1";
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if cfg!(target_endian = "little") {
            assert_eq!(inode_of(table, at(0xD431), at(8080)), Some("4711"));
            assert_eq!(inode_of(table, at(8080), at(0xD431)), None);
        }
    }
}
