//! A connection attempt that is given up leaves nothing behind. This counts the process's file descriptors, so
//! it is alone in its process.
#![cfg(target_os = "linux")]

mod executor;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Waker};

use martlet_client::{Runtime, SocketOptions};
use martlet_smol::Smol;
use socket2::{Domain, Socket, Type};

#[test]
fn dropping_the_future_of_a_connect_closes_its_socket() {
    executor::run(async {
        // The backlog of a listener that does not accept takes one; the next attempts hang.
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let held = Smol.connect(address, &SocketOptions::default()).await.unwrap();

        let before = open_files();
        {
            let options = SocketOptions::default();
            let mut attempt = pin!(Smol.connect(address, &options));
            assert!(attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(open_files(), before + 1);
        }
        assert_eq!(open_files(), before);
        drop(held);
    });
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
