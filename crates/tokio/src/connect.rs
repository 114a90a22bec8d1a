//! Opens sockets. Dropping a future closes its socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use martlet_client::SocketOptions;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpSocket;

use crate::Tcp;

pub(crate) async fn tcp(to: SocketAddr, options: &SocketOptions) -> io::Result<Tcp> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    apply(SockRef::from(&socket), to, options)?;
    Ok(Tcp::new(socket.connect(to).await?, Some(to)))
}

/// Reading, writing and shutting down are the same calls for a stream socket of any address family.
#[cfg(unix)]
pub(crate) async fn unix(path: &std::path::Path) -> io::Result<Box<dyn martlet_client::Transport>> {
    let socket = tokio::net::UnixStream::connect(path).await?.into_std()?;
    let socket = std::net::TcpStream::from(std::os::fd::OwnedFd::from(socket));
    Ok(Box::new(Tcp::new(tokio::net::TcpStream::from_std(socket)?, None)))
}

fn apply(socket: SockRef<'_>, to: SocketAddr, options: &SocketOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(silence) = options.keepalive {
        // Most systems count in seconds and refuse zero.
        let silence = silence.max(Duration::from_secs(1));
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(silence))?;
    }
    if let Some(size) = options.send_buffer_size {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = options.recv_buffer_size {
        socket.set_recv_buffer_size(size)?;
    }
    let local = options.local_address.filter(|local| local.is_ipv4() == to.is_ipv4());
    local.map_or(Ok(()), |local| socket.bind(&SocketAddr::new(local, 0).into()))
}
