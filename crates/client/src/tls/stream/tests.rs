use std::sync::Arc;
use std::task::Waker;

use futures_lite::future::{block_on, zip};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::tls::testing::*;
use crate::tls::{TlsFailure, TlsVersion};

fn poll_read(io: &mut TlsTransport, buf: &mut [u8]) -> Poll<io::Result<usize>> {
    Pin::new(io).poll_read(&mut Context::from_waker(Waker::noop()), buf)
}

fn poll_close(io: &mut TlsTransport) -> Poll<io::Result<()>> {
    Pin::new(io).poll_close(&mut Context::from_waker(Waker::noop()))
}

fn open(version: TlsVersion) -> (TlsTransport, futures_rustls::server::TlsStream<End>) {
    let (near, _info, far) = met(&load(&trusting(), &[]), server(&CA.leaf(), (version, version)));
    (near, far)
}

#[test]
fn an_end_that_was_announced_is_the_end() {
    for version in VERSIONS {
        let (mut near, mut far) = open(version);
        block_on(async {
            far.write_all(b"all").await.unwrap();
            far.close().await.unwrap();
            let mut all = Vec::new();
            near.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, b"all");
        });
        assert!(matches!(poll_read(&mut near, &mut [0; 8]), Poll::Ready(Ok(0))));
    }
}

#[test]
fn an_end_that_was_not_announced_is_an_error() {
    for version in VERSIONS {
        let (mut near, mut far) = open(version);
        block_on(async {
            far.write_all(b"not all").await.unwrap();
            far.flush().await.unwrap();
        });
        drop(far);
        let mut buf = [0; 16];
        assert!(matches!(poll_read(&mut near, &mut buf), Poll::Ready(Ok(7))));
        let Poll::Ready(Err(e)) = poll_read(&mut near, &mut buf) else { panic!() };
        assert_eq!(e.kind(), io::ErrorKind::UnexpectedEof);
        // And stays one.
        assert!(matches!(poll_read(&mut near, &mut buf), Poll::Ready(Err(_))));
    }
}

