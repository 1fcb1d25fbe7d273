//! Makes connections to PostgreSQL send data at once. sqlx 0.9.0 leaves the kernel's default on (Nagle's algorithm,
//! RFC 896): the last part of a statement that does not fit into one segment waits until the server has acknowledged
//! the parts before it, and servers delay the acknowledgement for 40 ms. sqlx does not give access to its sockets, so
//! this module searches the open files of this process.
//!
//! Remove this module with the first release of sqlx that sets `TCP_NODELAY` itself.

use std::{fs, io, net::SocketAddr, os::fd::BorrowedFd};

use rustix::net::{getpeername, sockopt::set_tcp_nodelay};

/// Sets `TCP_NODELAY` on every connection to a server's `port`. If this fails, the only effect is that statements are
/// slower.
pub(crate) fn set_on_connections_to(port: u16) {
    if let Err(error) = try_set(port) {
        tracing::debug!(%error, "statements to PostgreSQL may be sent with a delay");
    }
}

fn try_set(port: u16) -> io::Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // SAFETY: The descriptor is used for two system calls and not kept. If another thread has closed the
        // descriptor since it was listed, the kernel rejects the descriptor, or the descriptor refers to another file
        // by now. In the second case, the option is set only if that file is a connection to the same port, where
        // sending at once does no harm either.
        #[expect(unsafe_code, reason = "sqlx gives no access to its sockets; see SAFETY")]
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        // Most files are not sockets.
        let Ok(Some(peer)) = getpeername(file) else { continue };
        if SocketAddr::try_from(peer).is_ok_and(|peer| peer.port() == port) {
            set_tcp_nodelay(file, true)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::set_on_connections_to;

    #[test]
    fn connections_to_that_port_and_no_others_send_at_once() {
        let (one, other) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let to_one = TcpStream::connect(one.local_addr().unwrap()).unwrap();
        let to_other = TcpStream::connect(other.local_addr().unwrap()).unwrap();
        assert!(!to_one.nodelay().unwrap());
        set_on_connections_to(one.local_addr().unwrap().port());
        assert!(to_one.nodelay().unwrap());
        assert!(!to_other.nodelay().unwrap());
    }
}
