//! Video over UDP: a pair of ports on this machine, which accept packets only from the camera.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;
use tokio::net::UdpSocket;

/// The number of port pairs that are tried.
const ATTEMPTS: usize = 50;
/// The largest datagram in bytes.
const MAX_DATAGRAM_BYTES: usize = 64 << 10;
/// A packet without content. It opens a router or a firewall for the camera's packets.
const KNOCK: [u8; 12] = [0x80, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// An even port for packets, and the next port for reports about them.
#[derive(Debug)]
pub(crate) struct Datagrams {
    packets: UdpSocket,
    reports: UdpSocket,
    pub(crate) port: u16,
    /// The permitted senders.
    from: Vec<IpAddr>,
    buffer: Box<[u8]>,
}

impl Datagrams {
    /// Opens the ports on the local address of the connection to the camera.
    pub(crate) async fn open(own: IpAddr, camera: IpAddr) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let packets = UdpSocket::bind((own, 0)).await?;
            let port = packets.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            // The next port may be in use.
            if let Ok(reports) = UdpSocket::bind((own, port + 1)).await {
                let buffer = vec![0; MAX_DATAGRAM_BYTES].into();
                return Ok(Self { packets, reports, port, from: vec![camera], buffer });
            }
        }
        Err(io::Error::other("no two adjacent ports are free"))
    }

    /// Sends a packet to each of the camera's ports. If the camera named another sender, `source`, this sender is
    /// permitted too.
    pub(crate) async fn knock(&mut self, camera: IpAddr, ports: Option<(u16, u16)>, source: Option<IpAddr>) {
        self.from.extend(source);
        let Some((packets, reports)) = ports else { return };
        for (socket, port) in [(&self.packets, packets), (&self.reports, reports)] {
            if let Err(error) = socket.send_to(&KNOCK, SocketAddr::from((camera, port))).await {
                tracing::debug!(%error, "the camera's port cannot be reached");
            }
        }
    }

    /// Returns the next packet.
    pub(crate) async fn packet(&mut self) -> io::Result<Bytes> {
        loop {
            let (length, from) = match self.packets.recv_from(&mut self.buffer).await {
                Ok(received) => received,
                // This is the reply to `KNOCK` from a camera that does not listen on its port.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            if self.from.contains(&from.ip()) {
                return Ok(Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or_default()));
            }
        }
    }
}
