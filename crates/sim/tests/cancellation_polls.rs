//! A request that is dropped after each of its polls, on a network that moves one octet at a time.

mod common;

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::AsyncRead;
use martlet::{Body, Client};
use martlet_sim::{Sim, SimConfig, SimRequest, SimResponse};

use common::{Fetched, expect_pool, fetch, fetch_now, limited, read, settle, start};

const SAME: &str = "http://a.test/next";
const OTHER: &str = "http://b.test/next";

/// What the future yields within so many polls. Then it is dropped.
async fn within_polls<T>(future: impl Future<Output = T>, mut polls: usize) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Content octet by octet, with a break before each.
struct Drops {
    left: usize,
    pause: bool,
}

impl AsyncRead for Drops {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.pause = !self.pause;
        if self.pause {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let n = self.left.min(1);
        self.left -= n;
        buffer[..n].fill(b'd');
        Poll::Ready(Ok(n))
    }
}

/// Nothing takes time, and every read and write moves one octet.
fn world() -> Sim {
    let mut config = SimConfig::calm();
    config.segment = 1..=1;
    config.trace = false;
    let sim = Sim::with_config(0, config);
    for host in ["a.test", "b.test"] {
        sim.listen(host, 80, |request: SimRequest| match request.target.as_str() {
            "/chunked" => SimResponse::ok("one").piece("two").chunked().trailer("x-end", "yes"),
            "/interim" => SimResponse::ok("content").interim(103),
            "/close" => SimResponse::ok("content").close(),
            "/empty" => SimResponse::new(204),
            _ => SimResponse::ok(request.target),
        });
    }
    sim
}

type Begin = fn(&Client) -> Pin<Box<dyn Future<Output = Fetched> + Send>>;

const REQUESTS: [(&str, Begin); 8] = [
    ("sized", |client| Box::pin(fetch(client, "http://a.test/sized"))),
    ("chunked", |client| Box::pin(fetch(client, "http://a.test/chunked"))),
    ("interim", |client| Box::pin(fetch(client, "http://a.test/interim"))),
    ("close", |client| Box::pin(fetch(client, "http://a.test/close"))),
    ("empty", |client| Box::pin(fetch(client, "http://a.test/empty"))),
    ("put", |client| Box::pin(read(client.put("http://a.test/put").body("some content").send()))),
    ("expect", |client| {
        let request = client.post("http://a.test/expect").header("expect", "100-continue");
        Box::pin(read(request.body("some content").send()))
    }),
    ("stream", |client| {
        let body = Body::reader(Drops { left: 20, pause: false });
        Box::pin(read(client.post("http://a.test/stream").body(body).send()))
    }),
];

/// What of the pool is there when the request begins.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    /// A connection that it can use.
    Idle,
    /// One that has to make room.
    Foreign,
}

/// Drops it after `polls` polls; `None` if it ended before.
fn run(name: &str, begin: Begin, before: Before, waiter: Option<&str>, polls: usize) -> Option<()> {
    let sim = world();
    let client = limited(&sim, 1);
    match before {
        Before::Nothing => {}
        Before::Idle => fetch_now(&sim, &client, SAME),
        Before::Foreign => fetch_now(&sim, &client, OTHER),
    }
    let request = within_polls(begin(&client), polls);
    let waiting = match waiter {
        None => {
            let ended = sim.block_on(request).expect("no dead-lock");
            settle(&sim);
            if let Some(ended) = ended {
                ended.expect("an answer");
                return None;
            }
            None
        }
        Some(url) => {
            let request = start(&sim, request);
            let waiting = start(&sim, fetch(&client, url));
            settle(&sim);
            match request.result().expect("nothing takes time") {
                Some(ended) => _ = ended.expect("an answer"),
                None => assert!(waiting.is_over(), "{name} {before:?} {polls}\n{client:?}"),
            }
            Some(waiting)
        }
    };
    let stats = client.stats();
    assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "{name} {before:?} {polls}");
    assert_eq!(sim.open_connections(), stats.connections, "{name} {before:?} {polls}");
    assert!(waiting.is_none_or(|waiting| waiting.succeeded()), "{name} {before:?} {polls}");
    for url in [SAME, OTHER] {
        fetch_now(&sim, &client, url);
        expect_pool(&sim, &client, [1, 0, 0, 0]);
    }
    assert_eq!(sim.now(), Duration::ZERO);
    Some(())
}

#[test]
fn a_request_may_be_dropped_after_each_of_its_polls() {
    for (name, begin) in REQUESTS {
        for before in [Before::Nothing, Before::Idle, Before::Foreign] {
            let polls = (0..).take_while(|polls| run(name, begin, before, None, *polls).is_some()).count();
            // Each octet of the response is one at least.
            assert!(polls > 20, "{name} {before:?} took only {polls}");
            for waiter in [SAME, OTHER] {
                for polls in 0..polls {
                    run(name, begin, before, Some(waiter), polls);
                }
            }
        }
    }
}
