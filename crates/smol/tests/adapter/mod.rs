//! What the sockets, names and clock of every adapter do. The file that includes this gives `RUNTIME`,
//! its `Tcp`, and `run`, which runs a future to its end on that runtime and fails after a minute.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};
use martlet_client::{Runtime, SocketOptions, Transport};
use socket2::SockRef;

use crate::{RUNTIME, Tcp, run};

/// A listener on loopback that hands its one connection to `serve`, on a thread.
fn peer<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (address, thread::spawn(move || serve(listener.accept().unwrap().0)))
}

/// Closes with a reset instead of a FIN.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

async fn connect(to: SocketAddr) -> Tcp {
    RUNTIME.connect(to, &SocketOptions::default()).await.unwrap()
}

async fn read(stream: &mut (impl AsyncRead + Unpin), buf: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, buf)).await
}

async fn read_exact(stream: &mut (impl AsyncRead + Unpin), length: usize) -> Vec<u8> {
    let mut content = vec![0; length];
    let mut filled = 0;
    while filled < length {
        let n = read(stream, &mut content[filled..]).await.unwrap();
        assert_ne!(n, 0, "the stream ended after {filled} of {length} octets");
        filled += n;
    }
    content
}

async fn write_all(stream: &mut (impl AsyncWrite + Unpin), mut content: &[u8]) {
    while !content.is_empty() {
        let n = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, content)).await.unwrap();
        content = &content[n..];
    }
    poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx)).await.unwrap();
}

async fn close(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_close(cx)).await
}

/// What `peek` says when it no longer says "would block".
fn peek_at_last(stream: &impl Transport) -> io::Result<usize> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match stream.peek().unwrap() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                assert!(Instant::now() < deadline, "nothing arrived");
                thread::yield_now();
            }
            seen => return seen,
        }
    }
}

#[test]
fn octets_go_both_ways_and_the_end_of_the_stream_is_seen() {
    run(async {
        let (address, served) = peer(|mut stream| {
            let mut request = [0; 7];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(b"response").unwrap();
            (stream.peer_addr().unwrap(), request)
        });
        let mut stream = connect(address).await;
        let local = stream.local_addr().unwrap();
        assert_eq!(stream.peer_addr(), Some(address));
        write_all(&mut stream, b"request").await;
        assert_eq!(read_exact(&mut stream, 8).await, b"response");
        assert_eq!(read(&mut stream, &mut [0; 8]).await.unwrap(), 0);
        assert_eq!(read(&mut stream, &mut [0; 8]).await.unwrap(), 0);
        assert_eq!(served.join().unwrap(), (local, *b"request"));
    });
}

#[test]
fn a_vectored_write_takes_all_slices_at_once() {
    run(async {
        let (address, served) = peer(|mut stream| {
            let mut content = String::new();
            stream.read_to_string(&mut content).unwrap();
            content
        });
        let mut stream = connect(address).await;
        let slices = [IoSlice::new(b"head "), IoSlice::new(b""), IoSlice::new(b"content")];
        let n = poll_fn(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &slices)).await.unwrap();
        assert_eq!(n, "head content".len());
        close(&mut stream).await.unwrap();
        assert_eq!(served.join().unwrap(), "head content");
    });
}

#[test]
fn a_close_sends_the_end_of_the_stream_and_leaves_the_other_direction_open() {
    run(async {
        let (address, served) = peer(|mut stream| {
            let mut content = Vec::new();
            stream.read_to_end(&mut content).unwrap();
            stream.write_all(b"late").unwrap();
            content
        });
        let mut stream = connect(address).await;
        write_all(&mut stream, b"all").await;
        close(&mut stream).await.unwrap();
        assert_eq!(read_exact(&mut stream, 4).await, b"late");
        assert_eq!(read(&mut stream, &mut [0; 8]).await.unwrap(), 0);
        assert_eq!(served.join().unwrap(), b"all");
    });
}

