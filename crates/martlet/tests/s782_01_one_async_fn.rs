//! `Client::new()` works under every executor, and the code that uses it names none.
#![cfg(all(feature = "tokio", feature = "smol", feature = "async-std"))]

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use martlet::http::StatusCode;
use martlet::{Client, Error};

use common::server::Server;

/// What an application or an SDK writes.
async fn talk(client: &Client, server: &Server) -> Result<(), Error> {
    let response = client.get(server.url("/")).send().await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.text().await?, "hello");
    let response = client.post(server.url("/echo")).body("content").await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.text().await?, "content");
    assert_eq!(client.get(server.url("/large")).send().await?.bytes().await?.len(), 1 << 20);
    Ok(())
}

/// An executor that knows nothing of any reactor: it parks the thread.
fn parking_block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

#[test]
fn on_tokio_with_many_threads() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(talk(&Client::new(), &server)).unwrap();
}

#[test]
fn in_a_task_of_tokio() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let task = runtime.spawn(async move { talk(&Client::new(), &server).await });
    runtime.block_on(task).unwrap().unwrap();
}

#[test]
fn on_tokio_with_the_current_thread() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(talk(&Client::new(), &server)).unwrap();
}

#[test]
fn on_smol() {
    smol::block_on(talk(&Client::new(), &Server::start())).unwrap();
}

#[test]
fn in_a_task_of_smol() {
    let server = Server::start();
    smol::block_on(smol::spawn(async move { talk(&Client::new(), &server).await })).unwrap();
}

#[test]
fn on_async_std() {
    async_std::task::block_on(talk(&Client::new(), &Server::start())).unwrap();
}

#[test]
fn on_an_executor_that_only_parks_its_thread() {
    parking_block_on(talk(&Client::new(), &Server::start())).unwrap();
}

#[test]
fn one_client_serves_all_of_them_in_turns() {
    let (client, server) = (Client::new(), Server::start());
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..3 {
        tokio.block_on(talk(&client, &server)).unwrap();
        smol::block_on(talk(&client, &server)).unwrap();
        async_std::task::block_on(talk(&client, &server)).unwrap();
        parking_block_on(talk(&client, &server)).unwrap();
    }
}

#[test]
fn a_client_is_made_where_no_runtime_is() {
    // Neither call does anything but put settings together.
    let client = Client::builder().build().unwrap();
    drop((client, Client::new(), Client::default()));
}
