//! The transport by itself.

mod common;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;

use futures_io::{AsyncRead, AsyncWrite};
use martlet::{Runtime, SocketOptions, Transport};
use martlet_sim::{Script, Sim, SimTcp};

use common::{calm, echo, raw, seconds};

async fn connect(sim: &Sim) -> io::Result<SimTcp> {
    let to = SocketAddr::new(sim.host("a.test").addresses()[0], 80);
    sim.runtime().connect(to, &SocketOptions::default()).await
}

async fn read(tcp: &mut SimTcp) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 100];
    let n = poll_fn(|cx| Pin::new(&mut *tcp).poll_read(cx, &mut buffer)).await?;
    Ok(buffer[..n].to_vec())
}

async fn write(tcp: &mut SimTcp, octets: &[u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut *tcp).poll_write(cx, octets)).await
}

fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|e| e.kind())
}

#[test]
fn peek_tells_silence_octets_end_and_reset() {
    let sim = calm();
    raw(
        &sim,
        Script::new().pause(seconds(1)).send("ab").pause(seconds(1)).half_close().pause(seconds(1)).reset(),
    );
    sim.block_on(async {
        let mut tcp = connect(&sim).await.expect("somebody listens");
        assert_eq!(tcp.peek().and_then(kind), Some(io::ErrorKind::WouldBlock));
        sim.sleep(seconds(1) * 3 / 2).await;
        assert_eq!(tcp.peek().and_then(Result::ok), Some(2));
        assert_eq!(read(&mut tcp).await.expect("octets"), b"ab");
        assert_eq!(tcp.peek().and_then(kind), Some(io::ErrorKind::WouldBlock));
        sim.sleep(seconds(1)).await;
        assert_eq!(tcp.peek().and_then(Result::ok), Some(0));
        assert_eq!(read(&mut tcp).await.expect("an end"), b"");
        sim.sleep(seconds(1)).await;
        assert_eq!(tcp.peek().and_then(kind), Some(io::ErrorKind::ConnectionReset));
        assert_eq!(kind(read(&mut tcp).await), Some(io::ErrorKind::ConnectionReset));
    })
    .expect("no dead-lock");
}

#[test]
fn a_write_after_a_reset_fails_once_as_reset_and_then_as_a_broken_pipe() {
    let sim = calm();
    raw(&sim, Script::new().reset());
    sim.block_on(async {
        let mut tcp = connect(&sim).await.expect("somebody listens");
        sim.sleep(seconds(1)).await;
        assert_eq!(kind(write(&mut tcp, b"x").await), Some(io::ErrorKind::ConnectionReset));
        assert_eq!(kind(write(&mut tcp, b"x").await), Some(io::ErrorKind::BrokenPipe));
    })
    .expect("no dead-lock");
}

#[test]
fn octets_to_a_server_that_has_closed_are_taken_and_answered_by_a_reset() {
    let sim = calm();
    raw(&sim, Script::new().fin());
    sim.block_on(async {
        let mut tcp = connect(&sim).await.expect("somebody listens");
        sim.sleep(seconds(1)).await;
        assert_eq!(read(&mut tcp).await.expect("an end"), b"");
        assert_eq!(write(&mut tcp, b"x").await.ok(), Some(1));
        sim.sleep(seconds(1)).await;
        assert_eq!(kind(write(&mut tcp, b"x").await), Some(io::ErrorKind::ConnectionReset));
    })
    .expect("no dead-lock");
}

#[test]
fn a_vectored_write_is_one_segment() {
    let sim = calm();
    let server = echo(&sim);
    sim.block_on(async {
        let mut tcp = connect(&sim).await.expect("somebody listens");
        let slices = [IoSlice::new(b"GET / HTTP/1.1\r\n"), IoSlice::new(b"host: a.test\r\n\r\n")];
        let n = poll_fn(|cx| Pin::new(&mut tcp).poll_write_vectored(cx, &slices)).await;
        assert_eq!(n.ok(), Some(32));
        assert!(read(&mut tcp).await.expect("a response").starts_with(b"HTTP/1.1 200 OK\r\n"));
        poll_fn(|cx| Pin::new(&mut tcp).poll_close(cx)).await.expect("a FIN never waits");
        assert_eq!(kind(write(&mut tcp, b"x").await), Some(io::ErrorKind::BrokenPipe));
    })
    .expect("no dead-lock");
    assert!(server.log()[0].complete);
}

#[test]
fn addresses_are_those_of_host_and_client() {
    let sim = calm();
    echo(&sim);
    let host = sim.host("a.test");
    let v6 = SocketAddr::new(host.add_ipv6(), 80);
    let v4 = SocketAddr::new(host.addresses()[1], 80);
    let runtime = sim.runtime();
    sim.block_on(async {
        let mut options = SocketOptions::default();
        options.local_address = Some("10.9.9.9".parse().expect("an address"));
        let tcp = runtime.connect(v4, &options).await.expect("somebody listens");
        assert_eq!(tcp.peer_addr(), Some(v4));
        assert_eq!(tcp.local_addr().map(|local| local.ip()), options.local_address);
        let tcp = runtime.connect(v6, &options).await.expect("somebody listens");
        assert_eq!(tcp.peer_addr(), Some(v6));
        assert!(tcp.local_addr().is_some_and(|local| local.is_ipv6()));
    })
    .expect("no dead-lock");
}