#[test]
fn a_close_is_announced_before_the_transport_ends() {
    for version in VERSIONS {
        let (mut near, mut far) = open(version);
        let outgoing = far.get_ref().0.incoming();
        assert!(matches!(poll_close(&mut near), Poll::Ready(Ok(()))));
        assert!(outgoing.is_closed());
        let mut all = Vec::new();
        block_on(far.read_to_end(&mut all)).unwrap();
        assert!(all.is_empty());
        let before = outgoing.carried();
        assert!(matches!(poll_close(&mut near), Poll::Ready(Ok(()))));
        assert_eq!(outgoing.carried(), before, "announced twice");
        let written = block_on(near.write(b"too late"));
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_close_does_not_wait_for_a_peer_that_reads_nothing() {
    let (mut near, far) = open(TlsVersion::Tls13);
    let outgoing = far.get_ref().0.incoming();
    outgoing.limit(0);
    assert!(matches!(poll_close(&mut near), Poll::Ready(Ok(()))));
    assert!(outgoing.is_closed());
}

#[test]
fn a_ticket_that_comes_late_is_no_news() {
    let (near, far) = pipe();
    let server = Arc::new(server(&CA.leaf(), (TlsVersion::Tls13, TlsVersion::Tls13)));
    let (near, _far) = meet_over(&load(&trusting(), &[]), &server, near, far);
    let mut near = near.unwrap().0;
    assert!(matches!(near.peek(), Some(Ok(n)) if n > 0), "no ticket is under way");
    assert!(poll_read(&mut near, &mut [0; 64]).is_pending());
    assert!(matches!(near.peek(), Some(Err(e)) if e.kind() == io::ErrorKind::WouldBlock));
}

#[test]
fn what_came_before_a_failure_is_handed_out_before_it() {
    let (mut near, mut far) = open(TlsVersion::Tls13);
    let incoming = far.get_ref().0.outgoing();
    block_on(async {
        far.write_all(b"an answer").await.unwrap();
        far.flush().await.unwrap();
    });
    // A record that nobody can decrypt.
    incoming.put(&[23, 3, 3, 0, 32]);
    incoming.put(&[0; 32]);
    let mut buf = [0; 4];
    let mut all = Vec::new();
    let failure = loop {
        match poll_read(&mut near, &mut buf) {
            Poll::Ready(Ok(n)) => all.extend_from_slice(&buf[..n]),
            Poll::Ready(Err(e)) => break e,
            Poll::Pending => panic!("it waits"),
        }
    };
    assert_eq!(all, b"an answer");
    assert_eq!(TlsFailure::of(&failure), Some(TlsFailure::Protocol));
    assert!(matches!(poll_read(&mut near, &mut buf), Poll::Ready(Err(_))));
}

#[test]
fn a_reset_stays_a_reset() {
    let (mut near, far) = open(TlsVersion::Tls13);
    far.get_ref().0.outgoing().fail(io::ErrorKind::ConnectionReset);
    let Poll::Ready(Err(e)) = poll_read(&mut near, &mut [0; 8]) else { panic!() };
    assert_eq!(e.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(TlsFailure::of(&e), None);
}

#[test]
fn the_transport_below_answers_what_it_is_asked() {
    let (near, far) = open(TlsVersion::Tls12);
    assert_eq!(near.local_addr(), Some(([192, 0, 2, 1], 1).into()));
    assert_eq!(near.peer_addr(), Some(([192, 0, 2, 2], 2).into()));
    assert!(matches!(near.peek(), Some(Err(e)) if e.kind() == io::ErrorKind::WouldBlock));
    drop(far);
    assert!(matches!(near.peek(), Some(Ok(0))));
}

#[test]
fn a_write_of_several_pieces_is_one_record() {
    let (mut near, mut far) = open(TlsVersion::Tls13);
    let outgoing = far.get_ref().0.incoming();
    let before = outgoing.carried();
    let pieces = [IoSlice::new(b"head, "), IoSlice::new(b""), IoSlice::new(b"content")];
    let mut cx = Context::from_waker(Waker::noop());
    let written = Pin::new(&mut near).poll_write_vectored(&mut cx, &pieces);
    assert!(matches!(written, Poll::Ready(Ok(13))));
    // Header, content type and tag.
    assert_eq!(outgoing.carried() - before, 5 + 13 + 1 + 16);
    let mut all = [0; 13];
    block_on(far.read_exact(&mut all)).unwrap();
    assert_eq!(&all, b"head, content");
}

#[test]
fn a_peer_that_reads_slowly_gets_everything() {
    let (mut near, mut far) = open(TlsVersion::Tls13);
    far.get_ref().0.incoming().limit(1_000);
    let sent: Vec<u8> = (0..300_000u32).map(|n| (n / 7) as u8).collect();
    let (_, received) = block_on(zip(
        async {
            near.write_all(&sent).await.unwrap();
            near.flush().await.unwrap();
        },
        async {
            let mut received = vec![0; sent.len()];
            far.read_exact(&mut received).await.unwrap();
            received
        },
    ));
    assert_eq!(received, sent);
}

#[test]
fn what_only_this_layer_has_accepted_counts_for_nothing() {
    let (mut near, far) = open(TlsVersion::Tls13);
    let outgoing = far.get_ref().0.incoming();
    outgoing.limit(0);
    let taken = near.stream.get_ref().0.taken().clone();
    let before = taken.octets();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(Pin::new(&mut near).poll_write(&mut cx, b"head"), Poll::Ready(Ok(4))));
    assert!(Pin::new(&mut near).poll_flush(&mut cx).is_pending());
    assert_eq!(taken.octets(), before);
    outgoing.limit(1 << 20);
    assert!(Pin::new(&mut near).poll_flush(&mut cx).is_ready());
    assert_eq!(taken.octets(), before + 5 + 4 + 1 + 16);
}
