//! Opens sockets. Dropping a future closes its socket.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use async_io::Async;
use martlet_client::SocketOptions;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::Tcp;

pub(crate) async fn tcp(to: SocketAddr, options: &SocketOptions) -> io::Result<Tcp> {
    // Non-blocking from the start where the system can, which saves two calls.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))
        .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))?;
    apply(&socket, to, options)?;
    if let Err(error) = socket.connect(&to.into()) {
        #[cfg(unix)]
        let in_progress = error.raw_os_error() == Some(libc::EINPROGRESS);
        #[cfg(not(unix))]
        let in_progress = error.kind() == io::ErrorKind::WouldBlock;
        if !in_progress {
            return Err(error);
        }
    }
    let socket = Async::new_nonblocking(TcpStream::from(socket))?;
    socket.writable().await?;
    socket.get_ref().take_error()?.map_or(Ok(Tcp::new(socket, Some(to))), Err)
}

/// Reading, writing and shutting down are the same calls for a stream socket of any address family.
#[cfg(unix)]
pub(crate) async fn unix(path: &std::path::Path) -> io::Result<Box<dyn martlet_client::Transport>> {
    let socket = Async::<std::os::unix::net::UnixStream>::connect(path).await?.into_inner()?;
    let socket = TcpStream::from(std::os::fd::OwnedFd::from(socket));
    Ok(Box::new(Tcp::new(Async::new_nonblocking(socket)?, None)))
}

fn apply(socket: &Socket, to: SocketAddr, options: &SocketOptions) -> io::Result<()> {
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
