//! `Smol` under several executors, and the tasks that it runs itself.

mod executor;

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use martlet_client::{Runtime, SocketOptions};
use martlet_smol::{Smol, Tcp};

use self::executor::run;

/// Answers `pong` to each `ping`.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.read_exact(&mut [0; 4]).is_ok() {
            stream.write_all(b"pong").unwrap();
        }
    });
    address
}

async fn ping(stream: &mut Tcp) {
    let n = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, b"ping")).await.unwrap();
    assert_eq!(n, 4);
    let mut answer = [0; 8];
    let n = poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut answer)).await.unwrap();
    assert_eq!(&answer[..n], b"pong");
}

#[test]
fn a_stream_serves_under_one_executor_after_another_and_on_any_thread() {
    run(async {
        let mut stream = Smol.connect(echo(), &SocketOptions::default()).await.unwrap();
        ping(&mut stream).await;
        for _ in 0..50 {
            stream = thread::spawn(move || {
                futures_lite::future::block_on(ping(&mut stream));
                async_io::block_on(ping(&mut stream));
                executor::block_on(ping(&mut stream));
                stream
            })
            .join()
            .unwrap();
        }
    });
}

#[test]
fn a_poll_after_a_response_sees_what_the_system_sees() {
    run(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (next, wait) = mpsc::channel::<()>();
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"response").unwrap();
            wait.recv().unwrap();
        });
        let mut stream = Smol.connect(address, &SocketOptions::default()).await.unwrap();
        let mut buf = [0; 64];
        let n = poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buf)).await.unwrap();
        assert_eq!(n, 8);
        // The peer closes, and the reactor is given no time to notice.
        next.send(()).unwrap();
        served.join().unwrap();
        let polled = Pin::new(&mut stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buf);
        assert!(matches!(polled, Poll::Ready(Ok(0))), "{polled:?}");
    });
}

#[test]
fn all_homes_are_one() {
    let here = Smol.home().unwrap().id();
    let there = thread::spawn(|| Smol.home().unwrap().id()).join().unwrap();
    assert_eq!((here, there), (0, 0));
}

#[test]
fn tasks_run_on_a_thread_named_after_the_library_and_a_panic_does_not_end_it() {
    let home = Smol.home().unwrap();
    home.spawn(async { panic!("expected by the test") });
    let (told, name) = mpsc::channel();
    thread::spawn(move || {
        home.spawn(async move {
            Smol.sleep_until(Smol.now() + Duration::from_millis(1)).await;
            told.send(thread::current().name().map(str::to_owned)).unwrap();
        });
    });
    let name = name.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(name.as_deref(), Some("martlet"));
}