#[test]
fn a_close_does_not_wait_for_a_peer_that_neither_reads_nor_closes() {
    run(async {
        let (address, served) = peer(|stream| stream);
        let mut stream = connect(address).await;
        let held = served.join().unwrap();
        let polled = Pin::new(&mut stream).poll_close(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(()))), "{polled:?}");
        drop(held);
    });
}

#[test]
fn a_second_close_succeeds_also_after_the_peer_has_closed() {
    run(async {
        let (address, served) = peer(drop);
        let mut stream = connect(address).await;
        close(&mut stream).await.unwrap();
        served.join().unwrap();
        assert_eq!(read(&mut stream, &mut [0; 8]).await.unwrap(), 0);
        close(&mut stream).await.unwrap();
    });
}

#[test]
fn closing_what_the_peer_has_reset_is_no_error() {
    run(async {
        let (address, served) = peer(|stream| stream);
        let mut stream = connect(address).await;
        reset(served.join().unwrap());
        let error = read(&mut stream, &mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        close(&mut stream).await.unwrap();
        close(&mut stream).await.unwrap();
    });
}

#[test]
fn more_than_the_systems_buffers_hold_goes_through_both_ways_at_once() {
    const LENGTH: usize = 8 << 20;
    run(async {
        let (address, served) = peer(|mut stream| {
            let mut writer = stream.try_clone().unwrap();
            let written = thread::spawn(move || writer.write_all(&vec![b'd'; LENGTH]).unwrap());
            let mut content = vec![0; LENGTH];
            stream.read_exact(&mut content).unwrap();
            written.join().unwrap();
            content
        });
        let mut stream = connect(address).await;
        let upload: Vec<u8> = (0..LENGTH).map(|i| (i % 251) as u8).collect();
        let (mut sent, mut received, mut buf) = (0, 0, vec![0; 64 << 10]);
        poll_fn(|cx| {
            while sent < LENGTH {
                match Pin::new(&mut stream).poll_write(cx, &upload[sent..]) {
                    Poll::Ready(n) => sent += n.unwrap(),
                    Poll::Pending => break,
                }
            }
            while received < LENGTH {
                match Pin::new(&mut stream).poll_read(cx, &mut buf) {
                    Poll::Ready(n) => received += n.unwrap(),
                    Poll::Pending => break,
                }
            }
            if sent == LENGTH && received == LENGTH { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(served.join().unwrap() == upload);
    });
}

#[test]
fn no_wake_up_is_lost_in_a_long_exchange_of_small_pieces() {
    const ROUNDS: usize = 3_000;
    run(async {
        let (address, served) = peer(|mut stream| {
            stream.set_nodelay(true).unwrap();
            let mut request = [0; 3];
            for round in 0..ROUNDS {
                stream.read_exact(&mut request).unwrap();
                // In one piece, or in two that may or may not be read together.
                match round % 3 {
                    0 => stream.write_all(b"answer").unwrap(),
                    _ => {
                        stream.write_all(b"ans").unwrap();
                        stream.write_all(b"wer").unwrap();
                    }
                }
            }
        });
        let mut stream = connect(address).await;
        for round in 0..ROUNDS {
            if round % 2 == 0 {
                let polled =
                    Pin::new(&mut stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut [0; 8]);
                assert!(polled.is_pending(), "{polled:?}");
            }
            write_all(&mut stream, b"ask").await;
            assert_eq!(read_exact(&mut stream, 6).await, b"answer");
        }
        served.join().unwrap();
        assert_eq!(read(&mut stream, &mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn the_task_that_polled_last_is_the_one_that_is_woken() {
    run(async {
        let (waits, go) = mpsc::channel();
        let (address, served) = peer(move |mut stream| {
            go.recv().unwrap();
            stream.write_all(b"x").unwrap();
        });
        let mut stream = connect(address).await;
        let mut buf = [0; 8];
        let polled = Pin::new(&mut stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buf);
        assert!(polled.is_pending());
        let n = poll_fn(|cx| {
            let polled = Pin::new(&mut stream).poll_read(cx, &mut buf);
            if polled.is_pending() {
                // The peer writes now that this task waits; what it is told twice it does not hear.
                let _ = waits.send(());
            }
            polled
        });
        assert_eq!(n.await.unwrap(), 1);
        served.join().unwrap();
    });
}

#[test]
fn options_are_set_on_the_socket() {
    run(async {
        let (address, served) = peer(drop);
        let mut options = SocketOptions::default();
        options.keepalive = Some(Duration::from_secs(42));
        options.send_buffer_size = Some(40_000);
        options.recv_buffer_size = Some(50_000);
        let stream = RUNTIME.connect(address, &options).await.unwrap();
        let socket = SockRef::from(stream.get_ref());
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(42));
        // Linux reserves, and tells, twice of what was asked for.
        let send = socket.send_buffer_size().unwrap();
        assert!(send == 40_000 || send == 80_000, "{send}");
        let recv = socket.recv_buffer_size().unwrap();
        assert!(recv == 50_000 || recv == 100_000, "{recv}");
        served.join().unwrap();
    });
}

#[test]
fn keep_alive_after_less_than_a_second_is_one_after_a_second() {
    run(async {
        let (address, served) = peer(drop);
        let mut options = SocketOptions::default();
        options.keepalive = Some(Duration::from_millis(200));
        let stream = RUNTIME.connect(address, &options).await.unwrap();
        assert!(SockRef::from(stream.get_ref()).keepalive().unwrap());
        served.join().unwrap();
    });
}

#[test]
fn options_that_are_off_are_left_to_the_system() {
    run(async {
        let (address, served) = peer(drop);
        let mut options = SocketOptions::default();
        options.nodelay = false;
        let stream = RUNTIME.connect(address, &options).await.unwrap();
        let socket = SockRef::from(stream.get_ref());
        assert!(!socket.tcp_nodelay().unwrap());
        assert!(!socket.keepalive().unwrap());
        served.join().unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_connection_comes_from_the_local_address_that_was_asked_for() {
    run(async {
        let (address, served) = peer(|stream| stream.peer_addr().unwrap());
        let mut options = SocketOptions::default();
        options.local_address = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)));
        let stream = RUNTIME.connect(address, &options).await.unwrap();
        let seen = served.join().unwrap();
        assert_eq!(seen.ip(), Ipv4Addr::new(127, 0, 0, 9));
        assert_eq!(stream.local_addr(), Some(seen));
    });
}

#[test]
fn a_local_address_of_the_other_family_is_not_used() {
    run(async {
        let (address, served) = peer(|stream| stream.peer_addr().unwrap());
        let mut options = SocketOptions::default();
        options.local_address = Some("::1".parse::<IpAddr>().unwrap());
        RUNTIME.connect(address, &options).await.unwrap();
        assert_eq!(served.join().unwrap().ip(), Ipv4Addr::LOCALHOST);
    });
}

#[test]
fn a_local_address_that_is_not_ours_is_an_error() {
    run(async {
        let (address, served) = peer(drop);
        let mut options = SocketOptions::default();
        options.local_address = Some("192.0.2.1".parse::<IpAddr>().unwrap());
        let error = RUNTIME.connect(address, &options).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        TcpStream::connect(address).unwrap();
        served.join().unwrap();
    });
}

#[test]
fn a_port_that_nobody_listens_on_refuses() {
    run(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = RUNTIME.connect(address, &SocketOptions::default()).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.raw_os_error().is_some(), "not the system's own error: {error:?}");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_refusal_that_comes_late_is_the_error_of_the_connect() {
    use socket2::{Domain, Socket, Type};

    run(async {
        // The backlog of a listener that does not accept takes one; the next attempt hangs until the system
        // repeats it after a second, and by then nobody listens.
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let held = connect(address).await;
        let options = SocketOptions::default();
        let mut attempt = pin!(RUNTIME.connect(address, &options));
        assert!(attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(listener);
        assert_eq!(attempt.await.err().unwrap().kind(), io::ErrorKind::ConnectionRefused);
        drop(held);
    });
}

#[test]
fn peek_tells_silence_data_and_the_end_apart_and_takes_nothing() {
    run(async {
        let (address, served) = peer(|stream| stream);
        let mut stream = connect(address).await;
        let mut served = served.join().unwrap();
        let silence = stream.peek().unwrap().unwrap_err();
        assert_eq!(silence.kind(), io::ErrorKind::WouldBlock);
        served.write_all(b"a").unwrap();
        assert_eq!(peek_at_last(&stream).unwrap(), 1);
        assert_eq!(peek_at_last(&stream).unwrap(), 1);
        assert_eq!(read_exact(&mut stream, 1).await, b"a");
        drop(served);
        assert_eq!(peek_at_last(&stream).unwrap(), 0);
        assert_eq!(read(&mut stream, &mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn peek_tells_of_a_reset() {
    run(async {
        let (address, served) = peer(|stream| stream);
        let stream = connect(address).await;
        reset(served.join().unwrap());
        assert_eq!(peek_at_last(&stream).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn localhost_has_loopback_addresses_with_the_port_that_was_asked_for() {
    run(async {
        let addresses = RUNTIME.resolve("localhost", 8080).await.unwrap();
        assert!(!addresses.is_empty());
        for address in addresses {
            assert!(address.ip().is_loopback(), "{address}");
            assert_eq!(address.port(), 8080);
        }
    });
}

#[test]
fn a_name_that_does_not_exist_is_an_error() {
    run(async {
        // The empty label keeps resolvers from asking the network.
        let found = RUNTIME.resolve("nobody..invalid", 80).await;
        assert!(found.is_err(), "{found:?}");
    });
}

#[test]
fn a_timer_fires_at_its_deadline_and_not_before() {
    run(async {
        let start = RUNTIME.now();
        RUNTIME.sleep_until(start).await;
        let deadline = start + Duration::from_millis(20);
        RUNTIME.sleep_until(deadline).await;
        assert!(RUNTIME.now() >= deadline);
    });
}

#[test]
fn random_numbers_differ_within_a_thread_and_between_threads() {
    let mut seen: Vec<u64> = (0..4)
        .map(|_| thread::spawn(|| (0..500).map(|_| RUNTIME.random()).collect::<Vec<_>>()))
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 2_000);
}

#[test]
#[cfg(unix)]
fn a_unix_socket_is_read_written_peeked_at_and_closed() {
    use std::os::unix::net::UnixListener;

    let path = std::env::temp_dir().join(format!("martlet-{}-{:x}", std::process::id(), RUNTIME.random()));
    let listener = UnixListener::bind(&path).unwrap();
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut content = Vec::new();
        stream.read_to_end(&mut content).unwrap();
        stream.write_all(b"late").unwrap();
        content
    });
    let to = path.clone();
    run(async move {
        let mut stream = RUNTIME.connect_unix(&to).await.unwrap();
        assert_eq!((stream.local_addr(), stream.peer_addr()), (None, None));
        assert_eq!(stream.peek().unwrap().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let slices = [IoSlice::new(b"head "), IoSlice::new(b"content")];
        let n = poll_fn(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &slices)).await.unwrap();
        assert_eq!(n, 12);
        close(&mut stream).await.unwrap();
        close(&mut stream).await.unwrap();
        assert_eq!(read_exact(&mut stream, 4).await, b"late");
        assert_eq!(served.join().unwrap(), b"head content");
    });
    std::fs::remove_file(path).unwrap();
}

#[test]
#[cfg(unix)]
fn a_unix_socket_that_does_not_exist_is_not_found() {
    run(async {
        let path = std::env::temp_dir().join("martlet-nobody-listens-here");
        let error = RUNTIME.connect_unix(&path).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}
